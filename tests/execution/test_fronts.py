"""Every plan on the Pareto front of a model gives the bytes that layer-by-layer execution gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msf_riot import boards, importer, passes, zoo
from msf_riot.planner import candidates, layer_by_layer, pareto_front, write_plan
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from msf_riot.source import ModelSource
from msf_riot.verify import verify
from tests.execution.harness import ROOT, run_on_host

SHARED = ROOT.parent / "shared/models"
OPTIMIZED = ("-O2",)
QUICK = [f"zoo:{name}" for name in zoo.names() if name.startswith("tiny-")]
LONG = [f"zoo:{name}" for name in zoo.names() if not name.startswith("tiny-")]


TRAINED = ["kws_dscnn", "ic_resnet8", "vww_mobilenetv1_96", "ad_autoencoder", "vww_80"]


def trained(name: str) -> Path:
    found = sorted(SHARED.glob(f"*{name}_int8.onnx"))
    if not found:
        pytest.skip(f"no {name} model in {SHARED}")
    return found[0]


def check_front(model: Path) -> None:
    graph = importer.import_model(model)
    random = np.random.default_rng(11)
    inputs = random.integers(-128, 128, (1, *graph.input_shape)).astype(np.int8)
    expected = np.stack([execute(graph, each) for each in inputs])
    front = pareto_front(candidates(graph, "windows"))
    plans = [layer_by_layer(graph), *pareto_front(candidates(graph, "rows", max_overhead=1.0)), *front]
    for plan in plans:
        scheduled = schedule(graph, plan)
        assert scheduled.arena_bytes == plan.peak_ram
        np.testing.assert_array_equal(run_on_host(scheduled, inputs, OPTIMIZED), expected)


@pytest.mark.parametrize("model", QUICK)
def test_every_plan_of_the_front_equals_layer_by_layer(model: str) -> None:
    check_front(zoo.resolve(model))


@pytest.mark.long
@pytest.mark.parametrize("model", LONG)
def test_every_plan_of_the_front_of_a_whole_network_equals_layer_by_layer(model: str) -> None:
    check_front(zoo.resolve(model))


@pytest.mark.long
@pytest.mark.parametrize("name", TRAINED)
def test_every_plan_of_the_front_of_a_trained_network_equals_layer_by_layer(name: str) -> None:
    check_front(trained(name))


def check_ends_and_middle(model: str, board: str, folder: Path) -> None:
    graph, _ = passes.fold_constant_channels(importer.import_model(zoo.resolve(model)))
    front = pareto_front(candidates(graph, "windows", kernels=boards.load(board).kernels))
    for number in sorted({0, len(front) // 2, len(front) - 1}):
        plan = folder / f"{number}.json"
        write_plan(front[number], graph, plan)
        found = verify(ModelSource(model), board, plan=str(plan)).as_json()
        assert found["match"] is True
        assert found["arena_bytes"] == front[number].peak_ram


@pytest.mark.cross
@pytest.mark.parametrize("board", ["sim-m4", pytest.param("sim-rv32", marks=pytest.mark.long)])
@pytest.mark.parametrize("model", [pytest.param("zoo:tiny-residual", marks=pytest.mark.long), "zoo:tiny-vww"])
def test_ends_and_middle_of_the_front_on_a_board(model: str, board: str, tmp_path: Path) -> None:
    check_ends_and_middle(model, board, tmp_path)


@pytest.mark.cross
@pytest.mark.long
@pytest.mark.parametrize("board", ["sim-m4", "sim-rv32"])
@pytest.mark.parametrize("model", LONG)
def test_ends_and_middle_of_the_front_of_a_whole_network_on_a_board(model: str, board: str, tmp_path: Path) -> None:
    check_ends_and_middle(model, board, tmp_path)


@pytest.mark.cross
@pytest.mark.long
@pytest.mark.parametrize("board", ["sim-m4", "sim-rv32"])
@pytest.mark.parametrize("name", TRAINED)
def test_ends_and_middle_of_the_front_of_a_trained_network_on_a_board(name: str, board: str, tmp_path: Path) -> None:
    check_ends_and_middle(str(trained(name)), board, tmp_path)
