"""Random models and trained ones: the reference computes what LiteRT's reference kernels compute, to the byte."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from tflite_networks import Model, Network, models

from msf_riot import importer, passes, reference
from msf_riot.ir import Int8Array
from msf_riot.litert import litert_outputs


def compare(content: bytes, *more: Int8Array) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        graph = importer.import_model(path)
    random = np.random.default_rng(7)
    inputs = random.integers(-128, 128, (3, *graph.input_shape)).astype(np.int8)
    inputs[1] = random.choice([-128, 127], graph.input_shape)
    inputs = np.stack([*inputs, *more])
    wanted = litert_outputs(content, graph, inputs)
    folded, _ = passes.fold_constant_channels(graph)
    for given_, expected in zip(inputs, wanted, strict=True):
        np.testing.assert_array_equal(reference.execute(graph, given_), expected)
        np.testing.assert_array_equal(reference.execute(folded, given_), expected)


@pytest.mark.parametrize("scale", [0.003, 0.02, 0.4])
@pytest.mark.parametrize("operator", ["ELU", "ABS", "LOG_SOFTMAX"])
def test_each_value_of_a_function(operator: str, scale: float) -> None:
    net = Network(3, "int8", (1, 4, 4, 16))
    x = net.activation((1, 4, 4, 16), scale, -9)
    y = net.activation(x.shape, 1 / 16, 127) if operator == "LOG_SOFTMAX" else net.activation(x.shape, scale * 0.7, 30)
    net.operator(operator, [x.index], [y.index], None, 1)
    compare(net.content([x.index], [y.index]), np.arange(-128, 128).astype(np.int8).reshape(4, 4, 16))


QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}


@settings(max_examples=90, **QUIET)
@given(models())
def test_random_int8_models_give_what_litert_gives(model: Model) -> None:
    compare(model.content)


@settings(max_examples=30, **QUIET)
@given(models("uint8"))
def test_random_uint8_models_give_what_litert_gives(model: Model) -> None:
    compare(model.content)


@pytest.mark.long
@settings(max_examples=3000, **QUIET)
@given(models(most=6))
def test_thousands_of_int8_models_give_what_litert_gives(model: Model) -> None:
    compare(model.content)


@pytest.mark.long
@settings(max_examples=1000, **QUIET)
@given(models("uint8", most=6))
def test_a_thousand_uint8_models_give_what_litert_gives(model: Model) -> None:
    compare(model.content)
