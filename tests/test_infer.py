"""apps/infer: an image that comes over the line gives the scores that the reference computes for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msf_riot import boards, build, codegen, importer, planner, reference, scheduler, verify, zoo
from msf_riot.build import Build
from msf_riot.ir import Graph, Int8Array
from msf_riot.places import ROOT
from msf_riot.stage import InputMode

INFER = ROOT / "apps/infer"


def built(board: str, mode: InputMode, directory: Path) -> tuple[Graph, Int8Array, Build]:
    """The application with a model that reads its input so, and the embedded images."""
    if reason := build.obstacle(boards.load(board)):
        pytest.skip(reason)
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    plan = planner.least_ram(planner.candidates(graph, mode, max_overhead=1.0), 1.0)
    inputs = verify.default_inputs(graph)
    verify.generate(scheduler.schedule(graph, plan), inputs, directory / "packages")
    made = build.build(boards.load(board), INFER, directory / "packages", directory / "build", jobs=2)
    assert (directory / "packages" / codegen.package_name(scheduler.schedule(graph, plan))).is_dir()
    return graph, inputs, made


def talk(made: Build, text: str) -> list[dict[str, Any]]:
    """What the application answers to this text; the character after it ends the shell."""
    command = ["make", "--no-print-directory", "-C", str(made.application), "term"]
    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **made.environment},
        input=text + "\x04",
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line[line.find('{"msf"') :] for line in done.stdout.splitlines() if '{"msf"' in line]
    return [json.loads(line) for line in lines]


def expected(graph: Graph, image: Int8Array) -> list[float]:
    output = reference.execute(graph, image)
    quantization = graph.tensor(graph.output).quantization
    scores: list[float] = ((output.astype(np.float64) - quantization.zero_point) * quantization.scale).ravel().tolist()
    return scores


BOARDS = ["host", *(pytest.param(board, marks=pytest.mark.cross) for board in ("sim-rv32", "sim-xtensa"))]


@pytest.mark.parametrize("mode", ["whole", "rows"])
@pytest.mark.parametrize("board", BOARDS)
def test_image_over_the_line_gives_the_scores_of_the_reference(board: str, mode: InputMode, tmp_path: Path) -> None:
    graph, embedded, made = built(board, mode, tmp_path)
    tensor = graph.tensor(graph.input)
    image = np.random.default_rng(4).integers(-128, 128, tensor.shape).astype(np.int8)
    rows = "\n".join(row.tobytes().hex() for row in image)
    said = talk(made, f"model\nimage\n{rows}\ninfer\ninfer 1\ninfer 99\n")
    model, results = said[0], [each for each in said if each["msf"] == "result"]
    assert model["input"]["zero_point"] == tensor.quantization.zero_point
    assert model["input"]["scale"] == pytest.approx(tensor.quantization.scale, rel=1e-6)
    assert model["streamed"] is (mode == "rows")
    asked = [each for each in said if each["msf"] == "read"]
    pieces = [(each["row"], each["column"] + n) for each in asked for n in range(each["columns"])]
    assert pieces == [(row, column) for row in range(tensor.height) for column in range(tensor.width)]
    assert all(each["bytes"] == tensor.channels * each["columns"] <= 30 for each in asked)
    for result, given in zip(results, (image, embedded[0], embedded[1]), strict=False):
        scores = expected(graph, given)
        assert result["scores"] == pytest.approx(scores, abs=2e-6)
        assert result["top"] == int(np.argmax(scores))
        assert result["score"] == max(result["scores"])
    assert results[3]["error"] == "there is no such image"


@pytest.mark.parametrize("mode", ["whole", "rows"])
def test_garbled_image_is_refused_and_the_next_one_works(mode: InputMode, tmp_path: Path) -> None:
    graph, embedded, made = built("host", mode, tmp_path)
    rows = "\n".join(row.tobytes().hex() for row in embedded[0])
    said = talk(made, f"image\n{rows[:100]}!\nimage\n{rows}\n")
    first, second = (each for each in said if each["msf"] == "result")
    assert first["error"] == "not a hexadecimal digit"
    assert second["scores"] == pytest.approx(expected(graph, embedded[0]), abs=2e-6)
