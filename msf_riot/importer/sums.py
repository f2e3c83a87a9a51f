"""What a sum of two activations must be for each pair of inputs -> a sum of the Graph that gives the same bytes.

Either of two products (`single_rounding`) or of a table for each input (`tables`); all 65536 pairs of inputs are
compared.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Int32Array

MOST_BITS = 22
"""Of a multiplier: 255 times two of them, and a half, are within int32."""

REACH = 8
"""Each multiplier is tried this much above and below the nearest."""

INT32_LIMIT = 1 << 31

Integers = npt.NDArray[np.int64]


def single_rounding(
    wanted: Integers, factors: tuple[float, float], zeros: tuple[int, int], zero: int, low: int, high: int
) -> tuple[tuple[int, int], int] | None:
    """(multipliers, shift) of `ir.Add` with exactly the outputs `wanted`; None where none is found.

    wanted [256, 256] is the output for the inputs -128, ... 127 of both, within [low, high]; `factors` are about what
    the inputs, less their `zeros`, are multiplied by. All 65536 pairs of inputs are compared.
    """
    a, b = (np.arange(-128, 128, dtype=np.int64) - z for z in zeros)
    for bits in range(MOST_BITS, MOST_BITS - 3, -1):
        shift = bits - math.frexp(max(abs(f) for f in factors))[1]
        if not 1 <= shift <= 30:
            continue
        nearest = [round(math.ldexp(f, shift)) for f in factors]
        half = 1 << (shift - 1)
        if 255 * sum(abs(m) + REACH for m in nearest) + half >= INT32_LIMIT:
            continue
        sums = nearest[0] * a[:, None] + nearest[1] * b[None, :] + half
        found = np.clip(zero + (sums >> shift), low, high)
        # another multiplier moves a sum by no more than this: what is farther from its rounding stays as it is
        moved = REACH * (np.abs(a)[:, None] + np.abs(b)[None, :])
        inside = sums & ((1 << shift) - 1)
        doubtful = (found != wanted) | (inside < moved) | (inside >= (1 << shift) - moved)
        rows, columns = np.nonzero(doubtful)
        steps = np.arange(-REACH, REACH + 1, dtype=np.int64)
        tried = sums[doubtful] + (steps[:, None, None] * a[rows] + steps[None, :, None] * b[columns])
        right = (np.clip(zero + (tried >> shift), low, high) == wanted[doubtful]).all(axis=2)
        if right.any():
            distance = np.where(right, np.abs(steps)[:, None] + np.abs(steps)[None, :], 4 * REACH)
            first, second = np.unravel_index(int(np.argmin(distance)), distance.shape)
            return (nearest[0] + int(steps[first]), nearest[1] + int(steps[second])), shift
    return None


MOST_ROUNDS = 600
"""Shortest paths among 512 nodes have no more edges."""

Int32Tables = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def tables(
    wanted: Integers, addends: tuple[Integers, Integers], steps: float, zero: int, low: int, high: int
) -> tuple[Int32Tables, int] | None:
    """((first, second), shift) with clamp(zero + ((first[a + 128] + second[b + 128]) >> shift)) = wanted[a, b].

    `addends` [256] each, times `steps`, are about the addends in steps of the output. Every pair of inputs bounds the
    sum of its two entries from both sides: difference constraints, which the shortest paths of a graph solve (Bellman
    and Ford). None where they contradict each other.
    """
    reals = [values * steps for values in addends]
    most = sum(float(np.abs(values).max()) for values in reals) + 2
    shift = 30 - math.ceil(math.log2(most))
    if not 1 <= shift <= 24:
        return None
    unbounded = np.int64(1) << 40
    output = wanted - zero
    least = np.where(wanted <= low, -unbounded, output << shift)
    limit = np.where(wanted >= high, unbounded, ((output + 1) << shift) - 1)
    half = 1 << (shift - 1)
    first = np.rint(reals[0] * (1 << shift)).astype(np.int64) + half
    negated = -np.rint(reals[1] * (1 << shift)).astype(np.int64)
    for _ in range(MOST_ROUNDS):
        before = first, negated
        negated = np.minimum(negated, (first[:, None] - least).min(axis=0))
        first = np.minimum(first, (negated[None, :] + limit).min(axis=1))
        if (before[0] == first).all() and (before[1] == negated).all():
            break
    sums = first[:, None] - negated[None, :]
    reach = int(np.abs(first).max()) + int(np.abs(negated).max())
    if reach >= INT32_LIMIT or not (np.clip(zero + (sums >> shift), low, high) == wanted).all():
        return None
    return (first.astype(np.int32), (-negated).astype(np.int32)), shift


def affine_channels(
    wanted: Integers, slope: float, zeros: tuple[int, int], low: int, high: int
) -> tuple[Int32Array, Int32Array, Int32Array] | None:
    """(multipliers, offsets, shifts) of the ChannelAffine that gives `wanted` [channels, 256], None where none does.

    The steps of each channel bound its offset from both sides; `slope` is about the factor in steps of the output,
    `zeros` are the zero points of input and output.
    """
    x = np.arange(-128, 128, dtype=np.int64) - zeros[0]
    steps = wanted.astype(np.int64) - zeros[1]
    # the largest shift for which the largest product and offset stay within int32
    reach = 255 * abs(slope) + 512
    shift = next((s for s in range(30, 0, -1) if math.ldexp(255 * abs(slope) + reach + 1, s) < 1 << 31), 0)
    if shift == 0:
        return None
    half, one = 1 << (shift - 1), 1 << shift
    around = round(math.ldexp(slope, shift))
    found: list[tuple[int, int]] = []
    for line in steps:
        for multiplier in (around, *(around + sign * step for step in (1, 2, 4, 8, 16, 32, 64) for sign in (1, -1))):
            least = line * one - half - multiplier * x
            begin = int(least[line + zeros[1] > low].max(initial=-(1 << 30)))
            end = int((least + one)[line + zeros[1] < high].min(initial=1 << 30))
            if begin < end:
                found.append((multiplier, (begin + end - 1) // 2))
                break
        else:
            return None
    multipliers, offsets = np.array(found, np.int64).T
    if not (255 * np.abs(multipliers) + np.abs(offsets) + half < 1 << 31).all():
        return None
    return multipliers.astype(np.int32), offsets.astype(np.int32), np.full(len(found), shift, np.int32)
