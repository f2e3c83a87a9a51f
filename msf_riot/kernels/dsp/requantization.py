"""One convolution or dense layer -> multipliers and shifts with which its kernel requantizes as the definition does.

Requantization comes in two forms: a shift for each channel, equal to the definition term by term; or one shift for the
whole layer, an instruction cheaper, with multipliers rounded to it. The second is chosen only where every accumulator
that an input can reach gives the output of the definition: `multiplier_range` proves that threshold by threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph
from msf_riot.kernels.dsp.layout import Integers, fits_halves, tap_matrix

LARGEST_SHIFT = 21
"""Beyond it, the zero point and half a step no longer fit beside the product's high word."""

DEPTHWISE_SHIFT = 2
"""Where the multipliers of a depthwise layer can be rounded to it, requantization has no shift by register
(COMMON_SHIFT in depthwise_columns_dsp.S). A small one suits all layers, as it leaves multipliers their precision."""

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


def requantization(graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense) -> Requantization | None:
    """The cheapest exact form, None where there is none."""
    taps = tap_matrix(operator)
    for scale in (256, 1):
        if scale == 256 and (isinstance(operator, DepthwiseConv2D) or not fits_halves(taps)):
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
    least_sums = thresholds(operator, zero)
    first, last = (-128 + (least_sums <= bound[:, None]).sum(axis=1) for bound in (low, high))
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
        return multiplier_range(least_sums, low, high, zero, scale, shift, needed)

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


def thresholds(operator: Conv2D | DepthwiseConv2D | Dense, zero: int) -> Integers:
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


def multiplier_range(
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
