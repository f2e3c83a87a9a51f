"""Each operator, as QDQ, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from onnx_models import Drawing, check

from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    ChannelLookup,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Gather,
    GlobalAveragePool,
    LogSoftmax,
    Lookup,
    MaxPool2D,
    Mul,
    Pad,
    Padding,
    Quantization,
    Softmax,
)

ELEMENTS = ["int8", "uint8"]


def kinds(graph) -> list[str]:
    return [type(operator).__name__ for operator in graph.operators]


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]] = {
    "plain": ((1, 3, 9, 8), (5, 3, 3, 3), {}),
    "strided with asymmetric pads": ((1, 4, 9, 8), (6, 4, 3, 3), {"strides": [2, 2], "pads": [0, 1, 1, 2]}),
    "dilated": ((1, 2, 12, 11), (3, 2, 3, 2), {"dilations": [2, 3]}),
    "same upper": ((1, 2, 9, 10), (3, 2, 4, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 3]}),
    "same lower": ((1, 2, 9, 10), (3, 2, 4, 4), {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    "valid": ((1, 2, 9, 10), (3, 2, 4, 4), {"auto_pad": "VALID"}),
    "grouped": ((1, 6, 7, 7), (4, 3, 3, 3), {"group": 2}),
    "depthwise": ((1, 5, 7, 7), (5, 1, 3, 5), {"group": 5, "pads": [1, 2, 1, 2]}),
    "depth multiplier": ((1, 4, 7, 7), (8, 1, 3, 3), {"group": 4}),
    "one by one": ((1, 8, 5, 4), (7, 8, 1, 1), {}),
    "signal": ((1, 4, 30), (6, 4, 5), {"strides": [2], "pads": [2, 1]}),
    "depthwise signal": ((1, 4, 30), (4, 1, 5), {"group": 4, "dilations": [2]}),
    "one row": ((1, 3, 1, 16), (4, 3, 1, 5), {"pads": [0, 2, 0, 2]}),
}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_equals_onnx_runtime(case: str, element: str, tmp_path: Path) -> None:
    shape, weights, attributes = CONVOLUTIONS[case]
    draw = Drawing(element=element)
    x = draw.activation(shape)
    w = draw.weights(weights, axis=0 if element == "int8" else None)
    bias = draw.constant(draw.rng.normal(size=weights[0]).astype(np.float32))
    y = draw.qdq(draw.op("Conv", x, w, bias, **attributes))
    graph = check(draw, y, tmp_path)
    assert len(graph.operators) == 1
    depthwise = attributes.get("group", 1) == weights[0]
    assert isinstance(graph.operators[0], DepthwiseConv2D if depthwise else Conv2D)
    if len(shape) == 3:
        assert graph.input_shape == (30, 1, 4)


@pytest.mark.parametrize("element,zero_point", [("uint8", 0), ("uint8", 117), ("uint8", 255), ("int8", 20)])
@pytest.mark.parametrize("groups", [1, 3])
def test_weights_beyond_int8_are_split_exactly(element: str, zero_point: int, groups: int, tmp_path: Path) -> None:
    draw = Drawing(element="uint8")
    x = draw.activation((1, 6, 5, 5))
    w = draw.weights((3, 6 // groups, 3, 3), None, element, zero_point)
    graph = check(draw, draw.qdq(draw.op("Conv", x, w, group=groups)), tmp_path)
    assert kinds(graph) == ["Concat", "Conv2D"]


def test_depthwise_and_dense_weights_beyond_int8(tmp_path: Path) -> None:
    draw = Drawing(element="uint8")
    x = draw.activation((1, 4, 5, 5))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 1, 3, 3), None, "uint8", 100), group=4))
    z = draw.qdq(draw.op("MatMul", draw.op("Flatten", y), draw.weights((36, 5), None, "uint8", 100)))
    assert kinds(check(draw, z, tmp_path, limit=2)) == ["Concat", "Conv2D", "Concat", "Dense"]


@pytest.mark.parametrize("activation", ["Relu", "Clip", "ClipAttributes", "Both"])
def test_relu_and_clip_become_the_clamp_of_the_convolution(activation: str, tmp_path: Path) -> None:
    draw = Drawing(opset=10 if activation == "ClipAttributes" else 13)
    x = draw.activation((1, 3, 6, 6))
    y = draw.op("Conv", x, draw.weights((4, 3, 3, 3), None))
    if activation in ("Relu", "Both"):
        y = draw.op("Relu", y)
    if activation in ("Clip", "Both"):
        y = draw.op("Clip", y, draw.constant(np.float32(0)), draw.constant(np.float32(1.5)))
    if activation == "ClipAttributes":
        y = draw.op("Clip", y, min=-1.0, max=1.5)
    graph = check(draw, draw.qdq(y, (0.02, -10)), tmp_path)
    assert kinds(graph) == ["Conv2D"]
    assert graph.operators[0].low == (-60 if activation == "ClipAttributes" else -10)
    assert graph.operators[0].high == (127 if activation == "Relu" else 65)


def test_dequantized_bias_is_taken_as_it_is(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.qdq(draw.graph_input((1, 3, 6, 6)), (0.02, -5))
    w = draw.weights((4, 3, 3, 3))
    scales = np.frombuffer(draw.constants[-2].raw_data, np.float32) * np.float32(0.02)
    steps = np.array([100, -2000, 30000, 7], np.int32)
    bias = draw.op("DequantizeLinear", draw.constant(steps), draw.constant(scales), axis=0)
    graph = check(draw, draw.qdq(draw.op("Conv", x, w, bias)), tmp_path)
    np.testing.assert_array_equal(graph.operators[0].bias, steps)


def test_a_bias_added_or_a_factor_behind_a_convolution_is_folded(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    y = draw.op("Conv", x, draw.weights((4, 3, 3, 3)))
    y = draw.op("Mul", y, draw.constant(np.array([1.5, -0.5, 2, 1], np.float32).reshape(1, 4, 1, 1)))
    y = draw.op("Add", y, draw.constant(draw.rng.normal(size=(4, 1, 1)).astype(np.float32)))
    graph = check(draw, draw.qdq(y), tmp_path)
    assert kinds(graph)[-1] == "Conv2D"


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_behind_flatten_permutes_its_weights(element: str, transposed: int, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    x = draw.activation((1, 3, 5, 4))
    y = draw.qdq(draw.op("Relu", draw.op("Conv", x, draw.weights((4, 3, 3, 3)))))
    flat = draw.op("Flatten", y)
    shape = (7, 24) if transposed else (24, 7)
    w = draw.weights(shape, axis=0 if transposed else 1)
    bias = draw.constant(draw.rng.normal(size=7).astype(np.float32))
    z = draw.qdq(draw.op("Gemm", flat, w, bias, transB=transposed, alpha=0.5, beta=2.0))
    graph = check(draw, z, tmp_path, limit=2)
    assert kinds(graph) == ["Conv2D", "Dense"]


@pytest.mark.parametrize("bias", [False, True])
def test_matmul_with_bias_is_dense(bias: bool, tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("MatMul", draw.activation(("batch", 12)), draw.weights((12, 5), axis=1))
    if bias:
        y = draw.op("Add", y, draw.constant(draw.rng.normal(size=5).astype(np.float32)))
    graph = check(draw, draw.qdq(draw.op("Relu", y)), tmp_path)
    assert isinstance(graph.operators[0], Dense) and len(graph.operators) == 1


def test_matmul_over_a_sequence_is_a_pointwise_convolution(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("MatMul", draw.activation((1, 10, 6)), draw.weights((6, 5), axis=1))
    y = draw.qdq(draw.op("Add", y, draw.constant(draw.rng.normal(size=5).astype(np.float32))))
    graph = check(draw, y, tmp_path)
    assert isinstance(graph.operators[0], Conv2D)
    assert graph.input_shape == (10, 1, 6)


@pytest.mark.parametrize("element", ELEMENTS)
def test_residual_addition(element: str, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    x = draw.activation((1, 4, 6, 6))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 4, 3, 3)), pads=[1, 1, 1, 1]))
    graph = check(draw, draw.qdq(draw.op("Relu", draw.op("Add", x, y))), tmp_path, limit=2)
    assert isinstance(graph.operators[-1], Add)


def test_squeeze_and_excite(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    pooled = draw.qdq(draw.op("GlobalAveragePool", x))
    gate = draw.qdq(draw.op("Conv", pooled, draw.weights((4, 4, 1, 1))))
    gate = draw.qdq(draw.op("HardSigmoid", gate))
    graph = check(draw, draw.qdq(draw.op("Mul", gate, x)), tmp_path, limit=2)
    assert kinds(graph) == [k.__name__ for k in (GlobalAveragePool, Conv2D, Lookup, Mul)]


def test_product_and_broadcast_sum_of_activations(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 4, 1, 1))))
    z = draw.qdq(draw.op("Mul", x, y))
    z = draw.qdq(draw.op("Add", draw.qdq(draw.op("GlobalAveragePool", z)), x))
    check(draw, z, tmp_path, limit=2)


@pytest.mark.parametrize(
    "operator,first",  # a constant divided by an activation has a pole in its range
    [(o, f) for o in ("Add", "Sub", "Mul", "Div") for f in (False, True) if (o, f) != ("Div", True)],
)
@pytest.mark.parametrize("shape", [(), (1, 4, 1, 1), (1, 6, 1, 1)])
def test_arithmetic_with_constants(operator: str, first: bool, shape: tuple[int, ...], tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, shape[1] if shape else 4, 6, 5))
    c = draw.constant(draw.rng.uniform(0.5, 2, shape).astype(np.float32))
    y = draw.op(operator, *((c, x) if first else (x, c)))
    graph = check(draw, draw.qdq(y), tmp_path)
    assert isinstance(graph.operators[0], {(): Lookup, (1, 4, 1, 1): ChannelLookup}.get(shape, ChannelAffine))


def test_batch_normalization_of_an_activation(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    parts = [draw.constant(draw.rng.uniform(0.5, 2, 4).astype(np.float32)) for _ in range(4)]
    graph = check(draw, draw.qdq(draw.op("BatchNormalization", x, *parts)), tmp_path)
    assert isinstance(graph.operators[0], ChannelAffine)


def test_normalization_of_a_channels_last_input(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 6, 5, 3))
    x = draw.qdq(draw.op("Sub", x, draw.constant(np.array([0.1, 0.2, 0.3], np.float32))))
    x = draw.op("Transpose", x, perm=[0, 3, 1, 2])
    graph = check(draw, draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3)))), tmp_path, limit=2)
    assert graph.input_shape == (6, 5, 3)


FUNCTIONS: dict[str, Callable[[Drawing, str], str]] = {
    "Relu": lambda d, x: d.op("Relu", x),
    "Clip": lambda d, x: d.op("Clip", x, d.constant(np.float32(-1)), d.constant(np.float32(1))),
    "LeakyRelu": lambda d, x: d.op("LeakyRelu", x, alpha=0.2),
    "PRelu": lambda d, x: d.op("PRelu", x, d.constant(np.array([0.3], np.float32))),
    "Sigmoid": lambda d, x: d.op("Sigmoid", x),
    "HardSigmoid": lambda d, x: d.op("HardSigmoid", x, alpha=0.3),
    "HardSwish": lambda d, x: d.op("HardSwish", x),
    "Tanh": lambda d, x: d.op("Tanh", x),
    "Elu": lambda d, x: d.op("Elu", x),
    "Softplus": lambda d, x: d.op("Softplus", x),
    "swish": lambda d, x: d.op("Mul", x, d.op("Sigmoid", x)),
    "hard swish of PyTorch": lambda d, x: d.op(
        "Div",
        d.op(
            "Mul",
            x,
            d.op(
                "Clip",
                d.op("Add", x, d.constant(np.float32(3))),
                d.constant(np.float32(0)),
                d.constant(np.float32(6)),
            ),
        ),
        d.constant(np.float32(6)),
    ),
    "chain": lambda d, x: d.op("Tanh", d.op("Relu", d.op("Mul", x, d.constant(np.float32(-0.5))))),
}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_of_one_element_are_one_table(function: str, element: str, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    x = draw.activation((1, 4, 9, 8))
    graph = check(draw, draw.qdq(FUNCTIONS[function](draw, x)), tmp_path)
    assert kinds(graph) == ["Lookup"]


POOLS: dict[str, tuple[str, dict[str, object]]] = {
    "max": ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2]}),
    "max padded": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "max dilated": ("MaxPool", {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    "max ceil": ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
    "max same": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "average": ("AveragePool", {"kernel_shape": [3, 2], "strides": [2, 2]}),
    "average padded": ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "average counting pads": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 0, 2, 1], "count_include_pad": 1}),
    "average ceil": ("AveragePool", {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1}),
    "global max": ("GlobalMaxPool", {}),
    "global average": ("GlobalAveragePool", {}),
    "whole average": ("AveragePool", {"kernel_shape": [9, 8]}),
}


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("case", POOLS)
def test_pooling(case: str, element: str, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    x = draw.activation((1, 4, 2, 2) if case == "global max" else (1, 4, 9, 8))
    operator, attributes = POOLS[case]
    y = draw.op(operator, x, **attributes)
    graph = check(draw, draw.qdq(y, (0.02, draw.parameters(y)[1])), tmp_path)
    kind = GlobalAveragePool if case in ("global average", "whole average") else AveragePool2D
    assert isinstance(graph.operators[-1], MaxPool2D if "max" in case else kind)


@pytest.mark.parametrize("axes,kind", [([2, 3], GlobalAveragePool), ([3], AveragePool2D), ([-2], AveragePool2D)])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("opset", [13, 18])
def test_mean_over_space(axes: list[int], kind: type, keep: int, opset: int, tmp_path: Path) -> None:
    draw = Drawing(opset=opset)
    x = draw.activation((1, 4, 9, 8))
    if opset == 18:
        y = draw.op("ReduceMean", x, draw.constant(np.array(axes)), keepdims=keep)
    else:
        y = draw.op("ReduceMean", x, axes=axes, keepdims=keep)
    graph = check(draw, draw.qdq(y), tmp_path)
    assert isinstance(graph.operators[0], kind)


def test_mean_over_space_of_a_channels_last_input(tmp_path: Path) -> None:
    draw = Drawing()
    graph = check(draw, draw.qdq(draw.op("ReduceMean", draw.activation((1, 9, 8, 4)), axes=[1, 2])), tmp_path)
    assert graph.input_shape == (9, 8, 4)


def test_concat_requantizes_what_differs(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    y = draw.qdq(draw.op("Conv", x, draw.weights((3, 4, 1, 1))))
    z = draw.qdq(draw.op("Sigmoid", x))
    graph = check(draw, draw.qdq(draw.op("Concat", x, y, z, axis=1)), tmp_path, limit=2)
    assert isinstance(graph.operators[-1], Concat)


def test_concat_behind_convolutions_without_quantizers(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    parts = [draw.op("Relu", draw.op("Conv", x, draw.weights((3, 4, 1, 1)))) for _ in range(2)]
    graph = check(draw, draw.qdq(draw.op("Concat", *parts, axis=-3)), tmp_path)
    assert sorted(kinds(graph)) == ["Concat", "Conv2D", "Conv2D"]


PADS = [0, 0, 1, 2, 0, 0, 2, 0]


@pytest.mark.parametrize("behind", ["Conv", "AveragePool"])
def test_padding_with_zero_is_folded_into_the_window_behind_it(behind: str, tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    y = draw.qdq(draw.op("Pad", x, draw.constant(np.array(PADS))), draw.parameters(x))
    z = draw.op("Conv", y, draw.weights((3, 4, 3, 3))) if behind == "Conv" else None
    z = draw.qdq(z or draw.op("AveragePool", y, kernel_shape=[3, 3]))
    graph = check(draw, z, tmp_path)
    assert len(graph.operators) == 1 or kinds(graph)[0] == "Lookup"
    assert graph.operators[-1].padding == Padding(1, 2, 2, 0)


def test_padding_in_float_before_a_convolution(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("Pad", draw.activation((1, 4, 6, 5)), draw.constant(np.array(PADS)))
    graph = check(draw, draw.qdq(draw.op("Conv", y, draw.weights((3, 4, 3, 3)))), tmp_path)
    assert kinds(graph) == ["Conv2D"]


@pytest.mark.parametrize("opset", [9, 17])
def test_padding_with_another_value_stays(opset: int, tmp_path: Path) -> None:
    draw = Drawing(opset=max(opset, 10))
    x = draw.activation((1, 4, 6, 5))
    if opset == 17:
        y = draw.op("Pad", x, draw.constant(np.array(PADS)), draw.constant(np.float32(1.2)))
    else:
        y = draw.op("Pad", x, pads=PADS, value=1.2)
    graph = check(draw, draw.qdq(y), tmp_path)
    assert isinstance(graph.operators[-1], Pad)


RESIZES: dict[str, tuple[int, str, dict[str, object], list[float]]] = {
    "upsample": (9, "Upsample", {"mode": "nearest"}, [1, 1, 2, 3]),
    "opset 10": (10, "Resize", {"mode": "nearest"}, [1, 1, 2, 1.5]),
    "half pixel": (13, "Resize", {"mode": "nearest"}, [1, 1, 2, 1.6]),
    "asymmetric floor": (
        13,
        "Resize",
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        [1, 1, 2, 2],
    ),
    "shrinking": (13, "Resize", {"mode": "nearest", "nearest_mode": "ceil"}, [1, 1, 0.5, 0.7]),
    "corners": (13, "Resize", {"mode": "nearest", "coordinate_transformation_mode": "align_corners"}, [1, 1, 2, 3]),
    "pytorch": (
        13,
        "Resize",
        {"mode": "nearest", "coordinate_transformation_mode": "pytorch_half_pixel"},
        [1, 1, 2, 1],
    ),
}


@pytest.mark.parametrize("case", RESIZES)
def test_resize_nearest(case: str, tmp_path: Path) -> None:
    opset, operator, attributes, scales = RESIZES[case]
    draw = Drawing(opset=max(opset, 10))
    x = draw.activation((1, 4, 6, 5))
    factors = draw.constant(np.array(scales, np.float32))
    if operator == "Upsample":
        draw.opset = 10
        operator, attributes = "Resize", {"mode": "nearest"}
    y = draw.op(operator, x, *([factors] if opset < 11 else ["", factors]), **attributes)
    graph = check(draw, draw.qdq(y), tmp_path)
    assert isinstance(graph.operators[-1], Gather)


def test_resize_to_given_sizes(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 4, 6, 5))
    sizes = draw.constant(np.array([1, 4, 12, 10]))
    check(draw, draw.qdq(draw.op("Resize", x, "", "", sizes, mode="nearest")), tmp_path)


@pytest.mark.parametrize("element", ELEMENTS)
def test_softmax_of_a_vector(element: str, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    x = draw.activation((1, 40))
    y = draw.qdq(draw.op("Softmax", x), (1 / 256, np.iinfo(element).min))
    assert isinstance(check(draw, y, tmp_path).operators[-1], Softmax)


@pytest.mark.parametrize("scale", [0.02, 0.4])
def test_log_softmax(scale: float, tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.qdq(draw.graph_input((1, 10)), (scale, -3))
    y = draw.qdq(draw.op("LogSoftmax", x, axis=-1), (scale, 120))
    assert isinstance(check(draw, y, tmp_path).operators[-1], LogSoftmax)


def test_softmax_of_each_pixel(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("Softmax", draw.activation((1, 7, 3, 4)), axis=1)
    check(draw, draw.qdq(y, (1 / 256, -128)), tmp_path)


def test_layout_operators_dissolve(tmp_path: Path) -> None:
    """What tf2onnx and PyTorch leave between layers costs nothing."""
    draw = Drawing()
    x = draw.activation((1, 8, 8, 3))
    x = draw.op("Transpose", draw.op("Identity", x), perm=[0, 3, 1, 2])
    x = draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3))))
    x = draw.op("Transpose", x, perm=[0, 2, 3, 1])
    x = draw.qdq(x, [np.frombuffer(c.raw_data, t) for c, t in zip(draw.constants[-2:], ("f4", "i1"), strict=True)])
    x = draw.op("Reshape", x, draw.constant(np.array([-1, 36, 4])))
    x = draw.op("Unsqueeze", draw.op("Squeeze", x, draw.constant(np.array([0]))), draw.constant(np.array([0, 3])))
    x = draw.op("Flatten", draw.op("Dropout", x))
    y = draw.qdq(draw.op("MatMul", x, draw.weights((144, 5), None)))
    graph = check(draw, y, tmp_path, limit=2)
    assert kinds(graph) == ["Conv2D", "Dense"]


def test_transposed_images_are_convolved_with_transposed_kernels(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.qdq(draw.op("Conv", draw.activation((1, 3, 8, 6)), draw.weights((4, 3, 3, 3))))
    x = draw.op("Transpose", x, perm=[0, 1, 3, 2])
    y = draw.qdq(draw.op("Conv", x, draw.weights((5, 4, 2, 3)), strides=[1, 2], pads=[0, 1, 1, 0]))
    check(draw, y, tmp_path, limit=2)


def test_signals_in_two_dimensions_as_keras_writes_them(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.op("Unsqueeze", draw.activation((1, 20, 3)), draw.constant(np.array([1])))
    x = draw.op("Transpose", x, perm=[0, 3, 1, 2])
    x = draw.qdq(draw.op("Relu", draw.op("Conv", x, draw.weights((4, 3, 1, 5)))))
    x = draw.op("Squeeze", x, draw.constant(np.array([2])))
    x = draw.qdq(draw.op("MaxPool", x, kernel_shape=[2], strides=[2]))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 4, 3)), pads=[1, 1]))
    check(draw, y, tmp_path, limit=2)


def test_a_flat_input_is_cut_into_an_image(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.op("Reshape", draw.activation((1, 490)), draw.constant(np.array([-1, 1, 49, 10])))
    graph = check(draw, draw.qdq(draw.op("Conv", x, draw.weights((4, 1, 10, 4)))), tmp_path)
    assert graph.input_shape == (49, 10, 1)


def test_weights_quantized_in_the_graph_and_transposed(tmp_path: Path) -> None:
    """As PyTorch writes a linear layer: float weights, QuantizeLinear, DequantizeLinear, Transpose."""
    draw = Drawing()
    w = draw.constant(draw.rng.normal(size=(5, 12)).astype(np.float32))
    parts = [draw.constant(np.full(5, 0.02, np.float32)), draw.constant(np.zeros(5, np.int8))]
    w = draw.op("QuantizeLinear", w, *parts, axis=0)
    w = draw.op("Transpose", draw.op("DequantizeLinear", w, *parts, axis=0), perm=[1, 0])
    check(draw, draw.qdq(draw.op("MatMul", draw.activation((1, 12)), w)), tmp_path)


@pytest.mark.parametrize("element", ["int8", "uint8"])
def test_integer_interfaces(element: str, tmp_path: Path) -> None:
    draw = Drawing(element=element)
    kind = TensorProto.INT8 if element == "int8" else TensorProto.UINT8
    x = draw.graph_input(("batch", 6, 5, 3), kind)
    x = draw.op("Transpose", x, perm=[0, 3, 1, 2])
    x = draw.op("DequantizeLinear", x, draw.constant(np.float32(0.02)), draw.constant(np.array(3, element)))
    y = draw.op("Conv", x, draw.weights((4, 3, 3, 3)))
    scale, zero = draw.parameters(y)
    y = draw.op("QuantizeLinear", y, draw.constant(scale), draw.constant(zero))
    graph = check(draw, y, tmp_path, kind)
    origin = graph.tensor(graph.output).origin
    assert origin is not None and origin.element == element


def test_integer_operators_between_quantizers(tmp_path: Path) -> None:
    draw = Drawing(element="uint8", opset=18)
    x = draw.graph_input((1, 3, 6, 6), TensorProto.UINT8)
    x = draw.op("MaxPool", x, kernel_shape=[2, 2])
    x = draw.op("Pad", x, draw.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), draw.constant(np.array(9, np.uint8)))
    x = draw.op("DequantizeLinear", x, draw.constant(np.float32(0.02)), draw.constant(np.array(9, np.uint8)))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3))))
    assert kinds(check(draw, y, tmp_path)) == ["MaxPool2D", "Conv2D"]


def test_operators_that_reach_no_output_are_dropped(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    draw.op("NonZero", x)
    draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3))))
    y = draw.qdq(draw.op("Conv", x, draw.weights((2, 3, 1, 1))))
    assert len(check(draw, y, tmp_path).operators) == 1


def test_shape_arithmetic_is_folded(tmp_path: Path) -> None:
    """Flatten as PyTorch writes it: Shape, Gather, Unsqueeze, Concat, Reshape."""
    draw = Drawing()
    x = draw.activation((1, 3, 4, 4))
    y = draw.qdq(draw.op("Conv", x, draw.weights((2, 3, 3, 3))))
    batch = draw.op("Gather", draw.op("Shape", y), draw.constant(np.array(0)), axis=0)
    shape = draw.op(
        "Concat", draw.op("Unsqueeze", batch, draw.constant(np.array([0]))), draw.constant(np.array([-1])), axis=0
    )
    y = draw.op("Reshape", y, shape)
    check(draw, draw.qdq(draw.op("MatMul", y, draw.weights((8, 3), None))), tmp_path, limit=2)


def test_a_wrong_guess_of_the_layout_is_taken_back(tmp_path: Path) -> None:
    """Padding one axis tells nothing; the transposition behind it does."""
    draw = Drawing()
    x = draw.op("Pad", draw.activation((1, 6, 5, 3)), draw.constant(np.array([0, 0, 1, 0, 0, 0, 1, 0])))
    x = draw.op("Transpose", x, perm=[0, 3, 1, 2])
    graph = check(draw, draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3)))), tmp_path)
    assert graph.input_shape == (6, 5, 3)


def test_clip_between_integers_as_pytorch_writes_it(tmp_path: Path) -> None:
    """A quantizer of reduced range is QuantizeLinear, then Clip on uint8."""
    draw = Drawing(element="uint8")
    x = draw.graph_input((1, 3, 6, 6))
    scale, zero = draw.constant(np.float32(0.04)), draw.constant(np.array(50, np.uint8))
    limits = [draw.constant(np.array(v, np.uint8)) for v in (0, 127)]
    x = draw.op("Clip", draw.op("QuantizeLinear", x, scale, zero), *limits)
    x = draw.op("Conv", draw.op("DequantizeLinear", x, scale, zero), draw.weights((4, 3, 3, 3)))
    y = draw.op("Clip", draw.op("QuantizeLinear", x, scale, zero), *limits)
    graph = check(draw, draw.op("DequantizeLinear", y, scale, zero), tmp_path, limit=1)
    assert kinds(graph) == ["Lookup", "Conv2D"]
    assert graph.operators[-1].high == -1


def test_a_value_quantized_for_each_of_its_readers_is_computed_once(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    y = draw.op("Conv", x, draw.weights((4, 3, 3, 3)))
    parameters = draw.parameters(y)
    first, second = draw.qdq(y, parameters), draw.qdq(y, parameters)
    pooled = draw.op("MaxPool", first, kernel_shape=[2, 2])
    parts = [draw.qdq(draw.op("Conv", pooled, draw.weights((2, 4, 1, 1)))) for _ in range(2)]
    parts.append(draw.qdq(draw.op("MaxPool", second, kernel_shape=[2, 2])))
    graph = check(draw, draw.qdq(draw.op("Concat", *parts, axis=1)), tmp_path, limit=3)
    assert kinds(graph).count("Conv2D") == 3


@pytest.mark.parametrize("function", ["Sigmoid", "Tanh", "HardSigmoid", "Softmax"])
def test_a_function_left_in_float_at_the_end_has_the_scale_of_its_range(function: str, tmp_path: Path) -> None:
    draw = Drawing()
    axis = {"axis": 1} if function == "Softmax" else {}
    graph = check(draw, draw.op(function, draw.activation((1, 3, 6, 6)), **axis), tmp_path)
    last = graph.tensor(graph.output).quantization
    assert last == (Quantization(1 / 128, 0) if function == "Tanh" else Quantization(1 / 256, -128))


@pytest.mark.parametrize("function", [None, "Sigmoid"])
@pytest.mark.parametrize("transposed", [True, False])
def test_the_last_reshape_only_regroups(function: str | None, transposed: bool, tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.qdq(draw.op("Conv", draw.activation((1, 3, 6, 5)), draw.weights((12, 3, 1, 1))))
    if transposed:
        x = draw.qdq(draw.op("Transpose", x, perm=[0, 2, 3, 1]))
    y = draw.qdq(draw.op("Reshape", x, draw.constant(np.array([1, -1, 4]))))
    if function is not None:
        y = draw.qdq(draw.op(function, y))
    graph = check(draw, y, tmp_path)
    assert {type(operator) for operator in graph.operators} <= {Conv2D, Lookup}
    assert graph.tensor(graph.output).origin.shape == (1, 90, 4)


@pytest.mark.parametrize("bits", [8, 6, 3])
def test_clips_between_quantizers_narrow_weights_and_activations(bits: int, tmp_path: Path) -> None:
    """QCDQ, as quantization-aware training exports it: float weights, scalar Constant nodes."""
    draw = Drawing()
    limit = 2 ** (bits - 1) - 1

    def narrow(value: str, scale: float, low: int, high: int) -> str:
        numbers = (np.array(scale, np.float32), np.array(0, np.int8), np.array(low, np.int8), np.array(high, np.int8))
        parts = [draw.op("Constant", value=numpy_helper.from_array(number)) for number in numbers]
        integers = draw.op("Clip", draw.op("QuantizeLinear", value, *parts[:2]), *parts[2:])
        return draw.op("DequantizeLinear", integers, *parts[:2])

    weights = narrow(draw.constant(draw.rng.normal(0, 0.3, (5, 3, 3, 3)).astype(np.float32)), 0.05, -limit, limit)
    x = narrow(draw.graph_input((1, 3, 6, 6)), 0.03, -limit - 1, limit)
    y = draw.op("Relu", draw.op("Conv", x, weights))
    check(draw, narrow(y, 0.04, 0, limit), tmp_path)
