"""Kernels in C99 for any core, with the inner loops of some in assembler (kernels.h): every operator has one here.

Instructions are estimates, from what benchmarks/portable_kernels.py measures; none of these kernels needs scratch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from msf_riot.ir import (
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
    PRelu,
    ResizeBilinear,
    Rounding,
    Softmax,
    SpaceToDepth,
    TableAdd,
    Tensor,
    TransposedConv2D,
    is_pointwise,
    rounds_twice,
)
from msf_riot.kernels.interface import Array, Call, Constants, KernelSet
from msf_riot.reference import execute_operator

BLOCK = 4
"""Output channels whose weights lie interleaved."""

LARGEST_SHIFT = 62
"""A larger shift makes every 32-bit accumulator 0, which multiplier 0 says as well (kernels.h takes shifts to 62)."""

LARGEST_SHIFT_TWICE = 61
"""The same for kernels in assembler that round twice, whose accumulators are below TWICE_REACH."""

TWICE_REACH = 1 << 29
"""They take four times the accumulator."""

ROUNDINGS: dict[Rounding, int] = {"once": 0, "twice": 0x80, "even": 0x40, "odd": 0xC0}
"""MSF_ROUNDS_TWICE, MSF_ROUNDS_EVEN, MSF_ROUNDS_ODD: the bits of a shift that say how it rounds."""

CALL = 40
"""Instructions of one kernel call before it computes anything."""


class _Portable(KernelSet):
    extensions = frozenset()
    cores = "any core"
    preference = 0
    headers = ("msf/kernels.h",)
    packages = ("msf_runtime",)
    choices = tuple((pixels, 4) for pixels in (1, 2, 4, 8, 16, 64))

    def takes(self, graph: Graph, operator: Operator) -> bool:
        return True

    def scratch_bytes(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
        return 0

    def instructions_per_pixel(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
        return CALL / pixels + _instructions(operator, source, output, pixels)

    def constants(
        self, graph: Graph, operator: Operator, name: str, prefix: str, tile: int = 1, pixels: int | None = None
    ) -> Constants:
        return _constants(graph, operator, name, prefix)

    def call(self, graph: Graph, operator: Operator, constants: Constants, call: Call) -> list[str]:
        return _call(graph, operator, call)


SET = _Portable()


def _instructions(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
    """The mean of sim-rv32, whose tiles have up to four pixels, and sim-m0: benchmarks/portable_kernels.py.

    Operators that dsp plans have, too, as on sim-m4: `scons bench`.
    """
    channels = output.channels
    tile = 200 / pixels
    match operator:
        case Conv2D():
            each = 3.2 if pixels >= 4 else 3.3 if pixels >= 2 else 3.5
            return each * operator.weights.size + 48 * channels + tile
        case Dense():
            return 3.5 * operator.weights.size / (source.height * source.width) + 48 * channels
        case DepthwiseConv2D():
            each = 5.4 if pixels >= 2 else 5.6
            return each * operator.weights.size + 56 * channels + tile
        case MaxPool2D(kernel=kernel) | AveragePool2D(kernel=kernel):
            return (8 * kernel[0] * kernel[1] + 45) * channels
        case GlobalAveragePool():
            return 8.2 * channels
        case Softmax():
            return 270 * channels
        case FixedPointSoftmax():
            return 45 * channels
        case LogSoftmax():
            return 45 * channels + 400
        case TableAdd(multiplier=multiplier):
            return (26 if multiplier else 10.3) * channels
        case Concat():
            return 2 * channels
        case Add():
            return 10.3 * channels
        case Lookup():
            return 6 * channels
        case Mul():
            return 31 * channels
        case ChannelAffine():
            return 23 * channels
        case TransposedConv2D(upsampling=(rows, columns)):
            return 9 * operator.weights.size / (rows * columns) + 60 * channels + 200
        case ResizeBilinear():
            return 24 * channels + 30
        case ChannelLookup() | Maximum() | Minimum():
            return 9 * channels
        case PRelu():
            return 35 * channels
        case ArgMax():
            return 6 * source.channels + 10
        case _:
            return 20 * channels


def blocked(weights: Int8Array, groups: int = 1) -> Int8Array:
    """Weights of a convolution or dense layer [out_channels, ...] in the order of kernels.h, flat.

    Within each group the filters of four output channels lie interleaved; the last block has what is left.
    """
    filters = weights.reshape(groups, len(weights) // groups, -1)
    blocks = [group[i : i + BLOCK].T.reshape(-1) for group in filters for i in range(0, len(group), BLOCK)]
    return np.concatenate(blocks)


def folded_bias(operator: Conv2D | DepthwiseConv2D | Dense, in_zero: int) -> npt.NDArray[np.int32]:
    """Bias less `in_zero` times the sum of all weights, an output channel each, modulo 2^32 [out_channels]."""
    axes = (0, 1) if isinstance(operator, DepthwiseConv2D) else tuple(range(1, operator.weights.ndim))
    sums = operator.weights.astype(np.int64).sum(axis=axes)
    folded: npt.NDArray[np.int32] = (operator.bias.astype(np.int64) - in_zero * sums).astype(np.int32)
    return folded


def _constants(graph: Graph, operator: Operator, name: str, prefix: str) -> Constants:
    """The constants of an operator called `name` in a model whose symbols begin with `prefix`."""
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    zero_in, zero_out = source.quantization.zero_point, target.quantization.zero_point

    def refer(*arrays: Array) -> list[tuple[str, str]]:
        return [(array.name.removeprefix(f"{name}_"), prefix + array.name) for array in arrays]

    def array(field: str, ctype: str, values: npt.ArrayLike, comment: str) -> Array:
        return Array(f"{name}_{field}", ctype, np.asarray(values), comment)

    def requantization(multiplier: npt.ArrayLike, shift: npt.ArrayLike, rounding: Rounding) -> list[Array]:
        multipliers, shifts = _live(multiplier, shift, rounding)
        return [
            array("multiplier", "int32_t", multipliers, "requantization"),
            array("shift", "uint8_t", shifts, "requantization"),
        ]

    clamp = [("out_min", str(operator.low)), ("out_max", str(operator.high))]
    zeros = [("in_zero", str(zero_in)), ("out_zero", str(zero_out))]
    match operator:
        case Conv2D() | DepthwiseConv2D() | Dense():
            shape = " x ".join(str(n) for n in operator.weights.shape)
            weights = operator.weights
            if not isinstance(operator, DepthwiseConv2D):
                weights = blocked(weights, operator.groups if isinstance(operator, Conv2D) else 1)
                shape += ", output channels by four"
            arrays = [
                array("weights", "int8_t", weights, f"weights {shape}"),
                array("bias", "int32_t", folded_bias(operator, zero_in), "bias, input zero point included"),
                *requantization(*convolution_scale(operator), "once"),  # the kernel's name says how it rounds
            ]
            fields = refer(*arrays)
            least = [("least_shift", str(least_shift(operator)))]
            if isinstance(operator, Dense):
                fields += [("in_elements", str(source.size)), ("out_channels", str(target.channels))]
                return Constants("msf_dense_s8_t", (*fields, *least, *zeros, *clamp), tuple(arrays))
            if isinstance(operator, Conv2D):
                ctype = "msf_conv2d_s8_t"
                fields += [("in_channels", str(source.channels)), ("out_channels", str(target.channels))]
                fields += [("groups", str(operator.groups)), *least]
            else:
                ctype = "msf_depthwise_s8_t"
                fields += [("channels", str(target.channels)), *least]
            fields += [("kernel_h", str(operator.kernel[0])), ("kernel_w", str(operator.kernel[1]))]
            fields += [("stride_w", str(operator.stride[1])), ("dilation_w", str(operator.dilation[1]))]
            return Constants(ctype, (*fields, *zeros, *clamp), tuple(arrays))
        case MaxPool2D():
            fields = [("channels", str(source.channels))]
            fields += [("kernel_h", str(operator.kernel[0])), ("kernel_w", str(operator.kernel[1]))]
            fields += [("stride_w", str(operator.stride[1])), ("dilation_w", str(operator.dilation[1]))]
            return Constants("msf_max_pool_s8_t", (*fields, *clamp), ())
        case AveragePool2D():
            arrays = requantization(operator.multiplier, operator.shift, operator.rounding)
            fields = [*refer(*arrays), ("channels", str(source.channels))]
            fields += [("kernel_h", str(operator.kernel[0])), ("kernel_w", str(operator.kernel[1]))]
            fields += [("stride_w", str(operator.stride[1])), *_zeros(operator, zero_in, zero_out)]
            return Constants("msf_average_pool_s8_t", (*fields, *clamp), tuple(arrays))
        case GlobalAveragePool() if source.shape[:2] == (1, 1):
            values = table_of(graph, operator)
            return Constants(None, (), (array("table", "int8_t", values, "output for each input + 128"),))
        case GlobalAveragePool():
            fields = _scale(operator)
            fields += [("channels", str(source.channels)), *_zeros(operator, zero_in, zero_out)]
            return Constants("msf_global_average_s8_t", (*fields, *clamp), ())
        case Add() | Mul():
            second = graph.tensor(operator.inputs[1]).quantization.zero_point
            if isinstance(operator, Add):
                ctype, first, other = "msf_add_s8_t", *operator.multipliers
                fields = [("multiplier_a", str(first)), ("multiplier_b", str(other)), ("shift", str(operator.shift))]
            else:
                ctype, fields = "msf_mul_s8_t", _scale(operator)
            fields += [("zero_a", str(zero_in)), ("zero_b", str(second))]
            return Constants(ctype, (*fields, ("out_zero", str(zero_out)), *clamp), ())
        case TableAdd():
            entries, zero = _with_zero(operator, zero_out)
            arrays = [
                array("first", "int32_t", entries, "addend for each input + 128"),
                array("second", "int32_t", operator.second, "addend for each input + 128"),
            ]
            fields = [*refer(*arrays), ("multiplier", str(operator.multiplier)), ("shift", str(operator.shift))]
            return Constants("msf_table_add_s8_t", (*fields, ("out_zero", str(zero)), *clamp), tuple(arrays))
        case FixedPointSoftmax():
            table = array("table", "int32_t", operator.table, "2^31 * exp(-scale * i)")
            fields = [*refer(table), ("channels", str(source.channels))]
            return Constants("msf_fixed_point_softmax_s8_t", (*fields, *clamp), (table,))
        case LogSoftmax():
            arrays = [
                array("exponentials", "int32_t", operator.exponentials, "2^19 * exp(-scale * i)"),
                array("differences", "int32_t", operator.differences, "scale * i"),
            ]
            fields = [
                *refer(*arrays),
                ("multiplier", str(operator.multiplier)),
                ("shift", str(operator.shift)),
                ("log_shift", str(operator.log_shift)),
                ("channels", str(source.channels)),
                ("out_zero", str(zero_out)),
            ]
            return Constants("msf_log_softmax_s8_t", (*fields, *clamp), tuple(arrays))
        case ChannelAffine():
            arrays = [
                array("multiplier", "int32_t", operator.multiplier, "factors"),
                array("offset", "int32_t", operator.offset, "offsets"),
                array("shift", "uint8_t", operator.shift, "shifts"),
            ]
            fields = [*refer(*arrays), ("channels", str(source.channels))]
            return Constants("msf_channel_affine_s8_t", (*fields, *zeros, *clamp), tuple(arrays))
        case Softmax():
            table = array("table", "uint32_t", operator.table, "2^20 * exp(-scale * i)")
            fields = [*refer(table), ("reciprocal", f"{operator.reciprocal}u"), ("channels", str(source.channels))]
            return Constants("msf_softmax_s8_t", (*fields, ("out_zero", str(zero_out)), *clamp), (table,))
        case Lookup():
            return Constants(None, (), (array("table", "int8_t", operator.table, "output for each input + 128"),))
        case TransposedConv2D():
            shape = " x ".join(str(n) for n in operator.weights.shape)
            arrays = [
                array("weights", "int8_t", operator.weights, f"weights {shape}"),
                array("bias", "int32_t", operator.bias, "bias"),
                *requantization(operator.multiplier, operator.shift, operator.rounding),
            ]
            fields = [*refer(*arrays), ("in_channels", str(source.channels)), ("out_channels", str(target.channels))]
            fields += [("groups", str(operator.groups))]
            fields += [("kernel_h", str(operator.kernel[0])), ("kernel_w", str(operator.kernel[1]))]
            fields += [("upsampling_w", str(operator.upsampling[1])), ("dilation_w", str(operator.dilation[1]))]
            return Constants("msf_transposed_conv2d_s8_t", (*fields, *zeros, *clamp), tuple(arrays))
        case Gather():
            arrays = [
                array("rows", "uint16_t", operator.rows, "input row of each output row"),
                array("columns", "uint16_t", operator.columns, "input column of each output column"),
            ]
            rows, columns = _reads_of(operator)
            if rows is not None:
                arrays.append(array("row_ends", "uint16_t", rows[1], "rows needed up to each output row"))
            if columns is not None:
                arrays.append(array("column_firsts", "uint16_t", columns[0], "first column needed from each one on"))
                arrays.append(array("column_ends", "uint16_t", columns[1], "columns needed up to each one"))
            return Constants(None, (), tuple(arrays))
        case ResizeBilinear():
            arrays = [
                array("rows", "uint16_t", operator.rows, "upper input row of each output row"),
                array("row_weights", "uint16_t", operator.row_weights, "weight of the row below it"),
                array("columns", "uint16_t", operator.columns, "left input column of each output column"),
                array("column_weights", "uint16_t", operator.column_weights, "weight of the column right of it"),
            ]
            fields = [*refer(*arrays[2:]), ("channels", str(source.channels)), ("center", str(operator.center))]
            fields += [("rounding", f"MSF_TO_{operator.rounding.upper()}")]
            return Constants("msf_resize_bilinear_s8_t", (*fields, *clamp), tuple(arrays))
        case GatherChannels(channels=channels):
            if is_slice(channels):
                return Constants(None, (), ())
            return Constants(None, (), (array("channels", "int16_t", channels, "input channel of each channel"),))
        case DepthToSpace():
            fields = [("in_channels", str(source.channels)), ("channels", str(target.channels))]
            fields += [("row_step", str(operator.steps[0])), ("column_step", str(operator.steps[1]))]
            fields += [("channel_step", str(operator.steps[2])), ("block", str(operator.block))]
            return Constants("msf_depth_to_space_s8_t", tuple(fields), ())
        case PRelu():
            slopes = array("slopes", "int16_t", operator.slopes, "factor where the input is negative")
            fields = [*refer(slopes), ("channels", str(source.channels))]
            for side, multiplier, shift in zip(
                ("positive", "negative"), operator.multipliers, operator.shifts, strict=True
            ):
                live = _live(multiplier, shift, operator.rounding)
                fields += [(f"{side}_multiplier", str(live[0])), (f"{side}_shift", str(live[1]))]
            return Constants("msf_prelu_s8_t", (*fields, *zeros, *clamp), (slopes,))
        case ChannelLookup():
            table = array("table", "int8_t", operator.table, "output for each input + 128, channel by channel")
            return Constants(None, (), (table,))
        case Concat() | Pad() | SpaceToDepth() | Maximum() | Minimum() | ArgMax():
            return Constants(None, (), ())
        case _:
            raise AssertionError(f"no code for {type(operator).__name__}")


def _with_zero(operator: TableAdd, zero: int) -> tuple[npt.NDArray[np.int64], int]:
    """(the first table, what is left of the output's zero point): part of the table where int32 has room for it."""
    wide = operator.first.astype(np.int64) + (zero << operator.shift)
    room = (1 << 31) - 1 - int(np.abs(operator.second.astype(np.int64)).max())
    if operator.multiplier == 0 and np.abs(wide).max() <= room:
        return wide, 0
    return operator.first.astype(np.int64), zero


def is_slice(channels: Sequence[int]) -> bool:
    """Whether these channels lie side by side in their order."""
    return channels[0] >= 0 and tuple(channels) == tuple(range(channels[0], channels[0] + len(channels)))


def _reads_of(operator: Gather) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None]:
    """For rows and columns (first, end) of what is needed from and up to each output; None where they ascend."""
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None] = []
    for places in (np.array(operator.rows), np.array(operator.columns)):
        hull = np.minimum.accumulate(places[::-1])[::-1], np.maximum.accumulate(places) + 1
        found.append(None if (np.diff(places) >= 0).all() else hull)
    return found


def reach_of(operator: Conv2D | DepthwiseConv2D | Dense) -> int:
    """No accumulator is farther from 0, whatever the input."""
    axes = (0, 1) if isinstance(operator, DepthwiseConv2D) else tuple(range(1, operator.weights.ndim))
    sums = 255 * np.abs(operator.weights.astype(np.int64)).sum(axis=axes)
    return int((np.abs(operator.bias.astype(np.int64)) + sums).max())


def least_shift(operator: Conv2D | DepthwiseConv2D | Dense) -> int:
    """The least of all shifts; 0 where accumulators are too large for the kernels in assembler."""
    if rounds_twice(operator) and reach_of(operator) >= TWICE_REACH:
        return 0
    return int(np.minimum(convolution_scale(operator)[1], LARGEST_SHIFT).min())


def convolution_scale(
    operator: Conv2D | DepthwiseConv2D | Dense,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """(multipliers, shifts); rounded twice, channels that always give 0 have the largest shift of the assembler."""
    if not rounds_twice(operator) or reach_of(operator) >= TWICE_REACH:
        return operator.multiplier, operator.shift
    dead = operator.shift > LARGEST_SHIFT_TWICE
    return np.where(dead, 0, operator.multiplier), np.where(dead, LARGEST_SHIFT_TWICE, operator.shift)


def _live(
    multiplier: npt.ArrayLike, shift: npt.ArrayLike, rounding: Rounding
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Multipliers and shifts as kernels.h has them."""
    shifts = np.asarray(shift, dtype=np.int64)
    live = shifts <= LARGEST_SHIFT
    bit = ROUNDINGS[rounding]
    return np.where(live, multiplier, 0), np.where(live, shifts, LARGEST_SHIFT) | bit


def _scale(operator: GlobalAveragePool | Mul) -> list[tuple[str, str]]:
    multiplier, shift = _live(operator.multiplier, operator.shift, operator.rounding)
    return [("multiplier", str(multiplier)), ("shift", str(shift))]


def _zeros(operator: AveragePool2D | GlobalAveragePool, zero_in: int, zero_out: int) -> list[tuple[str, str]]:
    if operator.center is not None:
        zero_in = zero_out = operator.center
    return [("in_zero", str(zero_in)), ("out_zero", str(zero_out))]


def table_of(graph: Graph, operator: Operator) -> Int8Array:
    """[256] the output of an operator of one element for each input + 128."""
    shape = graph.tensor(operator.inputs[0]).shape
    every = [np.full(shape, code, np.int8) for code in range(-128, 128)]
    return np.array([execute_operator(graph, operator, [x]).reshape(-1)[0] for x in every], np.int8)


def _call(graph: Graph, operator: Operator, call: Call) -> list[str]:
    sources, out, pixels, first = call.sources, call.out, call.pixels, call.sources[0]
    channels = graph.tensor(operator.output).channels
    op = f"&{call.name}"
    window = f"{first.taps}, {first.width}, {first.x}"
    rounded = "_twice" if rounds_twice(operator) else ""
    elements = pixels if channels == 1 else f"{pixels} * {channels}"
    match operator:
        case Conv2D() if is_pointwise(operator):
            return [f"msf_pointwise{rounded}_s8({op}, {first.pixels}, {out}, {pixels});"]
        case Conv2D():
            return [f"msf_conv2d{rounded}_s8({op}, {window}, {out}, {pixels});"]
        case DepthwiseConv2D():
            return [f"msf_depthwise{rounded}_s8({op}, {window}, {out}, {pixels});"]
        case MaxPool2D():
            return [f"msf_max_pool_s8({op}, {window}, {out}, {pixels});"]
        case AveragePool2D():
            taps = operator.kernel[0] * operator.kernel[1] if operator.count_include_pad else 0
            return [f"msf_average_pool_s8({op}, {window}, {taps}, {out}, {pixels});"]
        case Dense():
            return [f"msf_dense_s8({op}, {first.pixels}, {out});"]
        case TableAdd():
            return [f"msf_table_add_s8({op}, {first.pixels}, {sources[1].pixels}, {out}, {elements});"]
        case Add():
            return [f"msf_add_s8({op}, {first.pixels}, {sources[1].pixels}, {out}, {elements});"]
        case Mul() if graph.tensor(operator.inputs[1]).shape == graph.tensor(operator.inputs[0]).shape:
            return [f"msf_mul_s8({op}, {first.pixels}, {sources[1].pixels}, {out}, {elements});"]
        case Mul():
            return [f"msf_mul_channels_s8({op}, {first.pixels}, {sources[1].pixels}, {out}, {pixels}, {channels});"]
        case ChannelAffine():
            return [f"msf_channel_affine_s8({op}, {first.pixels}, {out}, {pixels});"]
        case Lookup() | GlobalAveragePool():  # over a single pixel, an average is a table too
            return [f"msf_lookup_s8({call.prefix}{call.name}_table, {first.pixels}, {out}, {elements});"]
        case Softmax():
            return [f"msf_softmax_s8({op}, {first.pixels}, {out}, {pixels});"]
        case FixedPointSoftmax():
            return [f"msf_fixed_point_softmax_s8({op}, {first.pixels}, {out}, {pixels});"]
        case LogSoftmax():
            return [f"msf_log_softmax_s8({op}, {first.pixels}, {out}, {pixels});"]
        case Concat(axis=axis) if axis != 2:
            calls, done = [], 0
            for source, tensor in zip(sources, operator.inputs, strict=True):
                size = graph.tensor(tensor).shape[axis]
                if axis == 0:
                    inside = f"y >= {done} && y < {done + size}" if done else f"y < {size}"
                    calls.append(f"if ({inside}) {{")
                    calls.append(f"    msf_copy_channels_s8({source.pixels}, {channels}, {out}, {channels}, {pixels});")
                    calls.append("}")
                else:
                    where = f"{source.pixels}, {source.first}, {done}, {size}"
                    calls.append(f"msf_copy_columns_s8({where}, {channels}, {source.columns}, {out}, {pixels});")
                done += size
            return calls
        case Concat():
            calls, done = [], 0
            for source, tensor in zip(sources, operator.inputs, strict=True):
                part = graph.tensor(tensor).channels
                at = f"{out} + {done}" if done else out
                calls.append(f"msf_copy_channels_s8({source.pixels}, {part}, {at}, {channels}, {pixels});")
                done += part
            return calls
        case Pad():
            inside = f"{first.taps}[0], {first.width}, {first.x}"
            return [f"msf_pad_s8({inside}, {channels}, {operator.value}, {out}, {pixels});"]
        case TransposedConv2D():
            return [f"msf_transposed_conv2d_s8({op}, {window}, {out}, {pixels});"]
        case SpaceToDepth(block=block):
            depth = graph.tensor(operator.inputs[0]).channels
            return [f"msf_space_to_depth_s8({first.taps}, {first.x}, {block}, {depth}, {out}, {pixels});"]
        case DepthToSpace(block=block):
            where = f"{first.pixels}, {first.first}, {first.row} % {block}, {first.columns}"
            return [f"msf_depth_to_space_s8({op}, {where}, {out}, {pixels});"]
        case ResizeBilinear():
            weight = f"{call.prefix}{call.name}_row_weights[{first.row}]"
            where = f"{first.taps}, {weight}, {first.first}, {first.columns}"
            return [f"msf_resize_bilinear_s8({op}, {where}, {out}, {pixels});"]
        case GatherChannels():
            depth = graph.tensor(operator.inputs[0]).channels
            if is_slice(operator.channels):
                begin = f"{first.pixels} + {operator.channels[0]}" if operator.channels[0] else first.pixels
                return [f"msf_slice_channels_s8({begin}, {depth}, {out}, {channels}, {pixels});"]
            table = f"{call.prefix}{call.name}_channels"
            given = f"{table}, {first.pixels}, {depth}, {operator.value}"
            return [f"msf_gather_channels_s8({given}, {out}, {channels}, {pixels});"]
        case PRelu():
            return [f"msf_prelu_s8({op}, {first.pixels}, {out}, {pixels});"]
        case ChannelLookup():
            table = f"{call.prefix}{call.name}_table"
            return [f"msf_channel_lookup_s8({table}, {first.pixels}, {out}, {channels}, {pixels});"]
        case Maximum() | Minimum():
            name = "maximum" if isinstance(operator, Maximum) else "minimum"
            limits = f"{operator.low}, {operator.high}"
            return [f"msf_{name}_s8({first.pixels}, {sources[1].pixels}, {limits}, {out}, {elements});"]
        case ArgMax():
            depth = graph.tensor(operator.inputs[0]).channels
            last = "true" if operator.last else "false"
            return [f"msf_arg_max_s8({first.pixels}, {depth}, {last}, {out}, {pixels});"]
        case Gather():
            columns = f"{call.prefix}{call.name}_columns"
            if first.columns != "0":
                columns += f" + {first.columns}"
            return [f"msf_gather_pixels_s8({first.pixels}, {columns}, {first.first}, {channels}, {out}, {pixels});"]
        case _:
            raise AssertionError(f"no code for {type(operator).__name__}")
