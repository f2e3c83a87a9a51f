"""A camera's bytes in place of normalized floats: the model's bytes, and what the header says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from msf_riot import cli, passes, zoo
from msf_riot.errors import ModelError
from msf_riot.importer import import_model
from msf_riot.ir import ChannelLookup, Lookup, Quantization
from msf_riot.planner import choose_plan
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from msf_riot.verify import onnxruntime_outputs
from tests.execution.harness import run_on_host

MODEL = "zoo:tiny-residual"


@pytest.mark.parametrize("numbers", [((127.5,), (127.5,)), ((120.0, 110.0, 100.0), (60.0, 57.0, 58.0))])
def test_pixels_give_what_the_model_gives_for_what_is_made_of_them(numbers: tuple[tuple[float, ...], ...]) -> None:
    path = zoo.resolve(MODEL)
    graph = passes.with_pixels(import_model(path), *numbers)
    assert graph.tensor(graph.input).quantization == Quantization(1.0, -128)
    assert isinstance(graph.operators[0], Lookup if len(numbers[0]) == 1 else ChannelLookup)
    inputs = np.random.default_rng(1).integers(-128, 128, (3, *graph.input_shape)).astype(np.int8)
    ours = np.stack([execute(graph, each) for each in inputs])
    assert np.abs(ours.astype(int) - onnxruntime_outputs(path, graph, inputs)).max() <= 1
    np.testing.assert_array_equal(run_on_host(schedule(graph, choose_plan(graph)), inputs), ours)


@pytest.mark.parametrize(
    "mean,deviation", [((1.0, 2.0), (1.0,)), ((0.0,), (0.0,)), ((float("nan"),), (1.0,)), ((0.0,), (1.0, 1.0))]
)
def test_numbers_that_do_not_suit(mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
    with pytest.raises(ModelError, match="must be one number, or one for each of 3 channels"):
        passes.with_pixels(import_model(zoo.resolve(MODEL)), mean, deviation)


def test_the_header_says_which_bytes_it_wants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = ["--input-pixels", "uint8", "--mean", "127.5", "--deviation", "127.5"]
    assert cli.main(["generate", MODEL, "-o", str(tmp_path), *pixels]) == 0
    header = next(tmp_path.glob("*/msf_model_*.h")).read_text()
    assert "a camera's bytes of 0 to 255, minus 128" in header and "INPUT_SCALE (1.0" in header
    capsys.readouterr()
    assert cli.main(["verify", MODEL, *pixels, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["match"] and found["max_abs_diff_ort"] <= 1
    assert cli.main(["verify", MODEL, "--mean", "1"]) == 2
    assert "belong together" in capsys.readouterr().err
    assert cli.main(["verify", MODEL, "--input-pixels", "int8"]) == 2
    assert "--input-pixels int8: pixels are uint8" in capsys.readouterr().err
    assert cli.main(["verify", MODEL, *pixels[:2], "--mean", "1;2", "--deviation", "1"]) == 2
    assert "--mean: '1;2' are no numbers" in capsys.readouterr().err
    assert cli.main(["verify", "zoo:tiny-resize", *pixels]) == 2
    assert "takes no floats" in capsys.readouterr().err
