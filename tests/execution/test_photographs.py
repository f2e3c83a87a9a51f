"""The trained models tell a person from a cat, a cup and a rocket: in the reference, and so in C on every board."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from msf_riot.agreement import to_int8
from msf_riot.importer import import_model
from msf_riot.reference import execute
from tests.execution.photographs import MODELS, PERSON, SHARED, photograph, write_photographs


def trained(model: str) -> Path:
    path = SHARED / f"{model}.onnx"
    if not path.is_file():
        pytest.skip(f"no {model} in {SHARED}")
    return path


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", PERSON)
def test_class_of_a_photograph(model: str, name: str) -> None:
    graph = import_model(trained(model))
    scores = execute(graph, to_int8(photograph(name, model), graph.tensor(graph.input))).ravel()
    assert bool(np.argmax(scores) == 1) is PERSON[name]


@pytest.mark.cross
@pytest.mark.parametrize("board", [pytest.param("host", marks=pytest.mark.long), "sim-m4"])
@pytest.mark.parametrize("model", MODELS)
def test_photographs_on_a_board_give_the_bytes_of_the_reference(model: str, board: str, tmp_path: Path) -> None:
    write_photographs(tmp_path / "photographs.npz", model)
    command = ["msf-riot", "verify", str(trained(model)), "--board", board, "--json", "--inputs"]
    done = subprocess.run([*command, str(tmp_path / "photographs.npz")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["match"] is True and found["top1_agreement"] == 1.0
