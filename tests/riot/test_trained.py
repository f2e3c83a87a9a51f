"""The trained visual-wake-words model sees people on a 16 KiB board, under real RIOT in QEMU, from images in flash."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.execution.photographs import SHARED, write_photographs

MODEL = "mlperf_vww_mobilenetv1_96_int8"

pytestmark = [pytest.mark.riot, pytest.mark.cross]


def msf_riot(*arguments: str) -> str:
    done = subprocess.run(
        ["msf-riot", *arguments], env=os.environ | {"EMULATE": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("board", ["microbit", pytest.param("hifive1b", marks=pytest.mark.long)])
def test_photographs_on_a_board_of_sixteen_kibibytes(riot: Path, board: str, tmp_path: Path) -> None:
    model = SHARED / f"{MODEL}.onnx"
    if not model.is_file():
        pytest.skip(f"no {MODEL} in {SHARED}")
    plan, photographs = str(tmp_path / "plan.json"), tmp_path / "photographs.npz"
    write_photographs(photographs, MODEL)
    msf_riot("plan", str(model), "--board", board, "--input", "windows", "-o", plan)
    options = ["--board", board, "--plan", plan, "--inputs", str(photographs), "--json"]
    found = json.loads(msf_riot("verify", str(model), *options))
    assert found["match"] is True and found["top1_agreement"] == 1.0
