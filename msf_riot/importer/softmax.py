"""Softmax over the channels, from a table of exponentials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.values import Leaf, Real
from msf_riot.ir import Softmax


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
