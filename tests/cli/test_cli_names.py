"""Files whose names are awkward, names and labels that a user chooses, and folders that make cannot work with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from command import run

from msf_riot import boards, zoo


def complaint(result: subprocess.CompletedProcess[str], status: int = 2) -> str:
    assert result.returncode == status, result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    return line


def named(folder: Path, stem: str) -> Path:
    """tiny-residual under another name."""
    path = folder / f"{stem}.onnx"
    shutil.copy(zoo.resolve("zoo:tiny-residual"), path)
    return path


RUNTIME_WORDS = ("model", "stage", "profile", "port", "runtime", "vectors", "kernels")


@pytest.mark.parametrize("stem", ["model", "漢字", "9 $(lives) 'n\"\\"])
def test_a_model_with_an_awkward_name_matches(tmp_path: Path, stem: str) -> None:
    result = run("verify", named(tmp_path, stem), "--board", "host", "--json")
    assert result.returncode == 0 and '"match": true' in result.stdout, result.stderr


@pytest.mark.long
@pytest.mark.parametrize("stem", [*RUNTIME_WORDS, "漢字"])
@pytest.mark.parametrize("board", ["host", pytest.param("native64", marks=pytest.mark.riot)])
def test_each_of_the_runtimes_own_words_matches(tmp_path: Path, stem: str, board: str) -> None:
    result = run("verify", named(tmp_path, stem), "--board", board, "--json")
    assert result.returncode == 0 and '"match": true' in result.stdout, result.stderr


def test_colliding_models_are_refused_by_name_until_one_has_another(tmp_path: Path) -> None:
    shutil.copy(zoo.resolve("zoo:tiny-residual"), tmp_path / "my net.onnx")
    shutil.copy(zoo.resolve("zoo:tiny-vww"), tmp_path / "my_net.onnx")
    assert run("generate", tmp_path / "my net.onnx", "-o", tmp_path / "out").returncode == 0
    line = complaint(run("generate", tmp_path / "my_net.onnx", "-o", tmp_path / "out"))
    assert "my net" in line and "my_net" in line and "--name" in line
    assert run("generate", tmp_path / "my_net.onnx", "-o", tmp_path / "out", "--name", "other").returncode == 0
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"msf_model_my_net", "msf_model_other"}


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in ("Vww", "a__b", "", "a b", "$(x)", "x" * 200):
        line = complaint(run("generate", "zoo:tiny-vww", "-o", tmp_path, "--name", name))
        assert "is no name for a model" in line
    assert not any(tmp_path.iterdir())


def test_labels_of_a_file_stand_in_the_header(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text('nobody\na "person"\n')
    assert run("generate", "zoo:tiny-vww", "-o", tmp_path, "--labels", labels, "--name", "door").returncode == 0
    assert '"a \\042person\\042"' in (tmp_path / "msf_model_door" / "labels.c").read_text()
    labels.write_text("nobody\n")
    assert "1 labels" in complaint(run("generate", "zoo:tiny-vww", "-o", tmp_path, "--labels", labels))


def test_a_temporary_folder_with_a_space_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    line = complaint(run("verify", "zoo:tiny-vww", "--board", "host", TMPDIR=str(folder)))
    assert "TMPDIR" in line and "' '" in line
    assert not list(folder.glob("msf-riot*"))


def test_a_checkout_of_riot_in_a_folder_with_a_space_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    (folder / "makefiles").mkdir()
    (folder / "Makefile.include").touch()
    result = run("verify", "zoo:tiny-vww", "--board", "native64", RIOTBASE=str(folder))
    line = complaint(result)
    assert "RIOT" in line and "two words" in line
    assert boards.load("native64").kind == "riot"
