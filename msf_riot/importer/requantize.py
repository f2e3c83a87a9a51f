"""Real factors as the integers that the device multiplies and shifts with, from exact float64 arithmetic.

The form is gemmlowp's (Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018): factor = multiplier * 2^-shift. Factors beyond the form are an error.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from msf_riot.errors import ModelError
from msf_riot.ir import Int32Array, Rounding

RealArray = npt.NDArray[np.float64]


def requantization(real: float) -> tuple[int, int]:
    """`real` >= 0 as (multiplier in [2^30, 2^31) or 0, shift >= 1) with real = multiplier * 2^-shift.

    Raises ModelError where `real` is not finite, is negative or is 2^30 or more.
    """
    if not math.isfinite(real) or real < 0:
        raise ModelError(f"the scales of the model give the factor {real}, which cannot be computed with")
    multiplier, exponent = _mantissa(real, 31)
    if multiplier == 0:
        return 0, 1
    shift = 31 - exponent
    if shift < 1:
        raise ModelError(f"the scales of the model give the factor {real}, which must be below 2^30")
    return multiplier, shift


def to_even(multiplier: int, shift: int, reach: int, zero_point: int = 0) -> Rounding:
    """How a product rounds as ONNX Runtime does, halves to the even integer once the zero point is added.

    `reach` is the largest accumulator: where none makes an exact half, rounding half up is the same.
    """
    twos = (multiplier & -multiplier).bit_length() - 1
    if multiplier == 0 or shift - 1 < twos or 1 << (shift - 1 - twos) > reach:
        return "once"
    return "even" if zero_point % 2 == 0 else "odd"


def requantizations(reals: RealArray) -> tuple[Int32Array, Int32Array]:
    """`requantization` of every element: (multipliers, shifts)."""
    pairs = [requantization(float(real)) for real in reals]
    return np.array([m for m, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int32)


def addition(first: float, second: float) -> tuple[tuple[int, int], int]:
    """Factors of the two addends of `ir.Add`: the larger multiplier in [2^20, 2^21), one shift in [1, 30].

    Raises ModelError where the larger factor is outside [2^-10, 2^20).
    """
    larger, exponent = _mantissa(max(first, second), 21)
    shift = 21 - exponent
    if larger == 0 or not 1 <= shift <= 30:
        raise ModelError(f"an addition has the factors {first} and {second}; the larger must be in [2^-10, 2^20)")
    return (round(math.ldexp(first, shift)), round(math.ldexp(second, shift))), shift


def affine(factor: float, offset: float) -> tuple[int, int, int]:
    """`factor * x + offset`, |x| <= 255, as (multiplier, offset, shift) of `ir.ChannelAffine`, all within int32.

    Raises ModelError where no shift in [1, 30] keeps the sum in int32.
    """
    reach = 255 * abs(factor) + 512
    offset = min(max(offset, -reach), reach)
    for shift in range(30, 0, -1):
        multiplier = round(math.ldexp(factor, shift))
        addend = round(math.ldexp(offset, shift))
        if 255 * abs(multiplier) + abs(addend) + (1 << (shift - 1)) < 1 << 31:
            return multiplier, addend, shift
    raise ModelError(f"a channel is multiplied by {factor} and offset by {offset} steps, which overflows int32")


def _mantissa(real: float, bits: int) -> tuple[int, int]:
    """(m, e) with real ~ m * 2^(e - bits) and m in [2^(bits-1), 2^bits), or (0, 0)."""
    if not math.isfinite(real):
        raise ModelError(f"the scales of the model give the factor {real}, which cannot be computed with")
    fraction, exponent = math.frexp(real)
    multiplier = round(math.ldexp(fraction, bits))
    if multiplier == 1 << bits:
        return multiplier >> 1, exponent + 1
    return multiplier, exponent
