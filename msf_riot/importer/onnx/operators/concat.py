"""Concat along the channels; inputs of another quantization pass a table first."""

from __future__ import annotations

import numpy as np

from msf_riot.importer import movement
from msf_riot.importer.draft import Draft, Quantized
from msf_riot.importer.input_layout import bind, channels_along
from msf_riot.importer.onnx.operators.layout import normalized
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import Constant, Value, real_of
from msf_riot.importer.view import View, make_view


@reads("Concat")
def concat(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """All inputs are activations here; constants alone are folded before."""
    if any(isinstance(value, Constant) for value in inputs):
        raise node.unsupported("joins activations with constants")
    quantizations = {(v.quantization, v.element) for v in inputs if isinstance(v, Quantized)}
    if len(quantizations) > 1:
        raise node.unsupported("joins int8 tensors of different scales; put DequantizeLinear before it")
    sources = tuple(real_of(node, value) for value in inputs)
    ranks = {len(source.view.shape) for source in sources}
    if len(ranks) != 1:
        raise node.unsupported("its inputs differ in rank")
    (axis,) = normalized(node, (node.integer("axis", 1),), ranks.pop())
    view = _joined(node, [bind(node, source.view, channels_along(source.view, {axis})) for source in sources], axis)
    if len(sources) == 1:
        return sources[0]
    return movement.concat(node, view, sources, draft)


def _joined(node: Node, views: list[View], axis: int) -> View:
    rank = len(views[0].shape)
    if any(view.names(axis) not in ("", "C") for view in views):
        raise node.unsupported("joins along rows or columns; only channels are supported")
    dims: list[list[tuple[str, int]]] = []
    for i in range(rank):
        if i == axis:
            dims.append([("C", int(np.sum([view.shape[i] for view in views])))])
        else:
            if any(view.dims[i] != views[0].dims[i] or "C" in view.names(i) for view in views):
                raise node.unsupported("its inputs differ in shape or lie differently in memory")
            dims.append(list(views[0].dims[i]))
    return make_view(node, dims)
