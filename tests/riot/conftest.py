"""The selftest under RIOT, built once for each board, and boards in QEMU."""

import shutil

import pytest

from msf_riot import boards
from msf_riot.build import build
from msf_riot.places import ROOT

APPLICATION = ROOT / "apps" / "selftest"
PACKAGES = ROOT / "tests" / "sim" / "packages"


@pytest.fixture(scope="session")
def built(riot, tmp_path_factory):
    """Builds apps/selftest with the packages of tests/sim, once for each board."""
    directory = tmp_path_factory.mktemp("riot")
    builds = {}

    def once(name):
        board = boards.load(name)
        if board.toolchain.find() is None:
            pytest.skip(f"{name}: {board.toolchain.executables[0]} is not installed")
        if name not in builds:
            builds[name] = build(board, APPLICATION, PACKAGES, directory, jobs=2)
        return builds[name]

    return once


@pytest.fixture
def emulated(monkeypatch):
    """EMULATE=1, for boards whose QEMU is installed."""

    def set_for(name):
        emulator = boards.load(name).emulator
        if emulator is None:
            return
        if shutil.which(emulator.executables[0]) is None:
            pytest.skip(f"{name}: {emulator.executables[0]} is not installed")
        monkeypatch.setenv("EMULATE", "1")

    return set_for
