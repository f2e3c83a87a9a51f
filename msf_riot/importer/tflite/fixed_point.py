"""The fixed-point arithmetic that defines TensorFlow Lite's int8 operators (gemmlowp's fixedpoint.h, common.h).

Values are int64 arrays that hold what the C++ has in int32.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.signedinteger[Any]]

INT32_MAX = (1 << 31) - 1


def quantized_multiplier(real: float) -> tuple[int, int]:
    """QuantizeMultiplier: (multiplier in [2^30, 2^31) or 0, exponent) with real ~ multiplier * 2^(exponent - 31).

    `real` is at least 0 and finite.
    """
    if real == 0.0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier >> 1, exponent + 1
    if exponent < -31:
        return 0, 0
    return multiplier, exponent


def round_away(real: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """TfLiteRound: to the nearest integer, half away from zero, in float32."""
    return np.sign(real) * np.floor(np.abs(real) + np.float32(0.5))


def doubling_high_product(a: Integers | int, b: Integers | int) -> Integers:
    """SaturatingRoundingDoublingHighMul: a * b / 2^31, rounded half up."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    result: Integers = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return result


def rounding_divide(value: Integers, exponent: int) -> Integers:
    """RoundingDivideByPOT: value / 2^exponent, rounded half away from zero."""
    if exponent == 0:
        return value
    value = np.asarray(value, np.int64)
    result: Integers = (value + (1 << (exponent - 1)) - (value < 0)) >> exponent
    return result


def multiply(value: Integers, multiplier: int, exponent: int) -> Integers:
    """MultiplyByQuantizedMultiplier: value * multiplier * 2^(exponent - 31), rounded twice."""
    left, right = max(exponent, 0), max(-exponent, 0)
    return rounding_divide(doubling_high_product(np.asarray(value, np.int64) << left, multiplier), right)


def saturating_shift(value: Integers, exponent: int) -> Integers:
    """SaturatingRoundingMultiplyByPOT: value * 2^exponent within int32."""
    if exponent < 0:
        return rounding_divide(value, -exponent)
    result: Integers = np.clip(np.asarray(value, np.int64) << exponent, -INT32_MAX - 1, INT32_MAX)
    return result


def exp_on_negative_values(a: Integers) -> Integers:
    """exp(a / 2^26), a in (-2^31, 0], as a number of 31 fractional bits."""
    quarter = 1 << 24
    remains = (a & (quarter - 1)) - quarter
    result = _exp_of_last_quarter(saturating_shift(remains, 5))
    steps = remains - a
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for bit, factor in enumerate(factors, start=24):
        result = np.where(steps & (1 << bit), doubling_high_product(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def _exp_of_last_quarter(a: Integers) -> Integers:
    """exp(a / 2^31) for a in [-2^29, 0)."""
    constant, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubling_high_product(x, x)
    x3 = doubling_high_product(x2, x)
    x4 = saturating_shift(doubling_high_product(x2, x2), -2)
    rest = saturating_shift(doubling_high_product(x4 + x3, third) + x2, -1)
    result: Integers = constant + doubling_high_product(constant, x + rest)
    return result
