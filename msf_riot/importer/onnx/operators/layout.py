"""Operators that only say how the same elements are seen: they change views and weights' order, and cost nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from msf_riot.importer.draft import Draft, Quantized, Target
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.shuffle import settled
from msf_riot.importer.values import Constant, Leaf, Real, Value, constant_of, real_of
from msf_riot.importer.view import View, last_view, regrouped
from msf_riot.ir import Quantization


def shape_of(node: Node, value: Value | None) -> tuple[int, ...]:
    """The ONNX shape of a value."""
    if value is None:
        raise node.unsupported("an input is absent")
    return value.array.shape if isinstance(value, Constant) else value.view.shape


def normalized(node: Node, axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front; raises where out of range or repeated."""
    result = tuple(axis + rank if axis < 0 else axis for axis in axes)
    if any(not 0 <= axis < rank for axis in result) or len(set(result)) < len(result):
        raise node.unsupported(f"axes {list(axes)[:9]} do not suit rank {rank}")
    return result


def integers_of(node: Node, value: Value | None, what: str) -> tuple[int, ...]:
    """The values of a constant integer vector that says a shape, axes or the like."""
    array = constant_of(node, value, what).array
    if array.dtype.kind not in "iu" or array.size > 16:
        raise node.unsupported(f"its {what} must be a short list of integers")
    return tuple(int(v) for v in array.reshape(-1))


def axes_of(node: Node, inputs: Inputs, default: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """`axes`, an attribute in old opsets and the second input in new ones."""
    if len(inputs) > 1 and inputs[1] is not None:
        return integers_of(node, inputs[1], "axes")
    return node.integers("axes", default)


def reshaped(node: Node, value: Value | None, shape: tuple[int, ...], draft: Draft) -> Value:
    """The value with another ONNX shape."""
    before = shape_of(node, value)
    if math.prod(before) != math.prod(shape):
        raise node.unsupported(f"{list(before)} cannot be reshaped to {list(shape)}")
    if isinstance(value, Constant):
        return value.moved(lambda array: array.reshape(shape))
    assert isinstance(value, Quantized | Real)
    if node.last and value.view.bound and value.view.whole:
        return _viewed(node, value, last_view(value.view, shape))
    view = regrouped(node, value.view, shape)
    if view.whole:
        return _viewed(node, value, view)
    real = real_of(node, value)
    found = settled(node, view, real, draft)
    if found is None:
        return _viewed(node, value, view)
    if isinstance(value, Quantized):
        return found.quantize(Target(draft, node.outputs[0], value.quantization, value.element))
    return found


def _viewed(node: Node, value: Quantized | Real, view: View) -> Value:
    if isinstance(value, Quantized):
        return dataclasses.replace(value, view=view)
    return value.viewed(node, view)


@reads("Reshape")
def reshape(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """0 copies a dimension (unless allowzero), -1 is what remains."""
    before = shape_of(node, inputs[0])
    wanted = integers_of(node, inputs[1], "shape") if len(inputs) > 1 else node.integers("shape", ()) or ()
    keep_zero = node.integer("allowzero", 0)
    if any(d == 0 and (keep_zero or i >= len(before)) for i, d in enumerate(wanted)) or wanted.count(-1) > 1:
        raise node.unsupported(f"cannot reshape {list(before)} to {list(wanted)}")
    sizes = [before[i] if d == 0 else d for i, d in enumerate(wanted)]
    if -1 in sizes:
        known = math.prod(d for d in sizes if d != -1)
        sizes[sizes.index(-1)] = math.prod(before) // known if known > 0 else 0
    if any(d < 1 for d in sizes):
        raise node.unsupported(f"cannot reshape {list(before)} to {list(wanted)}")
    return reshaped(node, inputs[0], tuple(sizes), draft)


@reads("Flatten")
def flatten(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Two dimensions, cut at `axis`."""
    before = shape_of(node, inputs[0])
    axis = node.integer("axis", 1)
    axis += len(before) if axis < 0 else 0
    if not 0 <= axis <= len(before):
        raise node.unsupported(f"axis {axis} does not suit rank {len(before)}")
    return reshaped(node, inputs[0], (math.prod(before[:axis]), math.prod(before[axis:])), draft)


@reads("Squeeze")
def squeeze(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Without the named axes, or without all of size 1."""
    before = shape_of(node, inputs[0])
    axes = axes_of(node, inputs, tuple(i for i, d in enumerate(before) if d == 1)) or ()
    axes = normalized(node, axes, len(before))
    if any(before[axis] != 1 for axis in axes):
        raise node.unsupported(f"axes {list(axes)} of {list(before)} are not all 1")
    return reshaped(node, inputs[0], tuple(d for i, d in enumerate(before) if i not in axes), draft)


@reads("Unsqueeze")
def unsqueeze(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """With axes of size 1 added."""
    before = shape_of(node, inputs[0])
    axes = axes_of(node, inputs, None)
    if axes is None:
        raise node.unsupported("axes are missing")
    axes = normalized(node, axes, len(before) + len(axes))
    rest = iter(before)
    return reshaped(
        node, inputs[0], tuple(1 if i in axes else next(rest) for i in range(len(before) + len(axes))), draft
    )


@reads("Transpose")
def transpose(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Axes in another order."""
    value = inputs[0]
    before = shape_of(node, value)
    order = node.integers("perm", tuple(reversed(range(len(before))))) or ()
    order = normalized(node, order, len(before))
    if len(order) != len(before):
        raise node.unsupported(f"perm {list(order)} does not suit rank {len(before)}")
    if isinstance(value, Constant):
        return value.moved(lambda array: np.transpose(array, order))
    assert isinstance(value, Quantized | Real)
    view = value.view
    return _viewed(node, value, View(tuple(view.shape[i] for i in order), tuple(view.dims[i] for i in order)))


@reads("Identity", "Dropout")
def identity(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Nothing; Dropout does nothing outside training."""
    if not inputs or inputs[0] is None:
        raise node.unsupported("its input is absent")
    if node.operator == "Dropout" and len(inputs) > 2 and inputs[2] is not None:
        mode = constant_of(node, inputs[2], "training mode").array
        if mode.any():
            raise node.unsupported("is in training mode; export the model for inference")
    return inputs[0]


@reads("Cast")
def cast(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """float to float is nothing; an integer input of the graph made float counts in its own steps."""
    given = inputs[0] if inputs else None
    if node.integer("to", 0) in (1, 10, 11):
        if isinstance(given, Real):
            return given
        if isinstance(given, Quantized) and given.quantization in (Quantization(1.0, 0), Quantization(1.0, -128)):
            return Leaf(node, given.view, given)
    raise node.unsupported("casts an activation to another type than float")
