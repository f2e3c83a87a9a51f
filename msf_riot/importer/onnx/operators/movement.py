"""Split, Slice, Gather, DepthToSpace and SpaceToDepth: which rows, columns and channels each element comes from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from msf_riot.importer import movement
from msf_riot.importer.draft import Draft
from msf_riot.importer.input_layout import LayoutFound, bind, number_of, usual_layout
from msf_riot.importer.onnx.operators.layout import integers_of, normalized, reshaped, shape_of
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.onnx.windows import spatial
from msf_riot.importer.values import Real, Value, constant_of, real_of
from msf_riot.importer.view import View, make_view


@reads("Split")
def split(node: Node, inputs: Inputs, draft: Draft) -> tuple[Value, ...]:
    """Parts along one axis: of given sizes, or as equal as can be."""
    real = real_of(node, inputs[0])
    (axis,) = normalized(node, (node.integer("axis", 0),), len(real.view.shape))
    size = real.view.shape[axis]
    sizes = node.integers("split")
    if len(inputs) > 1 and inputs[1] is not None:
        sizes = integers_of(node, inputs[1], "split")
    if sizes is None:
        count = node.integer("num_outputs", len(node.outputs))
        each = -(-size // max(count, 1))
        sizes = (each,) * (count - 1) + (size - each * (count - 1),)
    if len(sizes) != len(node.outputs) or sum(sizes) != size or any(part < 1 for part in sizes):
        raise node.unsupported(f"parts of {list(sizes)[:9]} do not make up an axis of {size}")
    ends = np.cumsum(sizes)
    return tuple(
        taken(node, real, {axis: range(int(end) - part, int(end))}, draft)
        for end, part in zip(ends, sizes, strict=True)
    )


@reads("Slice")
def slice_(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Starts, ends, axes and steps are attributes in old opsets and inputs in new ones."""
    real = real_of(node, inputs[0])
    shape = real.view.shape
    given = [
        integers_of(node, value, what) if value is not None else node.integers(what)
        for what, value in zip(("starts", "ends", "axes", "steps"), [*inputs[1:], *[None] * 4], strict=False)
    ]
    starts, ends = given[0], given[1]
    if starts is None or ends is None or len(starts) != len(ends):
        raise node.unsupported("its starts and ends must be lists of one length")
    axes = normalized(node, given[2] or tuple(range(len(starts))), len(shape))
    steps = given[3] or (1,) * len(starts)
    if len(axes) != len(starts) or len(steps) != len(starts) or 0 in steps:
        raise node.unsupported("its axes and steps must be as many as its starts, and no step 0")
    parts: dict[int, Sequence[int]] = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = shape[axis]
        start = min(max(start + size if start < 0 else start, 0), size - (step < 0))
        end = min(max(end + size if end < 0 else end, -1 if step < 0 else 0), size)
        parts[axis] = range(start, end, step)
    return taken(node, real, parts, draft)


@reads("Gather")
def gather(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """By constant indices; a single index takes the axis away."""
    real = real_of(node, inputs[0])
    (axis,) = normalized(node, (node.integer("axis", 0),), len(real.view.shape))
    indices = constant_of(node, inputs[1] if len(inputs) > 1 else None, "indices").array
    size = real.view.shape[axis]
    if indices.ndim > 1 or indices.dtype.kind not in "iu" or not ((indices >= -size) & (indices < size)).all():
        raise node.unsupported(f"its indices must be a list within an axis of {size}")
    result = taken(node, real, {axis: [int(i) % size for i in indices.reshape(-1)]}, draft)
    if indices.ndim == 1:
        return result
    return reshaped(node, result, tuple(d for i, d in enumerate(result.view.shape) if i != axis), draft)


def taken(node: Node, real: Real, parts: dict[int, Sequence[int]], draft: Draft) -> Real:
    """Along each of these axes the elements at these places."""
    parts = {axis: places for axis, places in parts.items() if list(places) != list(range(real.view.shape[axis]))}
    if any(len(places) == 0 for places in parts.values()):
        raise node.unsupported("its output has no elements")
    if not parts:
        return real
    view = real.view
    if view.shape[0] == 1:
        view = bind(node, view, "NCHW"[: len(view.shape)])
    elif not view.bound:
        raise LayoutFound(number_of(view), usual_layout(view), certain=False)
    names = {axis: view.names(axis) for axis in parts}
    if any(len(name) != 1 for name in names.values()):
        raise node.unsupported("takes from an axis in which rows, columns or channels were joined before")
    sizes = {names[axis]: list(places) for axis, places in parts.items()}
    dims = [
        [(names[i], len(parts[i]))] if i in parts else [(axis.name, axis.size) for axis in dim]
        for i, dim in enumerate(view.dims)
    ]
    output = make_view(node, dims)
    height, width, channels = view.hwc
    if "H" in sizes or "W" in sizes:
        rows, columns = sizes.get("H", range(height)), sizes.get("W", range(width))
        whole = [[("H", len(rows))], [("W", len(columns))], [("C", channels)]]
        middle = output if "C" not in sizes else make_view(node, whole)
        real = movement.gather(node, middle, real, rows, columns, draft)
    if "C" in sizes:
        real = movement.gather_channels(node, output, real, sizes["C"], draft)
    return real


@reads("DepthToSpace")
def depth_to_space(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Modes DCR and CRD."""
    real, view, letters = _image(node, inputs)
    block, channels = node.integer("blocksize", 0), view.hwc[2]
    if block < 1 or channels % block**2:
        raise node.unsupported(f"{channels} channels do not suit the block size {block}")
    depth = channels // block**2
    steps = {"DCR": (block * depth, depth, 1), "CRD": (block, 1, block**2)}.get(node.text("mode", "DCR"))
    if steps is None:
        raise node.unsupported("its mode must be DCR or CRD")
    if letters == ("W", "H"):
        steps = (steps[1], steps[0], steps[2])
    return movement.depth_to_space(node, _resized(node, view, letters, depth, block, 1), real, block, steps, draft)


@reads("SpaceToDepth")
def space_to_depth(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Blocks row by row, outside (DCR) or inside the channels (CRD)."""
    real, view, letters = _image(node, inputs)
    block, (height, width, channels) = node.integer("blocksize", 0), view.hwc
    mode = node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise node.unsupported("its mode must be DCR or CRD")
    if block < 1 or height % block or width % block or letters != ("H", "W"):
        raise node.unsupported(f"{height} x {width} pixels do not suit the block size {block}")
    output = _resized(node, view, letters, channels * block**2, 1, block)
    found = movement.space_to_depth(node, output, real, block, draft)
    if mode == "DCR":
        return found
    order = np.arange(channels * block**2).reshape(block**2, channels).T.reshape(-1)
    return movement.gather_channels(node, output, found, order.tolist(), draft)


def _image(node: Node, inputs: Inputs) -> tuple[Real, View, tuple[str, ...]]:
    real = real_of(node, inputs[0])
    if len(shape_of(node, inputs[0])) != 4:
        raise node.unsupported("its input must have rank 4")
    view, letters = spatial(node, real.view)
    return real, view, letters


def _resized(node: Node, view: View, letters: tuple[str, ...], channels: int, times: int, by: int) -> View:
    sizes = {name: size * times // by for name, size in zip("HW", view.hwc, strict=False)}
    return make_view(node, [[], [("C", channels)], *([(letter, sizes[letter])] for letter in letters)])
