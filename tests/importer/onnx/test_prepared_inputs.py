"""Preprocessing that stands in the model in front of the first quantizer: a table for each channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import Drawing

from msf_riot.importer import import_model
from msf_riot.ir import ChannelLookup, Lookup, Quantization
from msf_riot.reference import execute
from msf_riot.verify import onnxruntime_outputs

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def check(draw: Drawing, result: str, folder: Path, quantization: Quantization, kind: type) -> None:
    path = folder / "model.onnx"
    path.write_bytes(draw.model(result).SerializeToString())
    graph = import_model(path)
    assert graph.tensor(graph.input).quantization == quantization
    assert isinstance(graph.operators[0], kind)
    inputs = np.random.default_rng(3).integers(-128, 128, (4, *graph.input_shape)).astype(np.int8)
    ours = np.stack([execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(ours, onnxruntime_outputs(path, graph, inputs))


def normalized(draw: Drawing, x: str, factor: float = 1.0) -> tuple[str, tuple[float, int]]:
    """Mean and deviation of ImageNet, and the scale that a quantizer gives to what comes of 0 to 1."""
    mean, deviation = (draw.constant((v * factor).reshape(1, 3, 1, 1)) for v in (MEAN, DEVIATION))
    low, high = float(((0 - MEAN) / DEVIATION).min()), float(((1 - MEAN) / DEVIATION).max())
    scale = np.float32((high - low) / 255)
    return draw.op("Div", draw.op("Sub", x, mean), deviation), (scale, round(-128 - low / scale))


@pytest.mark.parametrize("most", [1.0, 255.0])
def test_pixels_in_float(most: float, tmp_path: Path) -> None:
    draw = Drawing()
    result, parameters = normalized(draw, draw.graph_input((1, 3, 8, 8)), most)
    x = draw.qdq(draw.op("Conv", draw.qdq(result, parameters), draw.weights((4, 3, 3, 3))), (0.1, 3))
    check(draw, x, tmp_path, Quantization(most / 255, -128), ChannelLookup)


@pytest.mark.parametrize("element", [TensorProto.UINT8, TensorProto.INT8])
@pytest.mark.parametrize("last", [False, True])
def test_bytes_of_a_camera(last: bool, element: int, tmp_path: Path) -> None:
    draw = Drawing()
    shape = (1, 8, 8, 3) if last else (1, 3, 8, 8)
    x = draw.op("Cast", draw.graph_input(shape, element), to=TensorProto.FLOAT)
    x = draw.op("Transpose", x, perm=[0, 3, 1, 2]) if last else x
    result, parameters = normalized(draw, draw.op("Div", x, draw.constant(np.float32(255))))
    x = draw.qdq(draw.op("Conv", draw.qdq(result, parameters), draw.weights((4, 3, 3, 3))), (0.1, 3))
    zero = -128 if element == TensorProto.UINT8 else 0
    check(draw, x, tmp_path, Quantization(1.0, zero), ChannelLookup)


def test_one_factor_and_a_batch_normalization(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.op("Mul", draw.graph_input((1, 3, 8, 8)), draw.constant(np.float32(1 / 127.5)))
    x = draw.op("Sub", x, draw.constant(np.float32(1)))
    x = draw.qdq(draw.op("Conv", draw.qdq(x, (np.float32(2 / 255), 0)), draw.weights((4, 3, 3, 3))), (0.1, 3))
    check(draw, x, tmp_path, Quantization(1.0, -128), Lookup)


def test_a_range_of_its_own(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.op("Mul", draw.graph_input((1, 3, 8, 8)), draw.constant(np.float32([[[2.0]], [[-4.0]], [[3.0]]])))
    x = draw.qdq(draw.op("Relu", draw.qdq(x, (0.1, 0))), (0.1, 0))
    path = tmp_path / "model.onnx"
    path.write_bytes(draw.model(x).SerializeToString())
    graph = import_model(path)
    assert graph.tensor(graph.input).quantization.scale == pytest.approx(
        12.8 * 1.0 / 255 * (6.4 + 6.35) / 12.8, rel=0.02
    )
