"""How the graph's input lies, where the file does not say which of its axes are rows, columns and channels.

The first operator for which it matters does (`bind`); reading then starts again with that knowledge.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from msf_riot.errors import ModelError
from msf_riot.importer.place import Place
from msf_riot.importer.view import Axis, View


class InputLayout(NamedTuple):
    """The axes of the graph input, longer than 1, in the file's memory order: which of H, W, C each is."""

    axes: tuple[Axis, ...]


class LayoutFound(Exception):  # noqa: N818 - it is no error
    """An operator said how the graph input lies; reading starts again with that knowledge."""

    def __init__(self, input: int, layout: InputLayout, certain: bool) -> None:
        """`layout`: what was found for an input; `certain` where nothing else would make sense."""
        super().__init__()
        self.input = input
        self.layout = layout
        self.certain = certain


def channels_along(view: View, axes: Container[int]) -> tuple[str, ...]:
    """The letters to `bind` where these axes of the view are the channels: the others are rows, then columns."""
    others = iter("HW")
    return tuple("C" if i in axes else next(others, "N") if dim else "N" for i, dim in enumerate(view.dims))


def bind(place: Place, view: View, wanted: Sequence[str], certain: bool = False) -> View:
    """The view itself where its layout is known; otherwise reading restarts with `wanted`, one letter a dimension.

    A dimension of size 1 takes no letter. Raises UnsupportedModelError where the axes cannot be so.
    """
    if view.bound:
        return view
    letters: dict[str, str] = {}
    for dim, letter in zip(view.dims, wanted, strict=True):
        if len(dim) > 1 or (dim and letter not in ("H", "W", "C")):
            raise place.unsupported("its input has more than height, width and channels, or a batch that is not 1")
        if dim:
            letters[dim[0].name] = letter
    if len(set(letters.values())) < len(letters):
        raise place.unsupported("its input has more than height, width and channels")
    order = sorted(view.flat, key=lambda axis: [int(part) for part in axis.name.split(".")])
    found = InputLayout(tuple(Axis(letters[axis.name], axis.size) for axis in order))
    raise LayoutFound(number_of(view), found, certain)


def number_of(view: View) -> int:
    """Which input of the graph an unbound view is of."""
    return int(view.flat[0].name.split(".")[0])


def usual_layout(view: View) -> InputLayout:
    """Where nothing tells: channels first for images, last for anything else."""
    letters = {0: "", 1: "C", 2: "HC", 3: "CHW"}.get(len(view.flat))
    if letters is None:
        raise ModelError(f"the model's input {list(view.shape)} has more than height, width and channels")
    return InputLayout(tuple(Axis(c, axis.size) for c, axis in zip(letters, view.flat, strict=True)))


def input_view(number: int, shape: tuple[int, ...], layout: InputLayout | None) -> View:
    """The shape of an input in the file: axes called after its number and theirs until the layout is known."""
    if layout is None:
        named = [() if size == 1 else (Axis(f"{number}.{i}", size),) for i, size in enumerate(shape)]
        return View(shape, tuple(named))
    rest = list(layout.axes)
    dims = []
    for size in shape:
        dim: list[Axis] = []
        while size > 1:
            dim.append(rest.pop(0))
            size //= dim[-1].size
        dims.append(tuple(dim))
    return View(shape, tuple(dims))
