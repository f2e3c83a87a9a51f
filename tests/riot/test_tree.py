"""The packages in RIOT's own tree: its static tests, and what a user of it may choose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from msf_riot.places import ROOT

pytestmark = pytest.mark.riot

SELFTEST = ROOT / "apps" / "selftest"
PACKAGES = ROOT / "tests" / "sim" / "packages"


@pytest.mark.parametrize("options", [["--quick"], pytest.param([], marks=pytest.mark.long)])
def test_riots_static_tests_pass(riot: Path, options: list[str]) -> None:
    command = [sys.executable, str(ROOT / ".ci" / "riot_tree.py"), *options]
    tools = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "RIOTBASE": str(riot)}
    result = subprocess.run(command, env=os.environ | tools, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    said = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert all(said[name] == "passed" for name in ("whitespacecheck", "externc", "headerguards", "test on native64"))
    assert set(said.values()) <= {"passed"} | {v for v in said.values() if v.startswith("skipped, ")}


def kernel(folder: Path, riot: Path, **settings: str) -> bytes:
    """A kernel's machine code after the selftest's build for native64."""
    environment = {
        "BOARD": "native64",
        "RIOTBASE": str(riot),
        "MSFBASE": str(ROOT),
        "EXTERNAL_PKG_DIRS": f"{ROOT / 'riot_pkg'} {PACKAGES}",
        "BINDIRBASE": str(folder / "bin"),
        **settings,
    }
    command = ["make", "-j2", "-C", str(folder / "selftest"), "all"]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if "could not resolve host" in result.stderr.lower():
        pytest.skip("RIOT cannot download its Kconfiglib here")
    assert result.returncode == 0, result.stdout + result.stderr
    with (folder / "bin/native64/msf_runtime/portable/conv2d_s8.o").open("rb") as file:
        return b"".join(each.data() for each in ELFFile(file).iter_sections() if each.name.startswith(".text"))


@pytest.mark.long
def test_how_the_kernels_are_compiled_can_be_chosen(riot: Path, tmp_path: Path) -> None:
    shutil.copytree(SELFTEST, tmp_path / "selftest")
    codes = [
        kernel(tmp_path, riot, CFLAGS_OPT=optimize, **chosen)
        for optimize, chosen in (
            ("-Os", {}),
            ("-O2", {}),
            ("-Os", {"CONFIG_MSF_OPTIMIZE_SPEED": "y"}),
            ("-O2", {"CONFIG_MSF_OPTIMIZE_SIZE": "y"}),
        )
        if not shutil.rmtree(tmp_path / "bin", ignore_errors=True)
    ]
    small, fast, chosen_fast, chosen_small = codes
    assert small != fast
    assert chosen_fast == fast and chosen_small == small


@pytest.mark.long
def test_kconfig_offers_the_choice(riot: Path, tmp_path: Path) -> None:
    shutil.copytree(SELFTEST, tmp_path / "selftest")
    small = kernel(tmp_path, riot, CFLAGS_OPT="-Os")
    shutil.rmtree(tmp_path / "bin")
    (tmp_path / "selftest" / "app.config").write_text("CONFIG_MSF_OPTIMIZE_SPEED=y\n")
    assert kernel(tmp_path, riot, CFLAGS_OPT="-Os") != small
    assert "CONFIG_MSF_OPTIMIZE_SPEED=y" in (tmp_path / "bin/native64/generated/out.config").read_text()
