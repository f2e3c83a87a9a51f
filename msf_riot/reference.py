"""Graph and int8 input in, int8 tensors out: the network run in NumPy integers, the definition of what the C computes.

Follows the docstrings of ir.py word for word. What the C would compute in int32 is held to int32 here, too: an
operator whose numbers could leave that range for some input is a defect of whoever built the Graph, and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.ir import (
    BILINEAR_BITS,
    Add,
    ArgMax,
    AveragePool2D,
    ChannelAffine,
    ChannelLookup,
    Concat,
    Conv2D,
    Dense,
    DepthToSpace,
    DepthwiseConv2D,
    FixedPointSoftmax,
    Gather,
    GatherChannels,
    GlobalAveragePool,
    Graph,
    Int8Array,
    LogSoftmax,
    Lookup,
    Maximum,
    MaxPool2D,
    Minimum,
    Mul,
    Operator,
    Pad,
    Padding,
    Pair,
    PRelu,
    ResizeBilinear,
    Rounding,
    Softmax,
    SpaceToDepth,
    TableAdd,
    TransposedConv2D,
)

Integers: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Int64Array: TypeAlias = npt.NDArray[np.int64]

INT32_LIMIT = 1 << 31
COLUMN_ELEMENTS = 1 << 21  # of the unfolded input held at a time: 16 MB of float64


def execute(graph: Graph, input: Int8Array) -> Int8Array:
    """What the graph gives, of `Graph.output_shape`, for an input of `Graph.input_shape`.

    Raises ValueError as `execute_operator` does.
    """
    values = execute_all(graph, input)
    return graph.join_outputs([values[name] for name in graph.outputs])


def execute_all(graph: Graph, input: Int8Array) -> dict[str, Int8Array]:
    """Every tensor of the graph by name, its inputs included, each [H, W, C]."""
    values = graph.split_input(input)
    for operator in graph.operators:
        values[operator.output] = execute_operator(graph, operator, [values[name] for name in operator.inputs])
    return values


def execute_operator(graph: Graph, operator: Operator, inputs: Sequence[Int8Array]) -> Int8Array:
    """One operator's output [H, W, C] from its inputs [H, W, C].

    Raises ValueError where a shape is not what the graph says, or an int32 accumulator could overflow: the importer
    promises neither happens.
    """
    if len(inputs) != len(operator.inputs):
        raise ValueError(f"operator '{operator.name}' has {len(operator.inputs)} inputs, not {len(inputs)}")
    for name, value in zip(operator.inputs, inputs, strict=True):
        _check_tensor(graph, name, value, f"input '{name}' of operator '{operator.name}'")
    centered = [
        value.astype(np.int64) - graph.tensor(name).quantization.zero_point
        for name, value in zip(operator.inputs, inputs, strict=True)
    ]
    zero = graph.tensor(operator.output).quantization.zero_point
    result: Integers
    match operator:
        case Conv2D():
            result = zero + _requantize(
                _conv2d(operator, centered[0]), operator.multiplier, operator.shift, operator.rounding
            )
        case DepthwiseConv2D():
            result = zero + _requantize(
                _depthwise(operator, centered[0]), operator.multiplier, operator.shift, operator.rounding
            )
        case Dense():
            result = zero + _requantize(_dense(operator, centered[0]), operator.multiplier, operator.shift)
        case MaxPool2D():
            result = _max_pool(operator, inputs[0])
        case AveragePool2D():
            values, zero = _centered(operator, inputs[0], centered[0], zero)
            result = zero + _average_pool(operator, values)
        case GlobalAveragePool():
            _check_int32(operator, 255 * inputs[0].shape[0] * inputs[0].shape[1])
            values, zero = _centered(operator, inputs[0], centered[0], zero)
            total = values.sum(axis=(0, 1), keepdims=True)
            result = zero + _requantize(total, operator.multiplier, operator.shift, operator.rounding)
        case Add():
            result = zero + _add(operator, *centered)
        case TableAdd():
            result = zero + _table_add(operator, inputs[0], inputs[1])
        case Mul():
            result = zero + _requantize(
                centered[0] * centered[1], operator.multiplier, operator.shift, operator.rounding
            )
        case ChannelAffine():
            result = zero + _channel_affine(operator, centered[0])
        case Lookup():
            result = operator.table[inputs[0].astype(np.int64) + 128]
        case TransposedConv2D():
            result = zero + _requantize(
                _transposed_conv2d(operator, centered[0]), operator.multiplier, operator.shift, operator.rounding
            )
        case PRelu():
            result = zero + _prelu(operator, centered[0])
        case Maximum():
            result = np.maximum(inputs[0], inputs[1])
        case Minimum():
            result = np.minimum(inputs[0], inputs[1])
        case ChannelLookup():
            channels = np.arange(inputs[0].shape[2])
            result = operator.table[channels, inputs[0].astype(np.int64) + 128]
        case Concat():
            result = np.concatenate(inputs, axis=operator.axis)
        case GatherChannels():
            result = np.where(np.array(operator.channels) < 0, operator.value, inputs[0][..., operator.channels])
        case DepthToSpace():
            result = _depth_to_space(operator, inputs[0])
        case SpaceToDepth(block=block):
            height, width, depth = inputs[0].shape
            blocks = inputs[0].reshape(height // block, block, width // block, block, depth)
            result = blocks.transpose(0, 2, 1, 3, 4).reshape(height // block, width // block, -1)
        case ResizeBilinear():
            result = _resize_bilinear(operator, inputs[0])
        case ArgMax(last=last):
            found = inputs[0][..., ::-1] if last else inputs[0]
            result = found.argmax(axis=2, keepdims=True)
            result = (inputs[0].shape[2] - 1 - result if last else result) - 128
        case Pad():
            result = _surround(inputs[0], operator.padding, operator.value)
        case Gather():
            result = inputs[0][np.ix_(operator.rows, operator.columns)]
        case Softmax():
            result = zero + _softmax(operator, inputs[0])
        case FixedPointSoftmax():
            result = _fixed_point_softmax(operator, inputs[0]) - 128
        case LogSoftmax():
            result = zero - _below_log_softmax(operator, inputs[0])
        case _:
            raise ValueError(f"operator '{operator.name}' is of a kind unknown to the reference: {type(operator)}")
    output: Int8Array = np.clip(result, operator.low, operator.high).astype(np.int8)
    _check_tensor(graph, operator.output, output, f"the output of operator '{operator.name}'")
    return output


def _centered(
    operator: AveragePool2D | GlobalAveragePool, x: Int8Array, centered: Int64Array, zero: int
) -> tuple[Int64Array, int]:
    """(input less its zero point, zero point of the output)."""
    if operator.center is None:
        return centered, zero
    return x.astype(np.int64) - operator.center, operator.center


def _check_tensor(graph: Graph, name: str, value: Int8Array, what: str) -> None:
    expected = graph.tensor(name).shape
    if value.dtype != np.int8 or value.shape != expected:
        raise ValueError(f"{what} must be int8 of shape {expected}, got {value.dtype} of shape {value.shape}")


def _check_int32(operator: Operator, largest: int) -> None:
    if largest >= INT32_LIMIT:
        raise ValueError(f"operator '{operator.name}' can overflow its int32 accumulator: up to {largest}")


def _check_accumulator(operator: Conv2D | DepthwiseConv2D | Dense, absolute_weights: Int64Array) -> None:
    """|bias| + 255 * sum |w| bounds every partial sum, whatever the input and the order of summation."""
    bounds = np.abs(operator.bias.astype(np.int64)) + 255 * absolute_weights
    _check_int32(operator, int(np.max(bounds, initial=0)))


def _requantize(
    acc: Int64Array,
    multiplier: int | npt.NDArray[np.int32],
    shift: int | npt.NDArray[np.int32],
    rounding: Rounding = "once",
) -> Int64Array:
    """acc * multiplier / 2^shift rounded as `ir.Rounding` says, exact for every shift, of int32 `acc` [..., C].

    |acc * multiplier| < 2^62, so each shift from 63 on gives 0, and shift 63 still fits int64 with its half of 2^62.
    """
    bits = np.minimum(np.asarray(shift, dtype=np.int64), 63)
    half = np.left_shift(np.int64(1), bits - 1)
    if rounding == "twice":
        half = half + np.where(bits > 31, np.where(acc >= 0, 1 << 30, -(1 << 30)), 0)
    sums = acc * np.asarray(multiplier, dtype=np.int64) + half
    result: Int64Array = sums >> bits
    if rounding in ("even", "odd"):
        exact = (sums & (np.left_shift(np.int64(1), np.minimum(bits, 62)) - 1)) == 0
        result = result - (exact & (result % 2 == (rounding == "even")))
    return result


def _surround(x: Integers, padding: Padding, value: int) -> Integers:
    widths = ((padding.top, padding.bottom), (padding.left, padding.right), (0, 0))
    return np.pad(x, widths, constant_values=value)


def _windows(x: Integers, kernel: Pair, stride: Pair, dilation: Pair) -> Integers:
    """View of padded `x` [H, W, C] as [output rows, output columns, C, kernel_h, kernel_w]."""
    span = tuple((taps - 1) * gap + 1 for taps, gap in zip(kernel, dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, span, axis=(0, 1))
    return view[:: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def _conv2d(operator: Conv2D, x: Int64Array) -> Int64Array:
    """Accumulators [output rows, output columns, out_channels].

    The products are summed by the float64 BLAS: every partial sum is an integer below 2^31, far below the 2^53 up to
    which float64 holds every integer, so it is exact in whatever order.
    """
    _check_accumulator(operator, np.abs(operator.weights.astype(np.int64)).sum(axis=(1, 2, 3)))
    windows = _windows(_surround(x, operator.padding, 0), operator.kernel, operator.stride, operator.dilation)
    height, width = windows.shape[:2]
    outputs, _, _, depth = operator.weights.shape
    weights = operator.weights.transpose(0, 3, 1, 2).reshape(operator.groups, outputs // operator.groups, -1)
    acc = np.empty((height, width, operator.groups, outputs // operator.groups), dtype=np.int64)
    rows_at_once = max(1, COLUMN_ELEMENTS // max(1, width * weights.shape[2]))
    for group in range(operator.groups):
        matrix = weights[group].T.astype(np.float64)
        for first in range(0, height, rows_at_once):
            rows = slice(first, first + rows_at_once)
            taps = windows[rows, :, group * depth : (group + 1) * depth]
            columns = taps.astype(np.float64).reshape(-1, matrix.shape[0])
            acc[rows, :, group] = (columns @ matrix).reshape(-1, width, matrix.shape[1])
    result: Int64Array = acc.reshape(height, width, outputs) + operator.bias.astype(np.int64)
    return result


def _depthwise(operator: DepthwiseConv2D, x: Int64Array) -> Int64Array:
    """Accumulators [output rows, output columns, channels]."""
    _check_accumulator(operator, np.abs(operator.weights.astype(np.int64)).sum(axis=(0, 1)))
    windows = _windows(_surround(x, operator.padding, 0), operator.kernel, operator.stride, operator.dilation)
    acc = np.tile(operator.bias.astype(np.int64), (*windows.shape[:2], 1))
    for row, column in np.ndindex(operator.kernel):
        acc += windows[..., row, column] * operator.weights[row, column]
    return acc


def _dense(operator: Dense, x: Int64Array) -> Int64Array:
    """Accumulators [1, 1, out_channels]; exact in float64 for the reason given in `_conv2d`."""
    _check_accumulator(operator, np.abs(operator.weights.astype(np.int64)).sum(axis=1))
    products = operator.weights.astype(np.float64) @ x.reshape(-1).astype(np.float64)
    acc: Int64Array = products.astype(np.int64) + operator.bias
    return acc.reshape(1, 1, -1)


def _transposed_conv2d(operator: TransposedConv2D, x: Int64Array) -> Int64Array:
    """Accumulators of the convolution over the input with zeros put between, and around or cut off."""
    (up_h, up_w), pad = operator.upsampling, operator.padding
    spread = np.zeros(((x.shape[0] - 1) * up_h + 1, (x.shape[1] - 1) * up_w + 1, x.shape[2]), np.int64)
    spread[::up_h, ::up_w] = x
    height, width, _ = spread.shape
    spread = spread[max(0, -pad.top) : height - max(0, -pad.bottom), max(0, -pad.left) : width - max(0, -pad.right)]
    around = Padding(*(max(0, each) for each in (pad.top, pad.left, pad.bottom, pad.right)))
    plain = Conv2D(
        name=operator.name,
        inputs=operator.inputs,
        output=operator.output,
        weights=operator.weights,
        bias=operator.bias,
        multiplier=operator.multiplier,
        shift=operator.shift,
        dilation=operator.dilation,
        padding=around,
        groups=operator.groups,
    )
    return _conv2d(plain, spread)


def _prelu(operator: PRelu, x: Int64Array) -> Int64Array:
    negative = _requantize(x * operator.slopes, operator.multipliers[1], operator.shifts[1], operator.rounding)
    positive = _requantize(x, operator.multipliers[0], operator.shifts[0], operator.rounding)
    result: Int64Array = np.where(x < 0, negative, positive)
    return result


def _depth_to_space(operator: DepthToSpace, x: Int8Array) -> Integers:
    block = operator.block
    height, width, depth = x.shape
    rows, columns, channels = np.ogrid[: height * block, : width * block, : depth // block**2]
    first, second, third = operator.steps
    result: Integers = x[
        rows // block, columns // block, rows % block * first + columns % block * second + channels * third
    ]
    return result


def _resize_bilinear(operator: ResizeBilinear, x: Int8Array) -> Int64Array:
    one = 1 << BILINEAR_BITS
    values = x.astype(np.int64) - operator.center
    for axis, (places, weights) in enumerate(
        ((operator.rows, operator.row_weights), (operator.columns, operator.column_weights))
    ):
        lower, weight = np.array(places), np.array(weights).reshape([-1 if i == axis else 1 for i in range(3)])
        upper = np.minimum(lower + 1, x.shape[axis] - 1)
        values = values.take(lower, axis) * (one - weight) + values.take(upper, axis) * weight
    half, bits = 1 << (2 * BILINEAR_BITS - 1), 2 * BILINEAR_BITS
    result: Int64Array
    match operator.rounding:
        case "away":
            result = np.sign(values) * ((np.abs(values) + half) >> bits)
        case "zero":
            result = np.sign(values) * (np.abs(values) >> bits)
        case "even":
            result = (values + half) >> bits
            result = np.where((values & (2 * half - 1)) == half, result & ~1, result)
    result = result + operator.center
    return result


def _max_pool(operator: MaxPool2D, x: Int8Array) -> Integers:
    windows = _windows(_surround(x, operator.padding, -128), operator.kernel, operator.stride, operator.dilation)
    result: Integers = windows.max(axis=(3, 4))
    return result


def _average_pool(operator: AveragePool2D, x: Int64Array) -> Int64Array:
    kernel = operator.kernel
    _check_int32(operator, 255 * kernel[0] * kernel[1])
    total = _windows(_surround(x, operator.padding, 0), kernel, operator.stride, (1, 1)).sum(axis=(3, 4))
    inside = _surround(np.ones((*x.shape[:2], 1), dtype=np.int64), operator.padding, int(operator.count_include_pad))
    taps = _windows(inside, kernel, operator.stride, (1, 1)).sum(axis=(3, 4))
    return _requantize(total, operator.multiplier[taps], operator.shift[taps], operator.rounding)


def _add(operator: Add, a: Int64Array, b: Int64Array) -> Int64Array:
    first, second = operator.multipliers
    half = 1 << (operator.shift - 1)
    _check_int32(operator, 255 * (abs(first) + abs(second)) + half)
    return (first * a + second * b + half) >> operator.shift


def _table_add(operator: TableAdd, a: Int8Array, b: Int8Array) -> Int64Array:
    first, second = (table.astype(np.int64) for table in (operator.first, operator.second))
    _check_int32(operator, int(np.abs(first).max() + np.abs(second).max()))
    total = first[a.astype(np.int64) + 128] + second[b.astype(np.int64) + 128]
    if operator.multiplier == 0:
        return total >> operator.shift
    return _requantize(total, operator.multiplier, operator.shift, "twice")


def _channel_affine(operator: ChannelAffine, x: Int64Array) -> Int64Array:
    multiplier, offset, shift = (v.astype(np.int64) for v in (operator.multiplier, operator.offset, operator.shift))
    half = np.left_shift(np.int64(1), shift - 1)
    _check_int32(operator, int(np.max(255 * np.abs(multiplier) + np.abs(offset) + half)))
    result: Int64Array = (multiplier * x + offset + half) >> shift
    return result


def _softmax(operator: Softmax, x: Int8Array) -> Int64Array:
    distance = x.max(axis=2, keepdims=True).astype(np.int64) - x
    exponential = operator.table.astype(np.int64)[distance]
    total = exponential.sum(axis=2, keepdims=True)
    result: Int64Array = (exponential * operator.reciprocal + (total << 11)) // (total << 12)
    return result


def _fixed_point_softmax(operator: FixedPointSoftmax, x: Int8Array) -> Int64Array:
    distance = x.max(axis=2, keepdims=True).astype(np.int64) - x
    exponential = operator.table.astype(np.int64)[distance]
    total = ((exponential + (1 << 11)) >> 12).sum(axis=2, keepdims=True)
    scale, above = reciprocal(total)
    product = _doubling_high_product(scale, exponential)
    bits = above + 23
    result: Int64Array = (product + np.left_shift(np.int64(1), bits - 1)) >> bits
    return result


def _below_log_softmax(operator: LogSoftmax, x: Int8Array) -> Int64Array:
    distance = x.max(axis=2, keepdims=True).astype(np.int64) - x
    total = operator.exponentials.astype(np.int64)[distance].sum(axis=2, keepdims=True)
    below = operator.differences.astype(np.int64)[distance] + (logarithm(total) >> operator.log_shift)
    result: Int64Array = (below * operator.multiplier + (1 << (operator.shift - 1))) >> operator.shift
    return result


def logarithm(total: Int64Array) -> Int64Array:
    """log(total / 2^19) in 26 fractional bits, total in [2^19, 2^31).

    log_x_for_x_greater_than_or_equal_to_1 of TensorFlow Lite: n * log(2) and a rational approximation of log(z) around
    the fourth root of 1/2, total / 2^19 = 2^n * z, from the better of two n that are half apart.
    """
    root, fourth_root, quarter = np.int64(1518500250), 1805811301, 1 << 23
    halved = _doubling_high_product(total, root)
    zeros, headroom = _leading_zeros(total), _leading_zeros(halved) - 1
    upper = np.minimum(2 * _doubling_high_product(np.left_shift(total, zeros - 1), root), INT32_LIMIT - 1)
    lower = np.minimum(np.left_shift(total, headroom), INT32_LIMIT - 1)
    power = np.maximum(((12 - zeros) << 25) + quarter, ((12 - headroom) << 25) - quarter)
    z = np.minimum(upper, lower)
    mean, q = (z + fourth_root + 1) >> 1, 2 * (z - fourth_root)
    q2 = _doubling_high_product(q, q)
    numerator = _doubling_high_product(q, z)
    numerator = numerator + _doubling_high_product(_doubling_high_product(q, q2), np.int64(117049297))
    denominator = _doubling_high_product(mean, 1057819769 + q + _doubling_high_product(q2, np.int64(127690142)))
    denominator = denominator + _doubling_high_product(q, np.int64(638450708))
    scaled = (numerator + (1 << 5) - (numerator < 0)) >> 6
    return 2 * (
        _doubling_high_product(power, np.int64(1488522236))
        + _doubling_high_product(scaled, _one_over_one_plus(denominator))
    )


def _leading_zeros(value: Int64Array) -> Int64Array:
    """Of positive 32-bit numbers."""
    return 32 - np.frexp(value.astype(np.float64))[1].astype(np.int64)


def reciprocal(total: Int64Array) -> tuple[Int64Array, Int64Array]:
    """(r, n): 2^n / (total / 2^19) = r / 2^31 in [1/2, 1), by Newton's method in integers; total in [2^19, 2^31).

    GetReciprocal and one_over_one_plus_x_for_x_in_0_1 of TensorFlow Lite and gemmlowp.
    """
    bits = np.floor(np.log2(total.astype(np.float64))).astype(np.int64)
    return _one_over_one_plus(np.left_shift(total, 31 - bits) - (1 << 31)), bits - 19


def _one_over_one_plus(fraction: Int64Array) -> Int64Array:
    """1 / (1 + fraction), both in 31 fractional bits."""
    half = (fraction + (1 << 31)) >> 1
    x = 1515870810 + _doubling_high_product(half, np.int64(-1010580540))
    for _ in range(3):
        x = x + 4 * _doubling_high_product(x, (1 << 29) - _doubling_high_product(half, x))
    return np.minimum(2 * x, INT32_LIMIT - 1)


def _doubling_high_product(a: Int64Array, b: Int64Array | np.int64) -> Int64Array:
    """a * b / 2^31, rounded half up."""
    result: Int64Array = (a * b + (1 << 30)) >> 31
    return result
