"""One convolution or dense layer -> the constants of its kernel for cores with the DSP extension (kernels_dsp.h).

Requantization comes in two forms: a shift for each channel, equal to the definition term by term; or one shift for the
whole layer, an instruction cheaper, with multipliers rounded to it. The second is chosen only where every accumulator
that an input can reach gives the output of the definition: `_multiplier_range` proves that threshold by threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot import kernels
from msf_riot.codegen.operators import Array, Constants
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Operator

Integers: TypeAlias = npt.NDArray[np.int64]

LARGEST_SHIFT = 21
"""Beyond it, the zero point and half a step no longer fit beside the product's high word."""

DEPTHWISE_SHIFT = 2
"""Where the multipliers of a depthwise layer can be rounded to it, requantization has no shift by register
(COMMON_SHIFT in depthwise_columns_dsp.S). A small one suits all layers, as it leaves multipliers their precision."""

MOST_ROWS = 11
"""Of a convolution's kernel (MSF_CONV2D_DSP_ROWS)."""

UNREACHABLE = 1 << 40
"""A threshold that no int32 accumulator comes near."""

LARGEST_MULTIPLIER = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class Requantization:
    """multiplier, shift, bias [channels]: high word of the accumulator times multiplier, then >> shift.

    The accumulator is `scale` times the sum. Where `constant`, a channel's weights are to be taken as 0 as well.
    """

    scale: int
    multiplier: Integers
    shift: Integers
    bias: Integers
    constant: npt.NDArray[np.bool_]

    @property
    def uniform(self) -> bool:
        """Whether all channels have the same shift."""
        return bool((self.shift == self.shift[0]).all())


def supported(graph: Graph, operator: Operator) -> bool:
    """Whether the dsp kernels compute this operator; the others are left to the portable ones."""
    match operator:
        case Conv2D():
            if operator.groups != 1 or operator.dilation != (1, 1) or operator.kernel[0] > MOST_ROWS:
                return False
        case DepthwiseConv2D():
            if not kernels.is_by_rows(operator):
                return False
        case Dense():
            pass
        case _:
            return False
    return _requantization(graph, operator) is not None


def constants(
    graph: Graph,
    operator: Operator,
    name: str,
    prefix: str,
    tile: int = kernels.GROUP_PIXELS,
    pixels: int | None = None,
) -> Constants:
    """The constants of a supported operator called `name` in a model whose symbols begin with `prefix`.

    A convolution packs and computes up to `tile` pixels together: 1 to 4. A call computes up to `pixels` pixels,
    None: a row. The type's name without `_t` is the kernel's.
    """
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    zero_out = target.quantization.zero_point
    assert isinstance(operator, Conv2D | DepthwiseConv2D | Dense)
    form = _requantization(graph, operator)
    assert form is not None
    if isinstance(operator, DepthwiseConv2D):
        return _depthwise_constants(graph, operator, form, pixels or target.width, name, prefix)
    taps = _tap_matrix(operator)
    words = _stream(taps, form)
    uniform = form.uniform and form.scale == 256
    shift = int(form.shift[0])
    array = Array(f"{name}_weights", "uint32_t", words, f"weights {' x '.join(map(str, taps.shape))}, bias, multiplier")
    kernel = operator.kernel if isinstance(operator, Conv2D) else (1, 1)
    stride = operator.stride[1] if isinstance(operator, Conv2D) else 1
    by_columns = kernels.packs_columns(operator)
    ending = ("" if form.scale == 256 else "_wide") + "_dsp"
    requantize = str(shift) if uniform else "channels"
    if by_columns:
        tiles, piece = f"&msf_tiles_columns{kernel[0]}s{stride}{ending}", f"msf_requantize_columns_dsp_{requantize}"
    else:
        tiles, piece = f"&msf_tiles{ending}", f"msf_requantize_dsp_{requantize}" if form.scale == 256 else "NULL"
    fields = (
        ("weights", prefix + array.name),
        ("tiles", tiles),
        ("requantize", piece),
        ("round", str(2 * zero_out + 1)),
        ("shifts", str((shift - 1) * 0x10001 if uniform else -1)),
        ("taps", str(taps.shape[1])),
        ("out_channels", str(target.channels)),
        ("in_channels", str(source.size if isinstance(operator, Dense) else source.channels)),
        ("kernel_h", str(kernel[0])),
        ("kernel_w", str(kernel[1])),
        ("stride_w", str(stride)),
        ("tile", str(tile)),
        ("in_zero", str(source.quantization.zero_point)),
        ("out_min", str(operator.low)),
        ("out_max", str(operator.high)),
    )
    ctype = "msf_dense_dsp_t" if isinstance(operator, Dense) else "msf_conv2d_dsp_t"
    return Constants("msf_conv2d_columns_dsp_t" if by_columns else ctype, fields, (array,))


# -- weights -----------------------------------------------------------------------------------------------------------


def _depthwise_constants(
    graph: Graph, operator: DepthwiseConv2D, form: Requantization, pixels: int, name: str, prefix: str
) -> Constants:
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    records = _records(operator, _unfolded(form, operator, source.quantization.zero_point))
    array = Array(f"{name}_records", "uint32_t", records, "bias, multiplier, shift, weights")
    rows, columns = operator.kernel
    stride = operator.stride[1]
    by_columns = kernels.depthwise_body(operator, source, target, pixels) == "columns"
    kernel = (
        (
            ("body", f"msf_depthwise{rows}s{stride}_dsp"),
            ("kernel", str(rows)),
            ("pixels", str(kernels.part_pixels(operator, pixels))),
            ("uniform", str(int(form.uniform and form.shift[0] == DEPTHWISE_SHIFT))),
        )
        if by_columns
        else (("kernel_h", str(rows)), ("kernel_w", str(columns)))
    )
    fields = (
        ("records", prefix + array.name),
        *kernel,
        ("round", str(2 * target.quantization.zero_point + 1)),
        ("channels", str(target.channels)),
        ("stride_w", str(stride)),
        ("in_zero", str(source.quantization.zero_point)),
        ("out_min", str(operator.low)),
        ("out_max", str(operator.high)),
    )
    return Constants("msf_depthwise_dsp_t" if by_columns else "msf_depthwise_rows_dsp_t", fields, (array,))


def _unfolded(form: Requantization, operator: DepthwiseConv2D, zero: int) -> Requantization:
    """With biases that the input's zero point is not folded into, as the kernel subtracts it from the input."""
    sums = operator.weights.astype(np.int64).sum(axis=(0, 1))
    return replace(form, bias=form.bias + np.where(form.constant, 0, zero * sums))


def _records(operator: DepthwiseConv2D, form: Requantization) -> npt.NDArray[np.uint32]:
    """Of each four channels their biases, multipliers, shifts - 1, and their weights tap by tap."""
    weights = np.where(form.constant, 0, operator.weights).astype(np.int8)
    groups = len(form.bias) // 4
    columns = [
        (form.bias & 0xFFFFFFFF).astype("<u4").view(np.uint8).reshape(groups, 16),
        form.multiplier.astype("<u4").view(np.uint8).reshape(groups, 16),
        (form.shift - 1).astype(np.uint8).reshape(groups, 4),
        weights.reshape(-1, groups, 4).transpose(1, 0, 2).reshape(groups, -1).view(np.uint8),
    ]
    return np.concatenate(columns, axis=1).reshape(-1).view("<u4")


def _tap_matrix(operator: Conv2D | DepthwiseConv2D | Dense) -> Integers:
    """Weights [out_channels, taps] in the order in which activations are packed, filled up with zeros."""
    weights = operator.weights.astype(np.int64)
    if isinstance(operator, DepthwiseConv2D):
        return weights.reshape(-1, weights.shape[2]).T
    if kernels.packs_columns(operator):
        return weights.transpose(0, 2, 1, 3).reshape(weights.shape[0], -1)
    if isinstance(operator, Conv2D):
        rows = weights.reshape(weights.shape[0], weights.shape[1], -1)
        whole = rows.shape[2] // 4 * 4
        outputs = weights.shape[0]
        weights = np.concatenate(
            [rows[:, :, :whole].reshape(outputs, -1), rows[:, :, whole:].reshape(outputs, -1)], axis=1
        )
    missing = -weights.shape[1] % 4
    return np.pad(weights, ((0, 0), (0, missing)))


def _even_odd_words(taps: Integers) -> Integers:
    """[..., taps] -> [..., taps / 4]: 256 * even + odd tap in each half."""
    halves = 256 * taps[..., 0::2] + taps[..., 1::2]
    return (halves[..., 0::2] & 0xFFFF) | ((halves[..., 1::2] & 0xFFFF) << 16)


def _fits_halves(taps: Integers) -> bool:
    """Whether 256 * even + odd tap is an int16 throughout: -128 with a negative neighbour is not."""
    return bool((256 * taps[:, 0::2] + taps[:, 1::2] >= -(1 << 15)).all())


def _byte_words(columns: Integers) -> Integers:
    """[..., 4] -> [...]: four int8, the first in the lowest byte."""
    unsigned = columns & 0xFF
    result: Integers = unsigned[..., 0] | unsigned[..., 1] << 8 | unsigned[..., 2] << 16 | unsigned[..., 3] << 24
    return result


def _stream(taps: Integers, form: Requantization) -> npt.NDArray[np.uint32]:
    """All words of a layer, two channels after the other and a last odd one alone."""
    taps = np.where(form.constant[:, None], 0, taps)
    uniform = form.uniform and form.scale == 256
    words: list[Integers] = []
    for first in range(0, len(taps), 2):
        channels = slice(first, min(first + 2, len(taps)))
        block = taps[channels]
        if form.scale == 256:
            weights = _even_odd_words(block).T.reshape(-1)
        elif len(block) == 1:
            weights = _byte_words(block.reshape(-1, 4))
        else:
            quads = block.reshape(2, -1, 4)
            even, odd = (
                np.stack([quads[0, :, i], quads[1, :, i], quads[0, :, i + 2], quads[1, :, i + 2]], 1) for i in (0, 1)
            )
            weights = np.stack([_byte_words(even), _byte_words(odd)], axis=1).reshape(-1)
        words += [form.bias[channels], weights, form.multiplier[channels]]
        if not uniform:
            shifts = form.shift[channels] - 1
            words.append(np.array([int(shifts[0]) | (int(shifts[1]) << 16 if len(shifts) == 2 else 0)]))
    return (np.concatenate(words) & 0xFFFFFFFF).astype(np.uint32)


# -- requantization ----------------------------------------------------------------------------------------------------


def _requantization(graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense) -> Requantization | None:
    """The cheapest exact form, None where there is none."""
    taps = _tap_matrix(operator)
    for scale in (256, 1):
        if scale == 256 and (isinstance(operator, DepthwiseConv2D) or not _fits_halves(taps)):
            continue
        form = _form(graph, operator, taps, scale)
        if form is not None:
            return form
    return None


def _form(
    graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense, taps: Integers, scale: int
) -> Requantization | None:
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    zero = target.quantization.zero_point
    bias = operator.bias.astype(np.int64) - source.quantization.zero_point * taps.sum(axis=1)
    low = bias + np.minimum(-128 * taps, 127 * taps).sum(axis=1)
    high = bias + np.maximum(-128 * taps, 127 * taps).sum(axis=1)
    thresholds = _thresholds(operator, zero)
    first, last = (-128 + (thresholds <= bound[:, None]).sum(axis=1) for bound in (low, high))
    clipped_first, clipped_last = (np.clip(value, operator.low, operator.high) for value in (first, last))
    fixed = clipped_first == clipped_last
    if ((scale * low < -(1 << 31)) | (scale * high >= 1 << 31))[~fixed].any():
        return None
    borrow = 127 * taps[:, 1::2].sum(axis=1) if scale == 256 else np.zeros_like(bias)
    bias = scale * bias - borrow
    if not fixed.all():
        own = operator.shift.astype(np.int64) + (8 if scale == 256 else 0) - 32
        largest = int(min(LARGEST_SHIFT, own[~fixed].min()))
    else:
        own, largest = np.ones_like(bias), 1
    y = np.arange(-127, 128)
    needed = (y > operator.low) & (y <= operator.high)

    def ranges(shift: int) -> tuple[Integers, Integers]:
        return _multiplier_range(thresholds, low, high, zero, scale, shift, needed)

    multiplier = operator.multiplier.astype(np.int64)
    common: tuple[int, ...] = (largest, largest - 1) if scale == 256 else ()
    if isinstance(operator, DepthwiseConv2D):
        common = (DEPTHWISE_SHIFT,)
    for shift in common:
        if not 1 <= shift <= largest:
            continue
        least, most = ranges(shift)
        if (least <= most)[~fixed].all():
            ideal = _shifted(multiplier, own - shift)
            chosen = np.clip(ideal, least, most)
            return _settle(Requantization(scale, chosen, np.full_like(own, shift), bias, fixed), clipped_first, zero)
    if largest < 1:
        return None
    shift_each = np.clip(own, 1, LARGEST_SHIFT)
    least, most = ranges(LARGEST_SHIFT)
    beyond = own > LARGEST_SHIFT
    if (beyond & ~fixed & (least > most)).any():
        return None
    chosen = np.where(beyond, np.clip(_shifted(multiplier, own - LARGEST_SHIFT), least, most), multiplier)
    return _settle(Requantization(scale, chosen, shift_each, bias, fixed), clipped_first, zero)


def _settle(form: Requantization, outputs: Integers, zero: int) -> Requantization:
    """Channels with one output whatever the input: multiplier 0 gives the zero point, or a constant sum the output."""
    fixed = form.constant
    away = fixed & (outputs != zero)
    constant_sum = 1 << 30  # a quarter of it is the high word for multiplier 1
    multiplier = np.where(fixed, np.where(away, 4 * (outputs - zero) << form.shift, 0), form.multiplier)
    bias = np.where(away, constant_sum, form.bias)
    if (multiplier > LARGEST_MULTIPLIER).any() or (multiplier < -LARGEST_MULTIPLIER).any():
        # only the largest shifts: any smaller one does as well where a channel has its own
        raise AssertionError("a constant channel beyond the range of its multiplier")
    return Requantization(form.scale, multiplier, form.shift, bias, away)


def _shifted(multiplier: Integers, by: Integers) -> Integers:
    """multiplier / 2^by, rounded; by in [0, 62]."""
    right = np.clip(by, 1, 62)
    rounded = np.where(by <= 0, multiplier, (multiplier + (np.int64(1) << (right - 1))) >> right)
    return np.minimum(rounded, LARGEST_MULTIPLIER)


def _thresholds(operator: Conv2D | DepthwiseConv2D | Dense, zero: int) -> Integers:
    """[channels, 255]: the least sum whose output, by the definition, is at least -127, -126, ... 127."""
    multiplier = operator.multiplier.astype(np.int64)[:, None]
    shift = operator.shift.astype(np.int64)[:, None]
    steps = 2 * (np.arange(-127, 128) - zero)[None, :] - 1  # in halves of an output step
    # |sum * multiplier| < 2^62: what is farther away is never reached
    bits = np.ceil(np.log2(np.abs(steps))).astype(np.int64) + shift - 1
    reachable = (bits < 62) & (multiplier > 0)
    half = np.int64(1) << (np.minimum(shift, 62) - 1)
    exact = np.where(reachable, steps, 0) * np.where(reachable, half, 0)
    sums = -(-exact // np.maximum(multiplier, 1))
    result: Integers = np.where(reachable, sums, np.where(steps > 0, UNREACHABLE, -UNREACHABLE))
    return result


def _multiplier_range(
    thresholds: Integers,
    low: Integers,
    high: Integers,
    zero: int,
    scale: int,
    shift: int,
    needed: npt.NDArray[np.bool_],
) -> tuple[Integers, Integers]:
    """Least and largest multiplier [channels] that keep every needed threshold, for sums in [low, high].

    With multiplier m a sum a reaches output y when scale * a * m >= (2 * (y - zero) - 1) << (shift - 1) << 32. That has
    to hold at the threshold and must not one below it; where the threshold lies outside [low, high], at the end that is
    nearer. Each is a bound on m.
    """
    steps = 2 * (np.arange(-127, 128) - zero) - 1
    goal = np.broadcast_to((steps << (shift - 1)) << (24 if scale == 256 else 32), thresholds.shape)
    least = np.zeros(len(low), dtype=np.int64)
    most = np.full(len(low), LARGEST_MULTIPLIER, dtype=np.int64)
    low, high = low[:, None], high[:, None]

    def narrow(at: Integers, bound: Integers, applies: npt.NDArray[np.bool_], upward: bool) -> None:
        # at * m >= bound (upward), at * m <= bound (not upward)
        nonlocal least, most
        divisor = np.where(at == 0, 1, np.abs(at))
        signed = np.where(at < 0, -bound, bound)
        from_below = applies & ((at > 0) == upward) & (at != 0)  # m >= signed / |at|
        from_above = applies & ((at > 0) != upward) & (at != 0)
        least = np.maximum(least, np.where(from_below, -(-signed // divisor), 0).max(axis=1))
        most = np.minimum(most, np.where(from_above, signed // divisor, LARGEST_MULTIPLIER).min(axis=1))
        impossible = applies & (at == 0) & ((bound > 0) if upward else (bound < 0))
        most = np.where(impossible.any(axis=1), -1, most)

    narrow(np.maximum(thresholds, low), goal, needed & (thresholds <= high), True)
    narrow(np.minimum(thresholds - 1, high), goal - 1, needed & (thresholds > low), False)
    return least, most
