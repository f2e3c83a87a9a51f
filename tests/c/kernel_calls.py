"""Random operators -> calls of the C kernels, each with the bytes that reference.py says must come out.

`calls.c` makes a call and knows nothing else. Every strategy gives the calls of one operator on one input, over shapes
chosen to be at the edges: windows wider than the input, all padding, no pixels, odd channels, extreme numbers.
"""

from __future__ import annotations

import itertools
import math
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from msf_riot import reference
from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Gather,
    GlobalAveragePool,
    Graph,
    Lookup,
    MaxPool2D,
    Mul,
    Operator,
    Pad,
    Padding,
    Quantization,
    Softmax,
    Tensor,
)
from msf_riot.kernels.portable import blocked, convolution_scale, folded_bias, least_shift

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "riot_pkg" / "msf_runtime"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Wvla", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

KERNELS = (
    "conv2d",
    "pointwise",
    "depthwise",
    "dense",
    "dense_pieces",
    "max_pool",
    "average_pool",
    "global_average",
    "add",
    "mul",
    "mul_channels",
    "channel_affine",
    "lookup",
    "copy_channels",
    "softmax",
    "pad",
    "gather_pixels",
    "conv2d_twice",
    "pointwise_twice",
    "depthwise_twice",
)


@dataclass(frozen=True)
class Call:
    """What calls.c reads, and what the kernel must then have written."""

    case: bytes
    expected: bytes


def encode(kernel: str, *arguments: int | np.ndarray | None) -> bytes:
    parts = [struct.pack("<i", KERNELS.index(kernel))]
    for argument in arguments:
        if argument is None:
            parts.append(struct.pack("<i", -1))
        elif isinstance(argument, np.ndarray):
            data = np.ascontiguousarray(argument).tobytes()
            parts.append(struct.pack("<i", len(data)) + data + bytes(-len(data) % 4))
        else:
            parts.append(struct.pack("<I", int(argument) & 0xFFFFFFFF))
    return b"".join(parts)


class Driver:
    """host.c as a process: one call after the other, started anew after a sanitizer has stopped it."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, call: Call) -> bytes:
        if self.process is None:
            self.errors = tempfile.TemporaryFile()  # noqa: SIM115
            self.process = subprocess.Popen(
                [self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors
            )
        self.process.stdin.write(struct.pack("<I", len(call.case)) + call.case)
        self.process.stdin.flush()
        length = self.process.stdout.read(4)
        if len(length) < 4:
            self.process.wait()
            self.process = None
            self.errors.seek(0)
            raise AssertionError(self.errors.read().decode(errors="replace")[:4000])
        return self.process.stdout.read(struct.unpack("<I", length)[0])

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


# -- numbers -----------------------------------------------------------------------------------------------------------

zero_points = st.sampled_from((-128, 127, 0)) | st.integers(-128, 127)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def clamps(draw):
    low, high = sorted(draw(st.tuples(st.integers(-128, 127), st.integers(-128, 127))))
    return draw(st.sampled_from(({}, {}, {"low": low, "high": high})))


def int8_values(rng: np.random.Generator, shape) -> np.ndarray:
    """Uniform, or nothing but the two extremes, or one of them."""
    match rng.integers(4):
        case 0:
            return rng.choice(np.array([-128, 127], dtype=np.int8), shape)
        case 1:
            return np.full(shape, rng.choice([-128, 127]), dtype=np.int8)
        case _:
            return rng.integers(-128, 128, shape, dtype=np.int8)


def requantization(rng: np.random.Generator, largest: np.ndarray) -> dict[str, np.ndarray]:
    """Multiplier and shift for accumulators up to `largest`: mostly such that the output spans int8, some anything."""
    multiplier = rng.integers(1 << 30, 1 << 31, largest.shape)
    fitting = 30 + np.ceil(np.log2(np.maximum(largest, 2))).astype(int) - 6
    shift = np.where(rng.random(largest.shape) < 0.7, np.clip(fitting, 1, 62), rng.integers(1, 63, largest.shape))
    multiplier[rng.random(largest.shape) < 0.05] = 0
    multiplier[rng.random(largest.shape) < 0.05] = (1 << 31) - 1
    return {"multiplier": multiplier.astype(np.int32), "shift": shift.astype(np.int32)}


def parameters(rng: np.random.Generator, weights: np.ndarray, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Bias and requantization for weights; some biases as large as the accumulator bears."""
    span = 255 * np.abs(weights.astype(np.int64)).sum(axis=axes)
    room = (1 << 31) - 1 - span
    bias = np.where(rng.random(span.shape) < 0.8, rng.integers(-1 - span, 2 + span), room * rng.choice([-1, 1]))
    bias = np.clip(bias, -room, room)
    return {"bias": bias.astype(np.int32), **requantization(rng, span + np.abs(bias))}


def graph_of(operator: Operator, shapes: Sequence[tuple[int, int, int]], zeros: Sequence[int]) -> Graph:
    """One operator as a Graph: shapes and zero points of its inputs, then of its output."""
    names = (*operator.inputs, operator.output)
    tensors = {
        name: Tensor(name, *shape, Quantization(1.0, zero))
        for name, shape, zero in zip(names, shapes, zeros, strict=True)
    }
    return Graph("one", tensors, (operator,), (operator.inputs[0],), (operator.output,))


def clamp_arguments(graph: Graph, operator: Operator) -> tuple[int, int, int]:
    return graph.tensor(operator.output).quantization.zero_point, operator.low, operator.high


def in_zero(graph: Graph, operator: Operator, index: int = 0) -> int:
    return graph.tensor(operator.inputs[index]).quantization.zero_point


def weight_arguments(graph: Graph, operator) -> tuple[np.ndarray, ...]:
    weights = operator.weights
    if not isinstance(operator, DepthwiseConv2D):
        weights = blocked(weights, getattr(operator, "groups", 1))
    bias = folded_bias(operator, in_zero(graph, operator))
    multiplier, shift = convolution_scale(operator)
    arrays = weights, bias, multiplier.astype(np.int32), shift.astype(np.uint8)
    return (*arrays, least_shift(operator)) if ending(operator) else arrays


def ending(operator) -> str:
    """Of the kernel's name."""
    return "_twice" if getattr(operator, "rounding", "once") == "twice" else ""


roundings = st.sampled_from(("once", "twice"))


# -- windows -----------------------------------------------------------------------------------------------------------


def segment_call(graph: Graph, operator, x: np.ndarray, y: np.ndarray, row: int, first: int, end: int) -> Call:
    """The kernel's call for output pixels [first, end) of `row`, given only the input columns that these touch."""
    height, width, channels = x.shape
    kernel_h, kernel_w = operator.kernel
    dilation_h, dilation_w = getattr(operator, "dilation", (1, 1))
    column = first * operator.stride[1] - operator.padding.left
    last = (end - 1) * operator.stride[1] - operator.padding.left + (kernel_w - 1) * dilation_w
    left = min(max(column, 0), width)
    right = min(max(last + 1, left), width)
    inputs = [row * operator.stride[0] - operator.padding.top + tap * dilation_h for tap in range(kernel_h)]
    rows = [x[i, left:right] if 0 <= i < height else None for i in inputs]
    place = (*rows, right - left, column - left, end - first)
    output = clamp_arguments(graph, operator)
    expected = y[row, first:end].tobytes()
    stride = operator.stride[1]
    match operator:
        case Conv2D():
            shape = (channels, len(operator.bias), operator.groups, kernel_h, kernel_w, stride, dilation_w)
            head = (*shape, in_zero(graph, operator), *output, *weight_arguments(graph, operator))
            return Call(encode("conv2d" + ending(operator), *head, *place), expected)
        case DepthwiseConv2D():
            shape = (channels, kernel_h, kernel_w, stride, dilation_w)
            head = (*shape, in_zero(graph, operator), *output, *weight_arguments(graph, operator))
            return Call(encode("depthwise" + ending(operator), *head, *place), expected)
        case MaxPool2D():
            head = (channels, kernel_h, kernel_w, stride, dilation_w, *output[1:])
            return Call(encode("max_pool", *head, *place), expected)
        case AveragePool2D():
            taps = kernel_h * kernel_w if operator.count_include_pad else 0
            head = (channels, kernel_h, kernel_w, stride, in_zero(graph, operator), *output)
            tables = (operator.multiplier, operator.shift.astype(np.uint8), taps)
            return Call(encode("average_pool", *head, *tables, *place), expected)
    raise AssertionError(operator)


@st.composite
def windowed_calls(draw, kind):
    """Each output row of one windowed operator: whole, then cut into segments, then as no pixels at all."""
    rng = np.random.default_rng(draw(seeds))
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = (1, 1) if kind is AveragePool2D else draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    span = [(taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True)]
    top, bottom = draw(st.tuples(st.integers(0, span[0]), st.integers(0, span[0])))
    left, right = draw(st.tuples(st.integers(0, span[1]), st.integers(0, span[1])))
    height = draw(st.integers(max(1, span[0] - top - bottom), max(1, span[0] - top - bottom) + 3))
    width = draw(st.integers(max(1, span[1] - left - right), max(1, span[1] - left - right) + 9))
    groups = draw(st.integers(1, 4)) if kind is Conv2D else 1
    channels = groups * draw(st.integers(1, 17 // groups))
    outputs = groups * draw(st.integers(1, 17 // groups)) if kind is Conv2D else channels
    common = {
        "name": "under test",
        "inputs": ("x",),
        "output": "y",
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": Padding(top, left, bottom, right),
        **draw(clamps()),
    }
    zeros = draw(st.tuples(zero_points, zero_points))
    if kind is Conv2D:
        del common["kernel"]
        weights = int8_values(rng, (outputs, *kernel, channels // groups))
        common["rounding"] = draw(roundings)
        operator = Conv2D(**common, weights=weights, groups=groups, **parameters(rng, weights, (1, 2, 3)))
    elif kind is DepthwiseConv2D:
        del common["kernel"]
        weights = int8_values(rng, (*kernel, channels))
        common["rounding"] = draw(roundings)
        operator = DepthwiseConv2D(**common, weights=weights, **parameters(rng, weights, (0, 1)))
    elif kind is AveragePool2D:
        del common["dilation"]
        largest = 255 * np.arange(kernel[0] * kernel[1] + 1)
        operator = AveragePool2D(**common, count_include_pad=draw(st.booleans()), **requantization(rng, largest))
    else:
        operator = MaxPool2D(**common)
        zeros = (zeros[0], zeros[0])
    out_height = (height + top + bottom - span[0]) // stride[0] + 1
    out_width = (width + left + right - span[1]) // stride[1] + 1
    graph = graph_of(operator, [(height, width, channels), (out_height, out_width, outputs)], zeros)
    x = int8_values(rng, (height, width, channels))
    y = reference.execute(graph, x)
    cuts = sorted(draw(st.sets(st.integers(1, out_width), max_size=3)) | {0, out_width})
    rows = sorted(draw(st.sets(st.integers(0, out_height - 1), min_size=1, max_size=4)) | {0, out_height - 1})
    calls = []
    for row in rows:
        calls.append(segment_call(graph, operator, x, y, row, 0, out_width))
        calls += [segment_call(graph, operator, x, y, row, a, b) for a, b in itertools.pairwise(cuts)]
    return [*calls, segment_call(graph, operator, x, y, 0, 0, 0)]


@st.composite
def pointwise_calls(draw):
    """A 1x1 convolution on both kernels that can run it."""
    rng = np.random.default_rng(draw(seeds))
    pixels = draw(st.integers(1, 9))
    channels, outputs = draw(st.tuples(st.integers(1, 33), st.integers(1, 17)))
    weights = int8_values(rng, (outputs, 1, 1, channels))
    names = {"name": "under test", "inputs": ("x",), "output": "y", "rounding": draw(roundings)}
    operator = Conv2D(**names, weights=weights, **parameters(rng, weights, (1, 2, 3)), **draw(clamps()))
    zeros = draw(st.tuples(zero_points, zero_points))
    graph = graph_of(operator, [(1, pixels, channels), (1, pixels, outputs)], zeros)
    x = int8_values(rng, (1, pixels, channels))
    y = reference.execute(graph, x)
    head = (
        channels,
        outputs,
        1,
        1,
        1,
        1,
        1,
        zeros[0],
        *clamp_arguments(graph, operator),
        *weight_arguments(graph, operator),
    )
    return [
        Call(encode("pointwise" + ending(operator), *head, x, pixels), y.tobytes()),
        Call(encode("pointwise" + ending(operator), *head, x[:, :0], 0), b""),
        segment_call(graph, operator, x, y, 0, 0, pixels),
    ]


# -- reductions --------------------------------------------------------------------------------------------------------


def pieces(draw, elements: int) -> list[tuple[int, int]]:
    """[0, elements) cut into runs (first, length), in any order."""
    cuts = sorted(draw(st.sets(st.integers(0, elements), max_size=4)) | {0, elements})
    return draw(st.permutations([(a, b - a) for a, b in itertools.pairwise(cuts)]))


@st.composite
def dense_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 17)))
    outputs = draw(st.integers(1, 17))
    weights = int8_values(rng, (outputs, math.prod(shape)))
    names = {"name": "under test", "inputs": ("x",), "output": "y"}
    operator = Dense(**names, weights=weights, **parameters(rng, weights, (1,)), **draw(clamps()))
    zeros = draw(st.tuples(zero_points, zero_points))
    graph = graph_of(operator, [shape, (1, 1, outputs)], zeros)
    x = int8_values(rng, shape)
    expected = reference.execute(graph, x).tobytes()
    head = (x.size, outputs, zeros[0], *clamp_arguments(graph, operator), *weight_arguments(graph, operator))
    flat = x.reshape(-1)
    runs = pieces(draw, x.size)
    listed = [value for first, n in runs for value in (first, n, flat[first : first + n])]
    return [
        Call(encode("dense", *head, x), expected),
        Call(encode("dense_pieces", *head, len(runs), *listed), expected),
    ]


@st.composite
def requantization_calls(draw):
    """Accumulators (biases, all weights being 0) that land on, or one beside, the ties between two int8 outputs."""
    rng = np.random.default_rng(draw(seeds))
    outputs = 32
    multiplier = np.where(rng.random(outputs) < 0.3, 1 << 30, rng.integers(1 << 30, 1 << 31, outputs))
    shift = rng.integers(1, 63, outputs)
    ties = (2 * rng.integers(-150, 150, outputs) + 1) * 2.0 ** (shift - 1) / multiplier
    bias = np.clip(np.round(ties).astype(np.int64) + rng.integers(-1, 2, outputs), -(1 << 31) + 1, (1 << 31) - 1)
    operator = Dense(
        name="under test",
        inputs=("x",),
        output="y",
        weights=np.zeros((outputs, 1), dtype=np.int8),
        **{
            key: value.astype(np.int32) for key, value in (("bias", bias), ("multiplier", multiplier), ("shift", shift))
        },
        **draw(clamps()),
    )
    zeros = (0, draw(zero_points))
    graph = graph_of(operator, [(1, 1, 1), (1, 1, outputs)], zeros)
    x = np.ones((1, 1, 1), dtype=np.int8)
    head = (1, outputs, 0, *clamp_arguments(graph, operator), *weight_arguments(graph, operator))
    return [Call(encode("dense", *head, x), reference.execute(graph, x).tobytes())]


@st.composite
def global_average_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 17)))
    pixels = shape[0] * shape[1]
    scale = {key: int(value[0]) for key, value in requantization(rng, np.array([255 * pixels])).items()}
    operator = GlobalAveragePool(name="under test", inputs=("x",), output="y", **scale, **draw(clamps()))
    zeros = draw(st.tuples(zero_points, zero_points))
    graph = graph_of(operator, [shape, (1, 1, shape[2])], zeros)
    x = int8_values(rng, shape)
    flat = x.reshape(pixels, -1)
    runs = pieces(draw, pixels)
    listed = [value for first, n in runs for value in (n, flat[first : first + n])]
    head = (operator.multiplier, operator.shift, shape[2], zeros[0], *clamp_arguments(graph, operator))
    return [Call(encode("global_average", *head, len(runs), *listed), reference.execute(graph, x).tobytes())]


# -- elementwise -------------------------------------------------------------------------------------------------------

NEW_BUFFER, ON_FIRST, ON_SECOND = 0, 1, 2
images = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 17))


@st.composite
def add_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(images)
    larger, smaller = int(rng.integers(1 << 20, 1 << 21)), int(rng.integers(-(1 << 21), 1 << 21))
    multipliers = draw(st.sampled_from([(larger, smaller), (smaller, larger), (larger, larger), (larger, 0)]))
    shift = draw(st.integers(18, 24) | st.integers(1, 30))
    names = {"name": "under test", "inputs": ("a", "b"), "output": "y"}
    operator = Add(**names, multipliers=multipliers, shift=shift, **draw(clamps()))
    zeros = draw(st.tuples(zero_points, zero_points, zero_points))
    graph = graph_of(operator, [shape, shape, shape], zeros)
    a, b = int8_values(rng, shape), int8_values(rng, shape)
    expected = reference.execute_operator(graph, operator, [a, b]).tobytes()
    head = (*multipliers, shift, zeros[0], zeros[1], *clamp_arguments(graph, operator))
    return [
        *(Call(encode("add", *head, a.size, a, b, place), expected) for place in (NEW_BUFFER, ON_FIRST, ON_SECOND)),
        Call(encode("add", *head, 0, a, b, NEW_BUFFER), b""),
    ]


@st.composite
def mul_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(images)
    channelwise = draw(st.booleans())
    scale = {key: int(value[0]) for key, value in requantization(rng, np.array([255 * 255])).items()}
    operator = Mul(name="under test", inputs=("a", "b"), output="y", **scale, **draw(clamps()))
    zeros = draw(st.tuples(zero_points, zero_points, zero_points))
    factors = (1, 1, shape[2]) if channelwise else shape
    graph = graph_of(operator, [shape, factors, shape], zeros)
    a, b = int8_values(rng, shape), int8_values(rng, factors)
    expected = reference.execute_operator(graph, operator, [a, b]).tobytes()
    head = (operator.multiplier, operator.shift, zeros[0], zeros[1], *clamp_arguments(graph, operator))
    if channelwise:
        size = (shape[0] * shape[1], shape[2])
        return [Call(encode("mul_channels", *head, *size, a, b, place), expected) for place in (NEW_BUFFER, ON_FIRST)]
    places = (NEW_BUFFER, ON_FIRST, ON_SECOND)
    return [Call(encode("mul", *head, a.size, a, b, place), expected) for place in places]


@st.composite
def channel_affine_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(images)
    channels = shape[2]
    shift = rng.integers(1, 31, channels)
    room = (1 << 31) - 1 - (1 << (shift - 1))
    multiplier = rng.integers(-(room // 510), room // 510 + 1)
    offset = np.where(
        rng.random(channels) < 0.3, room - 255 * np.abs(multiplier), rng.integers(-(room // 2), room // 2)
    )
    constants = {"multiplier": multiplier, "offset": offset, "shift": shift}
    operator = ChannelAffine(
        name="under test",
        inputs=("x",),
        output="y",
        **{key: value.astype(np.int32) for key, value in constants.items()},
        **draw(clamps()),
    )
    zeros = draw(st.tuples(zero_points, zero_points))
    graph = graph_of(operator, [shape, shape], zeros)
    x = int8_values(rng, shape)
    expected = reference.execute(graph, x).tobytes()
    tables = (operator.multiplier, operator.offset, operator.shift.astype(np.uint8))
    head = (channels, zeros[0], *clamp_arguments(graph, operator), *tables, shape[0] * shape[1])
    return [Call(encode("channel_affine", *head, x, place), expected) for place in (NEW_BUFFER, ON_FIRST)]


@st.composite
def lookup_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = draw(images)
    table = rng.integers(-128, 128, 256, dtype=np.int8)
    operator = Lookup(name="under test", inputs=("x",), output="y", table=table)
    graph = graph_of(operator, [shape, shape], [0, 0])
    x = int8_values(rng, shape)
    expected = reference.execute(graph, x).tobytes()
    return [Call(encode("lookup", table, x.size, x, place), expected) for place in (NEW_BUFFER, ON_FIRST)]


@st.composite
def copy_channels_calls(draw):
    """One input of a concatenation: the other channels keep what they held."""
    rng = np.random.default_rng(draw(seeds))
    pixels = draw(st.integers(0, 6))
    before, channels, after = draw(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 9)))
    stride = before + channels + after
    x, out = int8_values(rng, (pixels, channels)), int8_values(rng, (pixels, stride))
    expected = out.copy()
    expected[:, before : before + channels] = x
    first = before if pixels else 0
    return [Call(encode("copy_channels", channels, stride, first, pixels, x, out), expected.tobytes())]


@st.composite
def pad_calls(draw):
    """Rows of a padded tensor, whole and in segments, from as much of the input row as a segment touches."""
    rng = np.random.default_rng(draw(seeds))
    width, channels = draw(st.tuples(st.integers(1, 6), st.integers(1, 9)))
    padding = Padding(*(draw(st.integers(0, 3)) for _ in range(4)))
    operator = Pad(name="under test", inputs=("x",), output="y", padding=padding, value=draw(zero_points))
    x = int8_values(rng, (2, width, channels))
    shape = (2 + padding.top + padding.bottom, width + padding.left + padding.right, channels)
    y = reference.execute(graph_of(operator, [x.shape, shape], [0, 0]), x)
    first, end = sorted(draw(st.tuples(st.integers(0, shape[1]), st.integers(0, shape[1]))))
    calls = []
    for row, (a, b) in itertools.product(range(shape[0]), [(0, shape[1]), (first, end)]):
        left = min(max(a - padding.left, 0), width)
        right = min(max(b - padding.left, left), width)
        source = x[row - padding.top, left:right] if 0 <= row - padding.top < 2 else None
        place = (source, right - left, a - padding.left - left, channels, operator.value, b - a)
        calls.append(Call(encode("pad", *place), y[row, a:b].tobytes()))
    return calls


@st.composite
def gather_pixels_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    width, channels = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    columns = sorted(draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=12)))
    operator = Gather(name="under test", inputs=("x",), output="y", rows=(0,), columns=tuple(columns))
    x = int8_values(rng, (1, width, channels))
    y = reference.execute(graph_of(operator, [x.shape, (1, len(columns), channels)], [0, 0]), x)
    start, end = sorted(draw(st.tuples(st.integers(0, len(columns)), st.integers(0, len(columns)))))
    table = np.array(columns, dtype=np.uint16)
    calls = []
    for a, b in [(0, len(columns)), (start, end)]:
        first, last = (columns[a], columns[b - 1] + 1) if a < b else (0, 0)
        place = (x[0, first:last], table[a:b], first, channels, b - a)
        calls.append(Call(encode("gather_pixels", *place), y[0, a:b].tobytes()))
    return calls


@st.composite
def softmax_calls(draw):
    rng = np.random.default_rng(draw(seeds))
    shape = (*draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), draw(st.integers(1, 40) | st.just(4095)))
    scale = draw(st.floats(1e-4, 2))
    table = np.round(2**20 * np.exp(-scale * np.arange(256))).astype(np.uint32)
    reciprocal = round(2**12 / draw(st.just(1 / 256) | st.floats(2**-19, 1)))
    names = {"name": "under test", "inputs": ("x",), "output": "y"}
    operator = Softmax(**names, table=table, reciprocal=reciprocal, **draw(clamps()))
    zeros = (0, draw(zero_points))
    graph = graph_of(operator, [shape, shape], zeros)
    x = int8_values(rng, shape)
    expected = reference.execute(graph, x).tobytes()
    head = (shape[2], reciprocal, *clamp_arguments(graph, operator), table, shape[0] * shape[1])
    return [Call(encode("softmax", *head, x, place), expected) for place in (NEW_BUFFER, ON_FIRST)]


STRATEGIES = {
    "conv2d": windowed_calls(Conv2D),
    "pointwise": pointwise_calls(),
    "depthwise": windowed_calls(DepthwiseConv2D),
    "dense": dense_calls(),
    "requantization": requantization_calls(),
    "max_pool": windowed_calls(MaxPool2D),
    "average_pool": windowed_calls(AveragePool2D),
    "global_average": global_average_calls(),
    "add": add_calls(),
    "mul": mul_calls(),
    "channel_affine": channel_affine_calls(),
    "lookup": lookup_calls(),
    "copy_channels": copy_channels_calls(),
    "pad": pad_calls(),
    "gather_pixels": gather_pixels_calls(),
    "softmax": softmax_calls(),
}
