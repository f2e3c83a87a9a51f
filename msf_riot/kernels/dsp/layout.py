"""Weights in the order in which the kernels read them, as words (kernels_dsp.h)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D
from msf_riot.kernels.dsp import cost

Integers: TypeAlias = npt.NDArray[np.int64]


def tap_matrix(operator: Conv2D | DepthwiseConv2D | Dense) -> Integers:
    """Weights [out_channels, taps] in the order in which activations are packed, filled up with zeros."""
    weights = operator.weights.astype(np.int64)
    if isinstance(operator, DepthwiseConv2D):
        return weights.reshape(-1, weights.shape[2]).T
    if cost.packs_columns(operator):
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


def even_odd_words(taps: Integers) -> Integers:
    """[..., taps] -> [..., taps / 4]: 256 * even + odd tap in each half."""
    halves = 256 * taps[..., 0::2] + taps[..., 1::2]
    return (halves[..., 0::2] & 0xFFFF) | ((halves[..., 1::2] & 0xFFFF) << 16)


def fits_halves(taps: Integers) -> bool:
    """Whether 256 * even + odd tap is an int16 throughout: -128 with a negative neighbour is not."""
    return bool((256 * taps[:, 0::2] + taps[:, 1::2] >= -(1 << 15)).all())


def byte_words(columns: Integers) -> Integers:
    """[..., 4] -> [...]: four int8, the first in the lowest byte."""
    unsigned = columns & 0xFF
    result: Integers = unsigned[..., 0] | unsigned[..., 1] << 8 | unsigned[..., 2] << 16 | unsigned[..., 3] << 24
    return result
