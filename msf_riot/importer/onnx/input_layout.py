"""How the graph's input lies: ONNX does not say which of its axes are rows, columns and channels.

The first operator for which it matters does (`bind`); reading then starts again with that knowledge.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.view import Axis, View


class InputLayout(NamedTuple):
    """The axes of the graph input, longer than 1, in ONNX memory order: which of H, W, C each is."""

    axes: tuple[Axis, ...]


class LayoutFound(Exception):  # noqa: N818 - it is no error
    """An operator said how the graph input lies; reading starts again with that knowledge."""

    def __init__(self, layout: InputLayout, certain: bool) -> None:
        """`layout`: what was found; `certain` where nothing else would make sense."""
        super().__init__()
        self.layout = layout
        self.certain = certain


def channels_along(view: View, axes: Container[int]) -> tuple[str, ...]:
    """The letters to `bind` where these axes of the view are the channels: the others are rows, then columns."""
    others = iter("HW")
    return tuple("C" if i in axes else next(others, "N") if dim else "N" for i, dim in enumerate(view.dims))


def bind(node: Node, view: View, wanted: Sequence[str], certain: bool = False) -> View:
    """The view itself where its layout is known; otherwise reading restarts with `wanted`, one letter a dimension.

    A dimension of size 1 takes no letter. Raises UnsupportedModelError where the axes cannot be so.
    """
    if view.bound:
        return view
    letters: dict[str, str] = {}
    for dim, letter in zip(view.dims, wanted, strict=True):
        if len(dim) > 1 or (dim and letter not in ("H", "W", "C")):
            raise node.unsupported("its input has more than height, width and channels, or a batch that is not 1")
        if dim:
            letters[dim[0].name] = letter
    if len(set(letters.values())) < len(letters):
        raise node.unsupported("its input has more than height, width and channels")
    order = sorted(view.flat, key=lambda axis: [int(part) for part in axis.name.split(".")])
    raise LayoutFound(InputLayout(tuple(Axis(letters[axis.name], axis.size) for axis in order)), certain)
