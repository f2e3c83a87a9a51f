"""Concat along rows, columns or channels; inputs of another quantization pass a table first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

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
    views = [bind(node, source.view, channels_along(source.view, {axis})) for source in sources]
    name = _axis(node, views, axis)
    view = _joined(node, views, axis, name)
    if len(sources) == 1:
        return sources[0]
    axes: Mapping[str, Literal[0, 1, 2]] = {"H": 0, "W": 1, "C": 2}
    return movement.concat(node, view, sources, draft, axes[name])


def _axis(node: Node, views: list[View], axis: int) -> str:
    """Which of rows, columns and channels the axis is: where all have one element along it, one that is free."""
    names = {view.names(axis) for view in views} - {""}
    if len(names) > 1 or any(len(name) > 1 for name in names):
        raise node.unsupported("its inputs lie differently in memory")
    if names:
        return names.pop()
    taken = {each.name for view in views for each in view.flat}
    return next((name for name in "CWH" if name not in taken), "C")


def _joined(node: Node, views: list[View], axis: int, name: str) -> View:
    rank = len(views[0].shape)
    dims: list[list[tuple[str, int]]] = []
    for i in range(rank):
        if i == axis:
            dims.append([(name, int(np.sum([view.shape[i] for view in views])))])
        else:
            if any(view.dims[i] != views[0].dims[i] or name in view.names(i) for view in views):
                raise node.unsupported("its inputs differ in shape or lie differently in memory")
            dims.append(list(views[0].dims[i]))
    return make_view(node, dims)
