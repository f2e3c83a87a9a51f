"""How the axes of a file's tensors lie in the HWC tensors of the Graph: transposing and reshaping cost nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msf_riot.importer.place import Place

MAX_AXIS = 65535
MAX_ELEMENTS = 1 << 27
"""Of one tensor, a constant or an activation."""


class Axis(NamedTuple):
    """An axis longer than 1: 'H', 'W' or 'C', or a part of one ('C.0' outside, 'C.1' inside).

    '0.1', '0.1.0', ... are axis 1 of graph input 0 and its part, while its layout is not known.
    """

    name: str
    size: int


@dataclass(frozen=True)
class View:
    """A shape in the file and, for each of its axes, the tensor axes longer than 1 that it runs over, slowest first."""

    shape: tuple[int, ...]
    dims: tuple[tuple[Axis, ...], ...]

    @property
    def flat(self) -> tuple[Axis, ...]:
        """All axes longer than 1 in the memory order of the file."""
        return tuple(axis for dim in self.dims for axis in dim)

    @property
    def bound(self) -> bool:
        """Whether the axes are known to be of H, W and C."""
        return all(axis.name[0] in "HWC" for axis in self.flat)

    @property
    def whole(self) -> bool:
        """Whether no axis is cut into parts, as far as they are known."""
        return all(axis.name in "HWC" or axis.name[0] not in "HWC" for axis in self.flat)

    @property
    def hwc(self) -> tuple[int, int, int]:
        """(height, width, channels) of the tensor."""
        sizes = [math.prod(axis.size for axis in self.flat if axis.name[0] == letter) for letter in "HWC"]
        return sizes[0], sizes[1], sizes[2]

    @property
    def memory_axes(self) -> tuple[int, int, int]:
        """`Interface.axes`."""
        order = [axis.name for axis in self.flat]
        rest = [name for name in "CHW" if name not in order]
        first, second, third = ("HWC".index(name) for name in rest + order)
        return first, second, third

    def names(self, dim: int) -> str:
        """The axes a dimension runs over as text: '', 'C', 'HW', ..."""
        return "".join(axis.name for axis in self.dims[dim])


def make_view(place: Place, dims: Sequence[Sequence[tuple[str, int]]]) -> View:
    """A View from named sizes; axes of size 1 are left out. Raises for absurd sizes."""
    for dim in dims:
        for _, size in dim:
            if not 1 <= size <= MAX_AXIS:
                raise place.unsupported(f"an axis of its output has {size} elements; 1 to {MAX_AXIS} are supported")
    view = View(
        tuple(math.prod(size for _, size in dim) for dim in dims),
        tuple(tuple(Axis(name, size) for name, size in dim if size > 1) for dim in dims),
    )
    if math.prod(view.shape) > MAX_ELEMENTS:
        raise place.unsupported(f"its output has {math.prod(view.shape)} elements, more than any device holds")
    return view


def regrouped(place: Place, view: View, shape: tuple[int, ...]) -> View:
    """The view as another shape of as many elements; axes are cut where needed, and parts of one put together."""
    rest = _together(view.flat)
    dims = []
    for size in shape:
        dim: list[Axis] = []
        missing = size
        while missing > 1:
            axis = rest.pop(0)
            if missing % axis.size == 0:
                dim.append(axis)
                missing //= axis.size
            elif axis.size % missing == 0:
                dim.append(Axis(f"{axis.name}.0", missing))
                rest.insert(0, Axis(f"{axis.name}.1", axis.size // missing))
                missing = 1
            else:
                raise place.unsupported("mixes channels with rows or columns; only the layout may change")
        dims.append(_together(dim))
    return View(shape, tuple(tuple(dim) for dim in dims))


def _together(axes: Sequence[Axis]) -> list[Axis]:
    """Parts of an axis that follow each other in their order as one."""
    found: list[Axis] = []
    for axis in axes:
        found.append(axis)
        while len(found) > 1 and found[-1].name.endswith(".1") and found[-2].name == f"{found[-1].name[:-2]}.0":
            inner, outer = found.pop(), found.pop()
            found.append(Axis(inner.name[:-2], outer.size * inner.size))
    return found


def last_view(view: View, shape: tuple[int, ...]) -> View:
    """The view as another shape that nothing reads but the caller: dimensions may mix channels with rows or columns.

    Which axes a dimension runs over is not told, only their order in memory.
    """
    return View(shape, (view.flat, *((),) * (len(shape) - 1)) if shape else ())
