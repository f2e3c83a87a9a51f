"""Reshape, Transpose, Reshape: how exporters write channel shuffles, depth to space and space to depth.

A Reshape cuts an axis into parts (`view.regrouped`), a Transpose moves these, and once a Reshape has put them together
again in one of these ways, they are an operator of the Graph.
"""

from __future__ import annotations

import math

import numpy as np

from msf_riot.importer import movement
from msf_riot.importer.draft import Draft
from msf_riot.importer.place import Place
from msf_riot.importer.values import Real
from msf_riot.importer.view import Axis, View, make_view


def settled(place: Place, view: View, real: Real, draft: Draft) -> Real | None:
    """The value where the parts of the view's axes are together in such a way, None where they are not (yet)."""
    parts = {letter: [axis for axis in view.flat if axis.name[0] == letter] for letter in "HWC"}
    natural = {letter: sorted(axes, key=_path) for letter, axes in parts.items()}
    cut = {letter for letter, axes in natural.items() if len(axes) > 1}
    dims = [list(dim) for dim in view.dims]
    if cut == {"C"}:
        together = [dim for dim in dims if any(axis.name[0] == "C" for axis in dim)]
        if len(together) == 1 and all(axis.name[0] == "C" for axis in together[0]):
            order = _order(natural["C"], together[0])
            return movement.gather_channels(place, _plain(place, view, together[0]), real, order, draft)
        return _to_space(place, view, real, draft, natural["C"])
    if cut == {"H", "W"}:
        return _to_depth(place, view, real, draft, natural)
    return None


def _path(axis: Axis) -> list[int]:
    return [int(part) for part in axis.name.split(".")[1:]]


def _order(natural: list[Axis], wanted: list[Axis]) -> list[int]:
    """Of elements numbered along the axes in their natural order, those of the wanted order."""
    numbers = np.arange(math.prod(axis.size for axis in natural)).reshape([axis.size for axis in natural])
    return [int(i) for i in numbers.transpose([natural.index(axis) for axis in wanted]).reshape(-1)]


def _plain(place: Place, view: View, channels: list[Axis]) -> View:
    """The view with this dimension as channels."""
    count = math.prod(axis.size for axis in channels)
    return make_view(place, [[("C", count)] if list(dim) == channels else list(dim) for dim in view.dims])


def _to_space(place: Place, view: View, real: Real, draft: Draft, natural: list[Axis]) -> Real | None:
    """(H, part of C), (W, part of C), the rest of C."""
    inner: dict[str, Axis] = {}
    rest: list[Axis] = []
    for dim in view.dims:
        names = [axis.name for axis in dim]
        if len(dim) == 2 and names[0] in ("H", "W") and names[1][0] == "C":
            inner[names[0]] = dim[1]
        elif all(name[0] == "C" for name in names):
            rest += dim
        else:
            return None
    if set(inner) != {"H", "W"} or inner["H"].size != inner["W"].size or len(rest) > 1:
        return None
    strides = {axis: math.prod(each.size for each in natural[i + 1 :]) for i, axis in enumerate(natural)}
    block = inner["H"].size
    depth = rest[0].size if rest else 1
    steps = strides[inner["H"]], strides[inner["W"]], strides[rest[0]] if rest else 1
    output = make_view(
        place, [[(dim[0].name[0], math.prod(axis.size for axis in dim))] if dim else [] for dim in view.dims]
    )
    assert output.hwc[2] == depth
    return movement.depth_to_space(place, output, real, block, steps, draft)


def _to_depth(place: Place, view: View, real: Real, draft: Draft, natural: dict[str, list[Axis]]) -> Real | None:
    """The outer parts of H and of W alone, the inner ones with C in any order."""
    if any(len(natural[letter]) != 2 for letter in "HW"):
        return None
    (rows, below), (columns, beside) = natural["H"], natural["W"]
    deep = [below, beside, *natural["C"]]
    together = [dim for dim in view.dims if set(dim) == set(deep)]
    if (
        below.size != beside.size
        or len(together) != 1
        or any(list(dim) not in ([], [rows], [columns], list(together[0])) for dim in view.dims)
    ):
        return None
    count = math.prod(axis.size for axis in deep)
    named = {rows: ("H", rows.size), columns: ("W", columns.size)}
    output = make_view(
        place,
        [[("C", count)] if dim == together[0] else [named[axis] for axis in dim] for dim in view.dims],
    )
    middle = make_view(place, [[("H", rows.size)], [("W", columns.size)], [("C", count)]])
    found = movement.space_to_depth(place, middle, real, below.size, draft)
    return movement.gather_channels(place, output, found, _order(deep, list(together[0])), draft)
