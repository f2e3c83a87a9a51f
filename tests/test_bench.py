"""apps/bench and benchmarks/instructions.py: what they say of a model is the whole, and a slower one is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from msf_riot import boards, build, codegen, importer, ir, passes, planner, profile, scheduler, verify, zoo
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, TableAdd

ROOT = Path(__file__).resolve().parent.parent
INSTRUCTIONS = ROOT / "benchmarks/instructions.py"


def measured(model: str, board: str, directory: Path, kernels: str = "portable") -> profile.Profile:
    if reason := build.obstacle(boards.load(board)):
        pytest.skip(reason)
    graph = importer.import_model(zoo.resolve(model))
    plan = planner.least_ram(planner.candidates(graph, "rows", kernels=kernels, max_overhead=1.0), 1.0)
    return profile.profile(scheduler.schedule(graph, plan), boards.load(board), directory, jobs=2)


@pytest.mark.cross
@pytest.mark.parametrize("board", ["sim-rv32", "sim-m4"])
@pytest.mark.parametrize("model", ["zoo:tiny-residual", "zoo:tiny-resize", "zoo:tiny-unary"])
def test_stages_make_up_the_whole_and_operators_their_stage(model: str, board: str, tmp_path: Path) -> None:
    found = measured(model, board, tmp_path, "dsp" if board == "sim-m4" else "portable")
    assert found.unit == "instructions"
    # Each stage is counted alone: a call and a counter's step more or less
    assert sum(stage.count for stage in found.stages) == pytest.approx(found.count, abs=100 * (len(found.stages) + 1))
    assert sum(stage.macs for stage in found.stages) == found.macs
    for stage in found.stages:
        calls = sum(operator.calls for operator in stage.operators)
        # A pixel of a resized tensor is one of its input: where pixels are passed on singly, nothing is copied
        assert all(operator.calls > 0 or operator.name.startswith("gather") for operator in stage.operators)
        # What counting changes of the code around it: some instructions a call, and the counter's steps
        assert -20 * calls - 80 <= stage.rest <= 0.15 * stage.count + 40 * calls + 1000
    assert found.stack_bytes > 100
    assert 0 < found.weights_bytes < found.flash_bytes


def test_microseconds_on_this_machine(tmp_path: Path) -> None:
    found = measured("zoo:tiny-residual", "host", tmp_path)
    assert found.unit == "microseconds"
    assert 0 < found.count < 1_000_000
    assert all(operator.calls > 0 for stage in found.stages for operator in stage.operators)


@pytest.mark.cross
def test_profiling_leaves_the_package_of_users_alone(tmp_path: Path) -> None:
    measured("zoo:tiny-1d", "sim-rv32", tmp_path)
    for path in (tmp_path / "packages").rglob("*"):
        if path.is_file() and "msf_vectors" not in path.parts:
            assert "profile" not in path.read_text()
    elf = next((tmp_path / "bench").rglob("*.elf"))
    assert b"msf_count_here" not in elf.read_bytes()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The benchmark with a baseline of its own."""
    if reason := build.obstacle(boards.load("sim-rv32")):
        pytest.skip(reason)
    return Path(shutil.copy(INSTRUCTIONS, tmp_path))


def instructions(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), "--board", "sim-rv32", *arguments, "zoo:tiny-residual"]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=120)


@pytest.mark.long
@pytest.mark.cross
def test_rise_above_two_percent_fails_and_a_fall_does_not(script: Path) -> None:
    assert "not in the baseline" in instructions(script, "--check", "--no-layered").stderr
    assert instructions(script, "--update").returncode == 0
    baseline = script.with_suffix(".json")
    ((key, entry),) = json.loads(baseline.read_text()).items()
    assert key == "zoo:tiny-residual sim-rv32 speed"
    assert entry["instructions"] > entry["macs"] > 0
    assert entry["layered"] > 0
    for factor, status in ((1.0, 0), (1 / 1.019, 0), (1 / 1.03, 1), (1.5, 0)):
        baseline.write_text(json.dumps({key: {**entry, "instructions": round(factor * entry["instructions"])}}))
        done = instructions(script, "--check", "--no-layered")
        assert (done.returncode, "->" in done.stderr) == (status, status == 1)


@pytest.mark.cross
@pytest.mark.parametrize("board", ["sim-m0", "sim-m4", "sim-rv32"])
@pytest.mark.parametrize(("optimize", "limit"), [("speed", 24_000), ("size", 12_000)])
@pytest.mark.parametrize("model", [pytest.param("zoo:mcunet-in3", marks=pytest.mark.long), "zoo:resnet8"])
def test_code_of_a_large_model_stays_within_its_limit(
    model: str, board: str, optimize: build.Optimize, limit: int, tmp_path: Path
) -> None:
    if reason := build.obstacle(boards.load(board)):
        pytest.skip(reason)
    graph, _ = passes.fold_constant_channels(importer.import_model(zoo.resolve(model)))
    plan = planner.choose_plan(graph, "rows", kernels=boards.load(board).kernels)
    schedule = scheduler.schedule(graph, plan)
    codegen.generate_package(schedule, tmp_path / "packages")
    vector = np.zeros((1, schedule.input_bytes), np.int8), np.zeros((1, schedule.output_bytes), np.int8)
    codegen.generate_vectors(schedule, *vector, tmp_path / "packages")
    built = build.build(
        boards.load(board), verify.SELFTEST, tmp_path / "packages", tmp_path / "build", jobs=2, optimize=optimize
    )
    assert 0 < built.code_bytes <= limit
    channels = sum(
        graph.tensor(operator.output).channels
        for operator in graph.operators
        if isinstance(operator, Conv2D | DepthwiseConv2D | Dense)
    )
    sums = sum(isinstance(operator, TableAdd) for operator in graph.operators)
    # of a softmax and of sums, and the descriptions of operators and model: they do not grow with channels
    tables = 2048 * (1 + sums)
    assert built.constant_bytes - ir.parameter_bytes(graph) <= 10 * channels + tables
