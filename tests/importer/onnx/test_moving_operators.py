"""Operators that take apart and put together, between quantizers and at the end, against ONNX Runtime; and their C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_models import Drawing

from msf_riot.importer import import_model
from msf_riot.planner import choose_plan
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from msf_riot.verify import onnxruntime_outputs
from tests.execution.harness import run_on_host

Build = Callable[[Drawing, str], str]


def i64(draw: Drawing, *values: int) -> str:
    return draw.constant(np.array(values, np.int64))


def f32(draw: Drawing, *values: float) -> str:
    return draw.constant(np.array(values, np.float32))


def conv(draw: Drawing, x: str, outputs: int, inputs: int) -> str:
    return draw.qdq(draw.op("Conv", x, draw.weights((outputs, inputs, 1, 1))))


def branches(draw: Drawing, x: str) -> tuple[str, str]:
    """Two activations of 6 channels with scales of their own."""
    return conv(draw, x, 6, 4), conv(draw, x, 6, 4)


def split(draw: Drawing, x: str, axis: int, *sizes: int) -> list[str]:
    draw.op("Split", x, i64(draw, *sizes), outputs=len(sizes), axis=axis)
    return list(draw.nodes[-1].output)


def joined(draw: Drawing, parts: list[str], axis: int) -> str:
    return draw.op("Concat", *[draw.qdq(part) for part in parts], axis=axis)


def shuffled(draw: Drawing, x: str) -> str:
    parts = draw.op("Reshape", conv(draw, x, 6, 4), i64(draw, 1, 2, 3, 8, 10))
    return draw.op("Reshape", draw.op("Transpose", parts, perm=[0, 2, 1, 3, 4]), i64(draw, 1, 6, 8, 10))


def pixels_shuffled(draw: Drawing, x: str) -> str:
    parts = draw.op("Reshape", conv(draw, x, 12, 4), i64(draw, 1, 3, 2, 2, 8, 10))
    return draw.op("Reshape", draw.op("Transpose", parts, perm=[0, 1, 4, 2, 5, 3]), i64(draw, 1, 3, 16, 20))


def pixels_gathered(draw: Drawing, x: str) -> str:
    parts = draw.op("Reshape", x, i64(draw, 1, 4, 4, 2, 5, 2))
    return draw.op("Reshape", draw.op("Transpose", parts, perm=[0, 1, 3, 5, 2, 4]), i64(draw, 1, 16, 4, 5))


def focus(draw: Drawing, x: str) -> str:
    """As YOLOv5 begins."""
    parts = [
        draw.op("Slice", x, i64(draw, r, c), i64(draw, 99, 99), i64(draw, 2, 3), i64(draw, 2, 2))
        for r, c in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    return draw.op("Concat", *parts, axis=1)


EXACT: dict[str, Build] = {
    "split of channels": lambda d, x: joined(d, split(d, x, 1, 1, 3)[::-1], 1),
    "split of rows": lambda d, x: joined(d, split(d, x, 2, 5, 1, 2)[::-1], 2),
    "split of columns": lambda d, x: joined(d, split(d, x, -1, 3, 7)[::-1], 3),
    "one part of a split": lambda d, x: d.op("MaxPool", split(d, x, 1, 2, 2)[1], kernel_shape=[2, 2]),
    "slice": lambda d, x: d.op("Slice", x, i64(d, 1, -9), i64(d, 7, -2), i64(d, 2, 3), i64(d, 2, 3)),
    "slice of everything": lambda d, x: d.op("Slice", x, i64(d, 1, 1, 2), i64(d, 3, 5, 9), i64(d, 1, 2, 3)),
    "slice from the end": lambda d, x: d.op("Slice", x, i64(d, -1), i64(d, -99), i64(d, 2), i64(d, -1)),
    "slice of old": lambda d, x: d.op("Slice", x, i64(d, 0, 0, 2), i64(d, 1, 4, 6)),
    "gather of a list": lambda d, x: d.op("Gather", x, i64(d, 3, 0, -1), axis=1),
    "gather of one": lambda d, x: d.op("Unsqueeze", d.op("Gather", x, d.constant(np.int64(2)), axis=2), i64(d, 2)),
    "depth to space": lambda d, x: d.op("DepthToSpace", x, blocksize=2),
    "depth to space by columns": lambda d, x: d.op("DepthToSpace", conv(d, x, 12, 4), blocksize=2, mode="CRD"),
    "space to depth": lambda d, x: d.op("SpaceToDepth", x, blocksize=2),
    "focus": focus,
    "channel shuffle": shuffled,
    "pixel shuffle in reshapes": pixels_shuffled,
    "pixel unshuffle in reshapes": pixels_gathered,
    "pad of channels": lambda d, x: d.op("Pad", x, i64(d, 0, 1, 0, 0, 0, 5, 0, 0)),
    "pad of everything": lambda d, x: d.op("Pad", x, i64(d, 0, 1, 2, 0, 0, 0, 1, 3), d.constant(np.float32(0))),
    "reflected": lambda d, x: d.op("Pad", x, i64(d, 0, 0, 2, 3, 0, 0, 1, 4), mode="reflect"),
    "reflected before a convolution": lambda d, x: d.op(
        "Conv", d.op("Pad", x, i64(d, 0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"), d.weights((3, 4, 3, 3))
    ),
    "edge": lambda d, x: d.op("Pad", x, i64(d, 0, 2, 2, 3, 0, 1, 1, 4), mode="edge"),
    "concat of rows": lambda d, x: d.op("Concat", *branches(d, x), axis=2),
    "concat of columns": lambda d, x: d.op("Concat", *branches(d, x), axis=3),
    "concat of itself": lambda d, x: d.op("Concat", x, x, axis=2),
    "maximum": lambda d, x: d.op("Max", *branches(d, x)),
    "minimum of three": lambda d, x: d.op("Min", x, *(conv(d, x, 4, 4) for _ in range(2))),
    "maximum and a number": lambda d, x: d.op("Max", x, d.constant(np.float32(0.3))),
    "minimum and one a channel": lambda d, x: d.op("Min", x, d.constant(np.float32([[[0.1]], [[0.5]], [[-1]], [[9]]]))),
    "maximum over rows": lambda d, x: d.op("ReduceMax", x, axes=[2], keepdims=1),
    "maximum over the image": lambda d, x: d.op("ReduceMax", x, axes=[2, 3], keepdims=0),
    "repeated channel": lambda d, x: d.op("Max", x, d.qdq(d.op("Slice", x, i64(d, 0), i64(d, 1), i64(d, 1)))),
}  # fmt: skip

NEAR: dict[str, Build] = {
    "difference": lambda d, x: d.op("Sub", *branches(d, x)),
    "difference of broadcast": lambda d, x: d.op("Sub", x, d.qdq(d.op("GlobalAveragePool", x))),
    "sum": lambda d, x: d.op("Sum", *branches(d, x)),
    "sum over rows": lambda d, x: d.op("ReduceSum", x, i64(d, 2), keepdims=1),
    "slopes": lambda d, x: d.op("PRelu", x, d.constant(np.float32([0.1, -0.3, 1.7, 0]).reshape(4, 1, 1))),
    "quantized slopes": lambda d, x: d.op("PRelu", x, d.weights((4, 1, 1), None)),
    "softplus": lambda d, x: d.op("Softplus", x),
    "selu": lambda d, x: d.op("Selu", x),
    "celu": lambda d, x: d.op("Celu", x, alpha=0.7),
    "thresholded": lambda d, x: d.op("ThresholdedRelu", x, alpha=0.4),
    "cosine": lambda d, x: d.op("Cos", x),
    "square": lambda d, x: d.op("Pow", x, d.constant(np.float32(2))),
    "asymmetric": lambda d, x: d.op("Resize", x, "", f32(d, 1, 1, 2, 2), mode="linear",
                                    coordinate_transformation_mode="asymmetric"),
    "half pixel": lambda d, x: d.op("Resize", x, "", f32(d, 1, 1, 1.5, 3), mode="linear"),
    "aligned corners": lambda d, x: d.op("Resize", x, "", "", i64(d, 1, 4, 5, 23), mode="linear",
                                         coordinate_transformation_mode="align_corners"),
    "transposed": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 3, 2, 2), 1), strides=[2, 2]),
    "transposed with pads": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 3, 3, 4), 1), f32(d, 0.1, 0.2, 0.3),
                                              strides=[2, 3], pads=[1, 0, 1, 2], output_padding=[1, 1]),
    "transposed in groups": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 3, 3, 3), None), group=2,
                                              strides=[2, 2], dilations=[2, 1]),
    "transposed depthwise": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 1, 3, 3), None), group=4,
                                              strides=[2, 2], auto_pad="SAME_UPPER"),
    "transposed of a given size": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 2, 3, 3), 1),
                                                    strides=[2, 2], output_shape=[17, 20]),
    "transposed without stride": lambda d, x: d.op("ConvTranspose", x, d.weights((4, 2, 3, 3), 1), pads=[2, 2, 2, 2]),
}  # fmt: skip


RESIZES = ["asymmetric", "half pixel", "aligned corners"]
"""Another scale behind them is another rounding."""


def check(model: onnx.ModelProto, folder: Path, most: int, equal: float, runs: bool = True) -> None:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = import_model(path)
    inputs = np.random.default_rng(3).integers(-128, 128, (6, *graph.input_shape)).astype(np.int8)
    ours = np.stack([execute(graph, each) for each in inputs])
    difference = np.abs(ours.astype(np.int32) - onnxruntime_outputs(path, graph, inputs))
    assert difference.max() <= most and (difference == 0).mean() >= equal
    if runs:
        np.testing.assert_array_equal(run_on_host(schedule(graph, choose_plan(graph)), inputs), ours)


def drawn(build: Build, element: str) -> tuple[Drawing, str]:
    draw = Drawing(element=element)
    return draw, build(draw, draw.activation((1, 4, 8, 10)))


@pytest.mark.parametrize("element", ["int8", "uint8"])
@pytest.mark.parametrize("case", EXACT)
def test_operators_that_compute_nothing_give_the_same_bytes(case: str, element: str, tmp_path: Path) -> None:
    draw, result = drawn(EXACT[case], element)
    check(draw.model(draw.qdq(result)), tmp_path, 0 if "convolution" not in case else 1, 0.99, element == "int8")


@pytest.mark.parametrize("element", ["int8", "uint8"])
@pytest.mark.parametrize("case", NEAR)
def test_operators_that_compute_are_within_one_step(case: str, element: str, tmp_path: Path) -> None:
    draw, result = drawn(NEAR[case], element)
    check(draw.model(draw.qdq(result)), tmp_path, 1, 0.7 if case in RESIZES else 0.99, element == "int8")


@pytest.mark.parametrize("element", ["int8", "uint8"])
@pytest.mark.parametrize("case", RESIZES)
def test_resizing_in_one_scale(case: str, element: str, tmp_path: Path) -> None:
    draw, result = drawn(NEAR[case], element)
    scale, zero = (next(t for t in draw.constants if t.name == name) for name in draw.nodes[0].input[1:3])
    check(
        draw.model(draw.qdq(result, (numpy_helper.to_array(scale), numpy_helper.to_array(zero)))),
        tmp_path,
        1,
        0.9,
        element == "int8",
    )


LEFT_IN_FLOAT = ["slopes", "softplus", "selu", "thresholded", "slice", "channel shuffle", "depth to space", "focus"]


@pytest.mark.parametrize("case", LEFT_IN_FLOAT)
def test_functions_left_in_float_at_the_end_get_the_scale_of_their_range(case: str, tmp_path: Path) -> None:
    draw, result = drawn((EXACT | NEAR)[case], "int8")
    check(draw.model(result), tmp_path, 1, 0.99)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keep", [0, 1])
def test_the_largest_channel(keep: int, last: int, tmp_path: Path) -> None:
    draw = Drawing()
    scores = draw.activation((1, 9, 8, 10))
    model = draw.model(draw.op("ArgMax", scores, axis=1, keepdims=keep, select_last_index=last), onnx.TensorProto.INT64)
    check(model, tmp_path, 0, 1.0)


@pytest.mark.parametrize("tail", ["float weights", "no reader"])
def test_a_network_ends_before_what_is_computed_in_float(tail: str, tmp_path: Path) -> None:
    draw = Drawing()
    features = conv(draw, draw.activation((1, 4, 8, 10)), 6, 4)
    if tail == "float weights":
        last = draw.op("Relu", draw.op("Conv", features, draw.constant(np.ones((2, 6, 1, 1), np.float32))))
    else:
        last = draw.op("Einsum", features, equation="abcd->dcba")
    path = tmp_path / "model.onnx"
    path.write_bytes(draw.model(last).SerializeToString())
    graph = import_model(path)
    name = "Conv" if tail == "float weights" else "Einsum"
    assert len(graph.notes) == 1 and f"ends before {name} 'node_" in graph.notes[0]
    assert graph.output_shape == (8, 10, 6)
    check(draw.model(last), tmp_path, 1, 0.99)


def test_moved_channels_cost_no_pass_beside_a_convolution(tmp_path: Path) -> None:
    """ShuffleNet's split, shuffle and padding of channels: the weights are moved instead."""
    draw = Drawing()
    x = draw.activation((1, 4, 8, 10))
    one = (np.float32(0.5), np.int8(-128))  # quantizers give what only moves the scale of what it comes from
    stem = draw.qdq(draw.op("Relu", draw.op("Conv", x, draw.weights((6, 4, 3, 3)))), one)
    first, second = (draw.qdq(part, one) for part in split(draw, stem, 1, 2, 4))
    second = draw.qdq(draw.op("Relu", draw.op("Conv", second, draw.weights((2, 4, 1, 1)))), one)
    both = draw.qdq(draw.op("Concat", first, second, axis=1), one)
    parts = draw.op("Reshape", both, i64(draw, 1, 2, 2, 6, 8))
    turned = draw.op("Reshape", draw.op("Transpose", parts, perm=[0, 2, 1, 3, 4]), i64(draw, 1, 4, 6, 8))
    wide = draw.op("Pad", draw.qdq(turned, one), i64(draw, 0, 1, 0, 0, 0, 3, 0, 0))
    model = draw.model(draw.qdq(draw.op("Conv", draw.qdq(wide, one), draw.weights((3, 8, 3, 3)))))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    kinds = [type(operator).__name__ for operator in import_model(tmp_path / "model.onnx").operators]
    assert "GatherChannels" not in kinds, kinds
    check(model, tmp_path, 1, 0.99)
