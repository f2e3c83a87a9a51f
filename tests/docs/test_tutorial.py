"""Every command of docs/tutorial.md, run as it stands there, prints what stands there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from msf_riot import boards
from msf_riot.places import ROOT

TEXT = (ROOT / "docs" / "tutorial.md").read_text()
FILES = ROOT / "docs" / "tutorial"


def blocks() -> list[tuple[frozenset[str], list[tuple[str, str]]]]:
    """(what it needs, (command, output) in order) of each console block."""
    found = []
    for needs, body in re.findall(r"^```console([^\n]*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        steps = re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
        found.append((frozenset(needs.split()), [tuple(step.split("\n", 1)) for step in steps]))
    return found


def pattern(expected: str) -> re.Pattern[str]:
    """Blanks count as one, … stands for anything; a line of its own for any lines."""
    lines = []
    for line in expected.strip().splitlines():
        words = " ".join(line.split())
        lines.append(".*?" if words == "…" else "[^\n]*?".join(map(re.escape, words.split("…"))) + "\n")
    return re.compile("".join(lines), re.DOTALL)


def normal(output: str) -> str:
    return "".join(" ".join(line.split()) + "\n" for line in output.strip().splitlines())


def run(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "BOARD": "native64", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def follow(folder: Path, needs: set[str], **settings: str) -> int:
    """Runs the blocks that need no more than `needs`, in order, and counts the commands."""
    count = 0
    for wanted, steps in blocks():
        if not wanted <= needs:
            continue
        for command, expected in steps:
            result = run(command, folder, **settings)
            assert result.returncode in ((0, 124) if command.startswith("timeout") else (0,)), result.stderr
            printed = normal(result.stdout)
            assert pattern(expected).fullmatch(printed) or expected.strip() in ("", "…"), (command, printed)
            count += 1
    return count


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a reader stands after the training, with the application's files as the page has them."""
    for name in ("digits.onnx", "digits.npz", "digits_test.npz"):
        shutil.copy(FILES / name, tmp_path)
    (tmp_path / "digits").mkdir()
    for name, text in re.findall(r"^`(digits/[\w.]+)`\n\n```\w+\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_from_a_float_model_to_this_machine(folder: Path) -> None:
    assert follow(folder, set()) == 5


@pytest.mark.cross
def test_to_a_simulated_board(folder: Path) -> None:
    if boards.load("sim-m4").toolchain.find() is None:
        pytest.skip("the compiler for sim-m4 is not installed")
    assert follow(folder, {"cross"}) == 7


@pytest.mark.long
@pytest.mark.riot
@pytest.mark.cross
def test_to_an_application_under_riot(folder: Path, riot: Path) -> None:
    assert len(list((folder / "digits").iterdir())) == 3
    assert follow(folder, {"riot", "cross"}, RIOTBASE=str(riot)) == 11


@pytest.mark.long
def test_the_training_writes_what_the_rest_starts_from(tmp_path: Path) -> None:
    missing = [name for name in ("torch", "sklearn", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    shutil.copy(FILES / "train.py", tmp_path)
    assert follow(tmp_path, {"train"}) >= 1
    assert (tmp_path / "digits.onnx").is_file() and (tmp_path / "digits.npz").is_file()
