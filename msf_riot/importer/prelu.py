"""A slope for each channel where the input is negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.requantize import requantization
from msf_riot.importer.values import Leaf, Real
from msf_riot.ir import PRelu

MOST = (1 << 15) - 1


@dataclass(frozen=True, eq=False)
class Slopes(Real):
    """x where x >= 0, else slope[c] * x; slopes float64 [channels]."""

    source: Leaf
    slopes: npt.NDArray[np.float64]

    def quantize(self, target: Target) -> Quantized:
        """One PRelu."""
        source = self.source.source
        scale = source.quantization.scale / target.quantization.scale
        step = float(np.abs(self.slopes).max()) / MOST or 1.0
        slopes = np.rint(self.slopes / step).astype(np.int16)
        pairs = requantization(scale), requantization(scale * step)
        return target.emit(
            self.place,
            PRelu,
            [source],
            self.view,
            slopes=slopes,
            multipliers=(pairs[0][0], pairs[1][0]),
            shifts=(pairs[0][1], pairs[1][1]),
        )

    def extent(self) -> tuple[float, float] | None:
        """From the least and the largest input."""
        quantization = self.source.source.quantization
        low, high = ((code - quantization.zero_point) * quantization.scale for code in (-128, 127))
        ends = [0.0, high, *(self.slopes * min(low, 0.0))]
        return float(min(ends)), float(max(ends))
