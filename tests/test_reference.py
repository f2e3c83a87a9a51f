"""reference.py against the formulas of ir.py, written out once more in Python's own integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msf_riot import reference
from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Gather,
    GlobalAveragePool,
    Graph,
    Lookup,
    MaxPool2D,
    Mul,
    Pad,
    Padding,
    Quantization,
    Softmax,
    Tensor,
)

ONE_INPUT = {"name": "under test", "inputs": ("x",), "output": "y"}
TWO_INPUTS = {"name": "under test", "inputs": ("a", "b"), "output": "y"}
seeds = st.integers(0, 2**32 - 1)


def int32(values) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def graph_of(operator, shapes, zeros) -> Graph:
    """One operator as a Graph: shapes and zero points of its inputs, then of its output."""
    names = (*operator.inputs, operator.output)
    tensors = {
        name: Tensor(name, *shape, Quantization(1.0, zero))
        for name, shape, zero in zip(names, shapes, zeros, strict=True)
    }
    return Graph("one", tensors, (operator,), (operator.inputs[0],), (operator.output,))


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def clamp(operator, value: int) -> int:
    return max(operator.low, min(operator.high, value))


def scaled(acc, multiplier, shift) -> int:
    return half_up(Fraction(int(acc) * int(multiplier), 2 ** int(shift)))


def window(operator, x, y, column, dilation):
    """(tap row, tap column, pixel) of every tap of output pixel (y, column) that lies in the input."""
    height, width, _ = x.shape
    for ky, kx in np.ndindex(*operator.kernel):
        row = y * operator.stride[0] - operator.padding.top + ky * dilation[0]
        col = column * operator.stride[1] - operator.padding.left + kx * dilation[1]
        if 0 <= row < height and 0 <= col < width:
            yield ky, kx, [int(value) for value in x[row, col]]


@st.composite
def windows(draw, dilated=True):
    """Common arguments of a windowed operator, its input's height and width, and its output's."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) if dilated else (1, 1)
    span = [(taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True)]
    top, left, bottom, right = (draw(st.integers(0, 4)) for _ in range(4))
    height = max(1, span[0] - top - bottom) + draw(st.integers(0, 3))
    width = max(1, span[1] - left - right) + draw(st.integers(0, 3))
    arguments = {"stride": stride, "padding": Padding(top, left, bottom, right), **ONE_INPUT}
    if dilated:
        arguments["dilation"] = dilation
    out = ((height + top + bottom - span[0]) // stride[0] + 1, (width + left + right - span[1]) // stride[1] + 1)
    return arguments, kernel, (height, width), out


def scale_arguments(rng, count, largest):
    shift = 30 + int(math.log2(largest)) - 6
    return {
        "multiplier": int32(rng.integers(1 << 30, 1 << 31, count)),
        "shift": int32(rng.integers(shift - 3, shift + 2, count)),
    }


@settings(deadline=None, max_examples=60)
@given(windows(), seeds, st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_convolution_sums_the_taps_of_its_group(drawn, seed, groups, depth, group_outputs):
    arguments, kernel, (height, width), out = drawn
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (groups * group_outputs, *kernel, depth), dtype=np.int8)
    outputs = len(weights)
    bias = int32(rng.integers(-5000, 5000, outputs))
    scale = scale_arguments(rng, outputs, weights[0].size * 5000)
    zx, zy = (int(z) for z in rng.integers(-128, 128, 2))
    operator = Conv2D(weights=weights, bias=bias, groups=groups, low=-100, high=90, **scale, **arguments)
    graph = graph_of(operator, [(height, width, groups * depth), (*out, outputs)], [zx, zy])
    x = rng.integers(-128, 128, (height, width, groups * depth), dtype=np.int8)
    result = reference.execute(graph, x)
    for y, column, o in np.ndindex(*out, outputs):
        acc = int(bias[o])
        first = o // group_outputs * depth
        for ky, kx, pixel in window(operator, x, y, column, operator.dilation):
            acc += sum(int(weights[o, ky, kx, c]) * (pixel[first + c] - zx) for c in range(depth))
        expected = zy + scaled(acc, operator.multiplier[o], operator.shift[o])
        assert result[y, column, o] == clamp(operator, expected)


@settings(deadline=None, max_examples=60)
@given(windows(), seeds, st.integers(1, 5))
def test_depthwise_convolution_keeps_channels_apart(drawn, seed, channels):
    arguments, kernel, (height, width), out = drawn
    rng = np.random.default_rng(seed)
    weights = rng.integers(-128, 128, (*kernel, channels), dtype=np.int8)
    bias = int32(rng.integers(-5000, 5000, channels))
    scale = scale_arguments(rng, channels, math.prod(kernel) * 5000)
    zx, zy = (int(z) for z in rng.integers(-128, 128, 2))
    operator = DepthwiseConv2D(weights=weights, bias=bias, **scale, **arguments)
    graph = graph_of(operator, [(height, width, channels), (*out, channels)], [zx, zy])
    x = rng.integers(-128, 128, (height, width, channels), dtype=np.int8)
    result = reference.execute(graph, x)
    for y, column, c in np.ndindex(*out, channels):
        taps = window(operator, x, y, column, operator.dilation)
        acc = int(bias[c]) + sum(int(weights[ky, kx, c]) * (pixel[c] - zx) for ky, kx, pixel in taps)
        assert result[y, column, c] == clamp(operator, zy + scaled(acc, operator.multiplier[c], operator.shift[c]))


@settings(deadline=None, max_examples=60)
@given(windows(), seeds)
def test_max_pool_ignores_padding(drawn, seed):
    arguments, kernel, (height, width), out = drawn
    rng = np.random.default_rng(seed)
    operator = MaxPool2D(kernel=kernel, low=-100, high=100, **arguments)
    graph = graph_of(operator, [(height, width, 2), (*out, 2)], [5, 5])
    x = rng.integers(-128, 128, (height, width, 2), dtype=np.int8)
    result = reference.execute(graph, x)
    for y, column, c in np.ndindex(*out, 2):
        inside = [pixel[c] for _, _, pixel in window(operator, x, y, column, operator.dilation)]
        assert result[y, column, c] == clamp(operator, max(inside, default=-128))


@settings(deadline=None, max_examples=60)
@given(windows(dilated=False), seeds, st.booleans())
def test_average_pool_divides_by_the_taps_that_count(drawn, seed, count_include_pad):
    arguments, kernel, (height, width), out = drawn
    rng = np.random.default_rng(seed)
    taps = math.prod(kernel)
    # the multiplier of n taps is 1 / n, as near as 31 bits hold it
    exponents = [30 + math.ceil(math.log2(max(n, 1))) for n in range(taps + 1)]
    multiplier = int32([min(2**e // max(n, 1), 2**31 - 1) for n, e in enumerate(exponents)])
    scale = {"multiplier": multiplier, "shift": int32(exponents)}
    zx, zy = (int(z) for z in rng.integers(-60, 60, 2))
    operator = AveragePool2D(kernel=kernel, count_include_pad=count_include_pad, **scale, **arguments)
    graph = graph_of(operator, [(height, width, 2), (*out, 2)], [zx, zy])
    x = rng.integers(-128, 128, (height, width, 2), dtype=np.int8)
    result = reference.execute(graph, x)
    for y, column, c in np.ndindex(*out, 2):
        inside = [pixel[c] - zx for _, _, pixel in window(operator, x, y, column, (1, 1))]
        n = taps if count_include_pad else len(inside)
        mean = clamp(operator, zy + half_up(Fraction(sum(inside), max(n, 1))))
        assert result[y, column, c] == clamp(operator, zy + scaled(sum(inside), multiplier[n], exponents[n]))
        assert abs(int(result[y, column, c]) - mean) <= 1


@pytest.mark.parametrize("shift", [1, 2, 31, 32, 33, 40, 61, 62, 63, 64, 65, 100, 1000])
@pytest.mark.parametrize("multiplier", [0, 1 << 30, (1 << 31) - 1])
def test_requantization_is_exact_for_every_shift(shift, multiplier):
    bias = int32([0, 1, -1, 2, -2, 3, -3, 12345, -12345, 2**30, -(2**30), 2**31 - 1, -(2**31) + 1])
    outputs = len(bias)
    operator = Dense(
        weights=np.zeros((outputs, 1), dtype=np.int8),
        bias=bias,
        multiplier=int32([multiplier] * outputs),
        shift=int32([shift] * outputs),
        **ONE_INPUT,
    )
    graph = graph_of(operator, [(1, 1, 1), (1, 1, outputs)], [0, 3])
    result = reference.execute(graph, np.ones((1, 1, 1), dtype=np.int8))
    assert [int(v) for v in result[0, 0]] == [clamp(operator, 3 + scaled(b, multiplier, shift)) for b in bias]


@given(seeds)
def test_dense_reads_its_input_in_hwc_order(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (2, 3, 4), dtype=np.int8)
    weights = rng.integers(-128, 128, (5, 24), dtype=np.int8)
    bias = int32(rng.integers(-5000, 5000, 5))
    operator = Dense(weights=weights, bias=bias, **scale_arguments(rng, 5, 100000), **ONE_INPUT)
    result = reference.execute(graph_of(operator, [x.shape, (1, 1, 5)], [-7, 9]), x)
    for o in range(5):
        acc = int(bias[o]) + sum(int(w) * (int(v) + 7) for w, v in zip(weights[o], x.reshape(-1), strict=True))
        assert result[0, 0, o] == clamp(operator, 9 + scaled(acc, operator.multiplier[o], operator.shift[o]))


@given(seeds)
def test_elementwise_operators_follow_their_formulas(seed):
    rng = np.random.default_rng(seed)
    shape = (2, 3, 4)
    a, b = rng.integers(-128, 128, (2, *shape), dtype=np.int8)
    za, zb, zy = (int(z) for z in rng.integers(-128, 128, 3))
    add = Add(multipliers=(1 << 20, int(rng.integers(-(1 << 21), 1 << 21))), shift=21, low=-90, **TWO_INPUTS)
    mul = Mul(multiplier=int(rng.integers(1 << 30, 1 << 31)), shift=38, high=50, **TWO_INPUTS)
    affine = ChannelAffine(
        multiplier=int32(rng.integers(-(1 << 20), 1 << 20, 4)),
        offset=int32(rng.integers(-(1 << 26), 1 << 26, 4)),
        shift=int32([20, 21, 22, 23]),
        **ONE_INPUT,
    )
    factors = b[:1, :1]
    zeros = [za, zb, zy]
    sums = reference.execute_operator(graph_of(add, [shape] * 3, zeros), add, [a, b])
    products = reference.execute_operator(graph_of(mul, [shape] * 3, zeros), mul, [a, b])
    channels = reference.execute_operator(graph_of(mul, [shape, (1, 1, 4), shape], zeros), mul, [a, factors])
    lines = reference.execute(graph_of(affine, [shape, shape], [za, zy]), a)
    for at in np.ndindex(*shape):
        x, y, c = int(a[at]) - za, int(b[at]) - zb, at[2]
        total = add.multipliers[0] * x + add.multipliers[1] * y
        assert sums[at] == clamp(add, zy + half_up(Fraction(total, 2**21)))
        assert products[at] == clamp(mul, zy + scaled(x * y, mul.multiplier, mul.shift))
        assert channels[at] == clamp(mul, zy + scaled(x * (int(factors[0, 0, c]) - zb), mul.multiplier, mul.shift))
        line = int(affine.multiplier[c]) * x + int(affine.offset[c])
        assert lines[at] == clamp(affine, zy + half_up(Fraction(line, 2 ** int(affine.shift[c]))))


@given(seeds, st.floats(0.001, 1), st.integers(1, 20))
def test_softmax_is_within_one_of_the_real_softmax(seed, scale, channels):
    rng = np.random.default_rng(seed)
    table = np.round(2**20 * np.exp(-scale * np.arange(256))).astype(np.uint32)
    operator = Softmax(table=table, reciprocal=2**20, **ONE_INPUT)
    x = rng.integers(-128, 128, (2, 2, channels), dtype=np.int8)
    result = reference.execute(graph_of(operator, [x.shape, x.shape], [0, -128]), x)
    for y, column in np.ndindex(2, 2):
        row = [int(v) for v in x[y, column]]
        exponentials = [int(table[max(row) - v]) for v in row]
        exact = [clamp(operator, half_up(Fraction(256 * e, sum(exponentials))) - 128) for e in exponentials]
        assert [int(v) for v in result[y, column]] == exact
        real = np.exp(scale * np.array(row, dtype=float))
        assert np.max(np.abs(np.clip(256 * real / real.sum() - 128, -128, 127) - exact)) <= 1


def test_operators_that_only_move_bytes():
    a = np.arange(12, dtype=np.int8).reshape(2, 2, 3)
    b = -np.arange(8, dtype=np.int8).reshape(2, 2, 2)
    concat = Concat(**TWO_INPUTS)
    joined = reference.execute_operator(graph_of(concat, [a.shape, b.shape, (2, 2, 5)], [0] * 3), concat, [a, b])
    assert joined[1, 0].tolist() == [6, 7, 8, -4, -5]
    pad = Pad(padding=Padding(1, 0, 0, 2), value=-7, **ONE_INPUT)
    padded = reference.execute(graph_of(pad, [a.shape, (3, 4, 3)], [0, 0]), a)
    assert padded[:, :, 0].tolist() == [[-7, -7, -7, -7], [0, 3, -7, -7], [6, 9, -7, -7]]
    resize = Gather(rows=(0, 0, 1), columns=(1, 1), **ONE_INPUT)
    assert reference.execute(graph_of(resize, [a.shape, (3, 2, 3)], [0, 0]), a)[:, :, 0].tolist() == [
        [3, 3],
        [3, 3],
        [9, 9],
    ]
    table = np.arange(127, -129, -1).astype(np.int8)
    lookup = Lookup(table=table, **ONE_INPUT)
    assert np.array_equal(reference.execute(graph_of(lookup, [a.shape, a.shape], [0, 0]), a), -1 - a)


def test_global_average_is_over_all_pixels():
    x = np.stack([np.full((3, 5), 10), np.arange(15).reshape(3, 5)], axis=2).astype(np.int8)
    operator = GlobalAveragePool(multiplier=round(2**34 / 15), shift=34, **ONE_INPUT)
    assert reference.execute(graph_of(operator, [x.shape, (1, 1, 2)], [2, 2]), x).tolist() == [[[10, 7]]]


def test_every_tensor_of_a_graph_with_a_branch():
    quantization = Quantization(1.0, 0)
    tensors = {name: Tensor(name, 1, 1, 2, quantization) for name in ("in", "negated", "out")}
    negate = Lookup(name="negate", inputs=("in",), output="negated", table=np.arange(127, -129, -1).astype(np.int8))
    add = Add(name="add", inputs=("in", "negated"), output="out", multipliers=(1 << 20, 1 << 20), shift=20)
    graph = Graph("branch", tensors, (negate, add), ("in",), ("out",))
    values = reference.execute_all(graph, np.array([[[5, -9]]], dtype=np.int8))
    assert {name: value.tolist() for name, value in values.items()} == {
        "in": [[[5, -9]]],
        "negated": [[[-6, 8]]],
        "out": [[[-1, -1]]],
    }


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_convolution_that_could_overflow_int32_is_refused_by_name(sign):
    weights = np.full((1, 1, 1, 2), 127, dtype=np.int8)
    room = (1 << 31) - 1 - 2 * 127 * 255

    def convolve(bias):
        scale = {"multiplier": int32([1 << 30]), "shift": int32([60])}
        operator = Conv2D(weights=weights, bias=int32([bias]), **scale, **ONE_INPUT)
        graph = graph_of(operator, [(1, 1, 2), (1, 1, 1)], [0, 0])
        return reference.execute(graph, np.ones((1, 1, 2), dtype=np.int8))

    assert convolve(sign * room).tolist() == [[[2 * sign]]]
    with pytest.raises(ValueError, match="'under test' can overflow"):
        convolve(sign * (room + 1))


def test_an_addition_that_could_overflow_int32_is_refused_by_name():
    operator = Add(multipliers=(1 << 23, 1 << 16), shift=20, **TWO_INPUTS)
    x = np.zeros((1, 1, 1), dtype=np.int8)
    with pytest.raises(ValueError, match="'under test' can overflow"):
        reference.execute_operator(graph_of(operator, [x.shape] * 3, [0] * 3), operator, [x, x])


@pytest.mark.parametrize("x", [np.zeros((2, 1, 1), dtype=np.int8), np.zeros((1, 1, 1), dtype=np.uint8)])
def test_an_input_of_wrong_shape_or_type_is_refused(x):
    operator = MaxPool2D(kernel=(1, 1), **ONE_INPUT)
    with pytest.raises(ValueError, match=r"must be int8 of shape \(1, 1, 1\)"):
        reference.execute(graph_of(operator, [(1, 1, 1)] * 2, [0, 0]), x)


def test_a_graph_whose_output_shape_is_wrong_is_refused():
    operator = MaxPool2D(kernel=(2, 2), **ONE_INPUT)
    with pytest.raises(ValueError, match="the output of operator 'under test' must be"):
        reference.execute(graph_of(operator, [(4, 4, 1), (4, 4, 1)], [0, 0]), np.zeros((4, 4, 1), dtype=np.int8))
