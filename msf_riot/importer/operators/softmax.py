"""Softmax over the channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msf_riot.importer.reading import Node
from msf_riot.importer.registry import Inputs, reads
from msf_riot.importer.values import Draft, Leaf, Quantized, Real, Target, Value, bind, real_of
from msf_riot.ir import Softmax


@reads("Softmax")
def softmax(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Old opsets flatten from `axis` on; new ones take that axis alone."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    rank = len(leaf.view.shape)
    flattens = node.opset < 13
    axis = node.integer("axis", 1 if flattens else -1)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank:
        raise node.unsupported(f"axis {axis} does not suit rank {rank}")
    taken = range(axis, rank) if flattens else (axis,)
    others = iter("HW")
    view = bind(
        node,
        leaf.view,
        tuple("C" if i in taken else next(others, "N") if dim else "N" for i, dim in enumerate(leaf.view.dims)),
    )
    names = "".join(view.names(i) for i in taken)
    rest = "".join(view.names(i) for i in range(rank) if i not in taken)
    if names not in ("", "C") or "C" in rest:
        raise node.unsupported("runs over rows or columns; only over the channels is supported")
    if view.hwc[2] > 4095:
        raise node.unsupported(f"runs over {view.hwc[2]} channels; at most 4095 are supported")
    return Exponentials(node, view, leaf)


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
            raise self.node.unsupported(f"its output scale {target.quantization.scale} is out of range")
        return target.emit(self.node, Softmax, [self.source.source], self.view, table=table, reciprocal=reciprocal)
