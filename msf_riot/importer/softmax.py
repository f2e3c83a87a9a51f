"""Softmax over the channels and its logarithm, from a table of exponentials."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.values import Leaf, Real
from msf_riot.ir import LogSoftmax, Softmax


@dataclass(frozen=True, eq=False)
class Exponentials(Real):
    """exp(x[c]) / sum of exp(x)."""

    source: Leaf

    def quantize(self, target: Target) -> Quantized:
        """One Softmax."""
        scale = self.source.source.quantization.scale
        with np.errstate(under="ignore"):
            table = np.rint(2.0**20 * np.exp(-scale * np.arange(256))).astype(np.uint32)
        reciprocal = round(2**12 / target.quantization.scale)
        if not 1 <= reciprocal < 1 << 32:
            raise self.place.unsupported(f"its output scale {target.quantization.scale} is out of range")
        return target.emit(self.place, Softmax, [self.source.source], self.view, table=table, reciprocal=reciprocal)


@dataclass(frozen=True, eq=False)
class LogExponentials(Real):
    """x[c] - log(sum of exp(x))."""

    source: Leaf

    def extent(self) -> tuple[float, float]:
        """From the least channel beside greatest ones to a channel that stands alone."""
        return -255 * self.source.source.quantization.scale - math.log(self.view.hwc[2]), 0.0

    def quantize(self, target: Target) -> Quantized:
        """One LogSoftmax."""
        scale = self.source.source.quantization.scale
        steps = np.arange(256)
        with np.errstate(under="ignore"):
            exponentials = np.rint(2.0**19 * np.exp(-scale * steps)).astype(np.int32)
        log_shift = max(0, math.frexp(255 * scale)[1] - 5)
        fraction, exponent = math.frexp(2.0 ** (log_shift - 26) / target.quantization.scale)
        shift = 30 - exponent
        if log_shift > 26 or not 1 <= shift <= 62:
            raise self.place.unsupported(f"its scales {scale} and {target.quantization.scale} are out of range")
        return target.emit(
            self.place,
            LogSoftmax,
            [self.source.source],
            self.view,
            exponentials=exponentials,
            differences=np.rint(2.0 ** (26 - log_shift) * scale * steps).astype(np.int32),
            log_shift=log_shift,
            multiplier=min(round(fraction * 2**30), 2**30 - 1),
            shift=shift,
        )
