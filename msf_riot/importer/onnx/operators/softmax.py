"""Softmax over the channels and its logarithm."""

from __future__ import annotations

from msf_riot.importer.draft import Draft
from msf_riot.importer.input_layout import bind, channels_along
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.softmax import Exponentials, LogExponentials
from msf_riot.importer.values import Value, real_of


@reads("Softmax", "LogSoftmax")
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
    view = bind(node, leaf.view, channels_along(leaf.view, taken))
    names = "".join(view.names(i) for i in taken)
    rest = "".join(view.names(i) for i in range(rank) if i not in taken)
    if names not in ("", "C") or "C" in rest:
        raise node.unsupported("runs over rows or columns; only over the channels is supported")
    if view.hwc[2] > 4095:
        raise node.unsupported(f"runs over {view.hwc[2]} channels; at most 4095 are supported")
    return (LogExponentials if node.operator == "LogSoftmax" else Exponentials)(node, view, leaf)
