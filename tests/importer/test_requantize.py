"""Factors as integers: exact where they can be, refused where they cannot."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msf_riot.errors import ModelError
from msf_riot.importer.requantize import addition, affine, requantization


@given(st.floats(1e-300, 2.0**29))
def test_requantization_is_the_nearest_of_its_form(real: float) -> None:
    multiplier, shift = requantization(real)
    assert 1 << 30 <= multiplier < 1 << 31 and shift >= 1
    error = abs(Fraction(multiplier, 1 << shift) - Fraction(real))
    assert error <= Fraction(1, 1 << (shift + 1))


@pytest.mark.parametrize(
    "real,expected", [(0.0, (0, 1)), (1.0, (1 << 30, 30)), (0.5, (1 << 30, 31)), (1 - 2**-40, (1 << 30, 30))]
)
def test_requantization_at_the_edges(real: float, expected: tuple[int, int]) -> None:
    assert requantization(real) == expected


@pytest.mark.parametrize("real", [-1.0, float("nan"), float("inf"), 2.0**30])
def test_factors_that_cannot_be_are_refused(real: float) -> None:
    with pytest.raises(ModelError):
        requantization(real)


@given(st.floats(2.0**-9, 2.0**19), st.floats(0, 1))
def test_addition_stays_within_int32_and_close(larger: float, ratio: float) -> None:
    (first, second), shift = addition(larger, larger * ratio)
    assert 1 << 20 <= first < 1 << 21 and 0 <= second <= first and 1 <= shift <= 30
    assert 255 * (first + second) + (1 << (shift - 1)) < 1 << 31
    assert first / 2.0**shift == pytest.approx(larger, rel=2**-20)
    assert abs(second / 2.0**shift - larger * ratio) <= 2.0**-shift


@pytest.mark.parametrize("factors", [(0.0, 0.0), (2.0**20, 1.0), (2.0**-12, 0.0), (float("nan"), 1.0)])
def test_additions_that_cannot_be_are_refused(factors: tuple[float, float]) -> None:
    with pytest.raises(ModelError):
        addition(*factors)


@given(st.floats(-1000, 1000), st.floats(-1e6, 1e6), st.integers(-255, 255))
def test_affine_stays_within_int32_and_gives_the_clamped_value(factor: float, offset: float, x: int) -> None:
    multiplier, addend, shift = affine(factor, offset)
    half = 1 << (shift - 1)
    assert 255 * abs(multiplier) + abs(addend) + half < 1 << 31 and 1 <= shift <= 30
    found = (multiplier * x + addend + half) >> shift
    exact = factor * x + offset
    assert abs(min(max(found, -256), 256) - min(max(exact, -256), 256)) <= 0.51
