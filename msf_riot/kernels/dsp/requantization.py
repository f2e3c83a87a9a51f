"""One convolution or dense layer -> multipliers and shifts with which its kernel requantizes as the definition does.

Requantization comes in two forms: a shift for each channel, equal to the definition term by term; or one shift for the
whole layer, an instruction cheaper, with multipliers rounded to it. The second is chosen only where every accumulator
that an input can reach gives the output of the definition: `multiplier_range` proves that threshold by threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Operator, rounds_twice
from msf_riot.kernels.dsp.layout import Integers, fits_halves, tap_matrix

LARGEST_SHIFT = 21
"""Beyond it, the zero point and half a step no longer fit beside the product's high word."""

DEPTHWISE_SHIFT = 2
"""Where the multipliers of a depthwise layer can be rounded to it, requantization has no shift by register
(COMMON_SHIFT in depthwise_columns_dsp.S). A small one suits all layers, as it leaves multipliers their precision."""

DEPTHWISE_SHIFT_TWICE = 10
"""The same where the definition rounds twice: its multipliers are 256 times smaller (COMMON_SHIFT_TWICE)."""

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
    twice: bool = False
    """Whether the kernel itself rounds twice."""

    @property
    def uniform(self) -> bool:
        """Whether all channels have the same shift."""
        return bool((self.shift == self.shift[0]).all())


def requantization(graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense) -> Requantization | None:
    """The cheapest exact form, None where there is none."""
    taps = tap_matrix(operator)
    for scale in (256, 1):
        if rounds_twice(operator):
            if scale == 1 or not (isinstance(operator, DepthwiseConv2D) or fits_halves(taps)):
                continue
            form = _form_twice(graph, operator, taps)
        elif scale == 256 and (isinstance(operator, DepthwiseConv2D) or not fits_halves(taps)):
            continue
        else:
            form = _form(graph, operator, taps, scale)
        if form is not None:
            return form
    return None


def common_shift(operator: DepthwiseConv2D) -> int:
    """The shift of all channels for which a depthwise kernel has a body of its own."""
    return DEPTHWISE_SHIFT_TWICE if rounds_twice(operator) else DEPTHWISE_SHIFT


def _form(
    graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense, taps: Integers, scale: int
) -> Requantization | None:
    zero = graph.tensor(operator.output).quantization.zero_point
    reach = _reach(graph, operator, taps)
    bias, low, high, least_sums = reach.bias, reach.low, reach.high, reach.least_sums
    fixed = reach.fixed
    if ((scale * low < -(1 << 31)) | (scale * high >= 1 << 31))[~fixed].any():
        return None
    borrow = _borrow(taps) if scale == 256 else np.zeros_like(bias)
    bias = scale * bias - borrow
    if not fixed.all():
        own = operator.shift.astype(np.int64) + (8 if scale == 256 else 0) - 32
        largest = int(min(LARGEST_SHIFT, own[~fixed].min()))
    else:
        own, largest = np.ones_like(bias), 1
    needed = _needed(operator)

    def ranges(shift: int) -> tuple[Integers, Integers]:
        return multiplier_range(least_sums, low, high, zero, scale, shift, needed)

    multiplier = operator.multiplier.astype(np.int64)
    common: tuple[int, ...] = (largest, largest - 1) if scale == 256 else ()
    if isinstance(operator, DepthwiseConv2D):
        common = (common_shift(operator),)
    for shift in common:
        if not 1 <= shift <= largest:
            continue
        least, most = ranges(shift)
        if (least <= most)[~fixed].all():
            ideal = _shifted(multiplier, own - shift)
            chosen = np.clip(ideal, least, most)
            return _settle(Requantization(scale, chosen, np.full_like(own, shift), bias, fixed), reach.first, zero)
    if largest < 1:
        return None
    shift_each = np.clip(own, 1, LARGEST_SHIFT)
    least, most = ranges(LARGEST_SHIFT)
    beyond = own > LARGEST_SHIFT
    if (beyond & ~fixed & (least > most)).any():
        return None
    chosen = np.where(beyond, np.clip(_shifted(multiplier, own - LARGEST_SHIFT), least, most), multiplier)
    return _settle(Requantization(scale, chosen, shift_each, bias, fixed), reach.first, zero)


def _form_twice(graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense, taps: Integers) -> Requantization | None:
    """For a definition that rounds twice: what the first rounding adds goes into the bias, which has a fraction.

    That serves outputs on one side of zero (behind a ReLU all of them are): the first rounding moves every threshold
    there by the same part of an accumulator's step.
    """
    zero = graph.tensor(operator.output).quantization.zero_point
    reach = _reach(graph, operator, taps)
    low, high, fixed = reach.low, reach.high, reach.fixed
    if ((256 * low < NUDGE - (1 << 31)) | (256 * high >= (1 << 31) - NUDGE))[~fixed].any():
        return None
    depthwise = isinstance(operator, DepthwiseConv2D)
    bias = 256 * reach.bias - (0 if depthwise else _borrow(taps))
    multiplier = operator.multiplier.astype(np.int64)
    own = operator.shift.astype(np.int64) - 24
    if fixed.all():
        form = Requantization(256, multiplier, np.ones_like(bias), bias, fixed)
        return _settle(form, reach.first, zero)
    largest = int(min(LARGEST_SHIFT, own[~fixed].min()))
    needed = _needed(operator)
    moved = (1 << 38) // np.maximum(multiplier, 1 << 30)  # 2^30 of the product, in 256ths of an accumulator's step
    common = (common_shift(operator),) if isinstance(operator, DepthwiseConv2D) else (largest, largest - 1)
    each = () if depthwise else (None,)  # that needs the sign as well
    for shift in (*common, *each):
        shifts = np.clip(own, 1, LARGEST_SHIFT) if shift is None else np.full_like(own, shift)
        if not 1 <= shifts[~fixed].min() <= largest:
            continue
        ideal = _shifted(multiplier, np.maximum(own - shifts, 0))
        chosen, nudge, found = ideal, np.zeros_like(bias), fixed.copy()
        for sign in (1, -1):
            for step in (0, 1, -1, 2, -2, 3, -3):
                offset = sign * (moved + step)
                least, most = multiplier_range(reach.least_sums, low, high, zero, 256, shifts, needed, offset)
                fits = ~found & (least <= most)
                chosen = np.where(fits, np.clip(ideal, least, most), chosen)
                nudge = np.where(fits, offset, nudge)
                found |= fits
                if found.all():
                    return _settle(Requantization(256, chosen, shifts, bias + nudge, fixed), reach.first, zero)
    return _form_with_sign(operator, reach, zero, bias, own)


LEAST_SHIFT_TWICE = 8
"""With less, the 64 of the first rounding would be more than a kernel's second rounding leaves room for."""

LARGEST_SHIFT_TWICE = 23
"""Where outputs before they are clamped are within +-255."""


def _form_with_sign(
    operator: Conv2D | DepthwiseConv2D | Dense, reach: _Reach, zero: int, bias: Integers, own: Integers
) -> Requantization | None:
    """Kernels that add what the first rounding adds, by the accumulator's sign: equal to the definition term by term.

    That is so up to the largest shift; with a multiplier rounded to it, where every accumulator that is reached proves
    it.
    """
    live = ~reach.fixed
    multiplier = operator.multiplier.astype(np.int64)
    largest = np.maximum(np.abs(reach.low), np.abs(reach.high)).astype(np.float64)
    outputs = largest * multiplier / np.exp2(operator.shift.astype(np.float64)) + 130
    room = np.where(outputs < 255, LARGEST_SHIFT_TWICE, LARGEST_SHIFT)
    shifts = np.where(live, np.minimum(own, room), LEAST_SHIFT_TWICE)
    if shifts.min() < LEAST_SHIFT_TWICE:
        return None
    missing = np.where(live, own - shifts, 0)
    chosen, nudge, found = _shifted(multiplier, missing), np.zeros_like(bias), missing == 0
    excess = ((1 << 38) // np.maximum(multiplier, 1 << 30)) * ((np.int64(1) << np.minimum(missing, 8)) - 1)
    for step in range(0, 33):
        for offset in (step * excess // 16, -step * excess // 16):
            if found.all():
                break
            least, most = multiplier_range(
                reach.least_sums, reach.low, reach.high, zero, 256, shifts, _needed(operator), offset, 64
            )
            fits = ~found & (least <= most)
            chosen = np.where(fits, np.clip(chosen, least, most), chosen)
            nudge = np.where(fits, offset, nudge)
            found |= fits
    if not found.all() or (np.abs(nudge) >= NUDGE).any():
        return None
    return replace(
        _settle(Requantization(256, chosen, shifts, bias + nudge, reach.fixed), reach.first, zero), twice=True
    )


NUDGE = 1 << 16
"""More than what the bias of a definition that rounds twice is changed by."""


@dataclass(frozen=True, eq=False)
class _Reach:
    """Of each channel: the bias with the input's zero point, least and largest sum, the sums at which the output steps,
    the least output and whether it is the only one."""

    bias: Integers
    low: Integers
    high: Integers
    least_sums: Integers
    first: Integers
    fixed: npt.NDArray[np.bool_]


def _reach(graph: Graph, operator: Conv2D | DepthwiseConv2D | Dense, taps: Integers) -> _Reach:
    source, target = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    bias = operator.bias.astype(np.int64) - source.quantization.zero_point * taps.sum(axis=1)
    low = bias + np.minimum(-128 * taps, 127 * taps).sum(axis=1)
    high = bias + np.maximum(-128 * taps, 127 * taps).sum(axis=1)
    least_sums = thresholds(operator, target.quantization.zero_point)
    first, last = (-128 + (least_sums <= bound[:, None]).sum(axis=1) for bound in (low, high))
    clipped_first, clipped_last = (np.clip(value, operator.low, operator.high) for value in (first, last))
    return _Reach(bias, low, high, least_sums, clipped_first, clipped_first == clipped_last)


def _borrow(taps: Integers) -> Integers:
    result: Integers = 127 * taps[:, 1::2].sum(axis=1)
    return result


def _needed(operator: Operator) -> npt.NDArray[np.bool_]:
    """[255]: whether the output's step to -127, -126, ... 127 is within its limits."""
    y = np.arange(-127, 128)
    return (y > operator.low) & (y <= operator.high)


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
    if rounds_twice(operator):
        exact -= np.where(shift > 31, np.sign(steps) * (1 << 30), 0)
    sums = -(-exact // np.maximum(multiplier, 1))
    result: Integers = np.where(reachable, sums, np.where(steps > 0, UNREACHABLE, -UNREACHABLE))
    return result


def multiplier_range(
    thresholds: Integers,
    low: Integers,
    high: Integers,
    zero: int,
    scale: int,
    shift: int | Integers,
    needed: npt.NDArray[np.bool_],
    offset: Integers | None = None,
    sign: int = 0,
) -> tuple[Integers, Integers]:
    """Least and largest multiplier [channels] that keep every needed threshold, for sums in [low, high].

    With multiplier m a sum a reaches output y when
    (scale * a + offset) * m >= (2 * (y - zero) - 1) << (shift - 1) << 32. That has to hold at the threshold and must
    not one below it; where the threshold lies outside [low, high], at the end that is nearer. Each is a bound on m.
    `shift` and `offset` are [channels], or one number for all of them. `sign`, times the sum's, is added to the
    product's high word before the shift.
    """
    steps = 2 * (np.arange(-127, 128) - zero) - 1
    shifts = np.broadcast_to(np.asarray(shift, np.int64), low.shape)[:, None]
    goal = np.broadcast_to(((steps << (shifts - 1)) - sign * np.sign(steps)) << 32, thresholds.shape)
    added = np.zeros_like(low) if offset is None else offset
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

    def sums(values: Integers) -> Integers:
        return scale * values + added[:, None]

    narrow(sums(np.maximum(thresholds, low)), goal, needed & (thresholds <= high), True)
    narrow(sums(np.minimum(thresholds - 1, high)), goal - 1, needed & (thresholds > low), False)
    return least, most
