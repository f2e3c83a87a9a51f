"""The tool from a wheel, without the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from msf_riot.places import ROOT

HERE = Path(__file__).parent


def test_everything_comes_with_the_wheel(installed, tmp_path: Path) -> None:
    before = sorted(installed.site_packages.rglob("*.[!p]*"))
    found = installed.run("msf-riot", "makefile", cwd=tmp_path)
    makefile = Path(found.stdout.strip())
    assert found.returncode == 0 and makefile.is_file() and makefile.is_relative_to(installed.site_packages)
    boards = json.loads(installed.run("msf-riot", "boards", "--json", cwd=tmp_path).stdout)
    assert {board["name"] for board in boards} >= {"host", "microbit", "nrf52840dk"}
    verified = installed.run("msf-riot", "verify", "zoo:tiny-residual", "--board", "host", "--json", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["match"] is True
    assert not list(tmp_path.iterdir())
    assert sorted(installed.site_packages.rglob("*.[!p]*")) == before


def test_the_wheel_holds_the_sources_and_nothing_that_was_built(installed) -> None:
    data = installed.site_packages / "msf_riot" / "data"
    listed = subprocess.run(
        ["git", "ls-files", "riot_pkg", "apps", "sim", "boards.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    tracked = {name for name in listed.stdout.split() if (ROOT / name).is_file()}
    assert tracked <= {str(path.relative_to(data)) for path in data.rglob("*")}
    assert not [path for path in data.rglob("*") if path.suffix in (".o", ".elf", ".pyc") or path.name == "bin"]


@pytest.mark.long
def test_pip_installs_all_it_needs(wheel: Path, tmp_path: Path) -> None:
    """Into an empty environment, with the dependencies from the package index."""
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, str(wheel)], check=True)
    command = [str(python.with_name("msf-riot")), "verify", "zoo:tiny-residual", "--board", "host", "--json"]
    verified = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["match"] is True
