"""apps/evaluate under RIOT: samples in frames through its console of 64 characters, on a process and in QEMU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msf_riot.evaluation import evaluate
from msf_riot.source import ModelSource

pytestmark = [pytest.mark.riot, pytest.mark.cross]


@pytest.mark.parametrize("board", [pytest.param("native64", marks=pytest.mark.long), "microbit"])
def test_samples_go_to_a_board_and_outputs_come_back(riot, emulated, board: str, tmp_path: Path) -> None:
    emulated(board)
    random = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", random.uniform(-1, 1, (3, 3, 20, 20)).astype(np.float32), y=np.array([0, 1, 0]))
    found = evaluate(ModelSource("zoo:tiny-vww"), tmp_path / "data.npz", board=board)
    assert found.samples == 3 and found.board == board
    assert found.equal_fraction == 1.0
