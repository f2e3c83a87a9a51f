"""Operators that move values without computing any: MaxPool, Pad, Concat, Gather and the like, and what is near it.

Rounding to a quantization and moving may change places, so their inputs take the quantization of their output.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from msf_riot.errors import UnsupportedModelError
from msf_riot.importer.draft import Draft, Quantized, Target, quantize
from msf_riot.importer.place import Place
from msf_riot.importer.values import FloatArray, Leaf, Real
from msf_riot.importer.view import View, make_view
from msf_riot.importer.window import MAX_WINDOW
from msf_riot.ir import (
    BILINEAR_BITS,
    Concat,
    DepthToSpace,
    Gather,
    GatherChannels,
    Maximum,
    Minimum,
    Pad,
    Padding,
    Quantization,
    ResizeBilinear,
    SpaceToDepth,
)

Emit = Callable[[Target, list[Quantized]], Quantized]

MOST_CHANNELS = (1 << 15) - 1
"""That GatherChannels can count."""


@dataclass(frozen=True, eq=False)
class Movement(Real):
    """`emit` adds the operator for inputs that have the quantization of the target.

    `clamps` says that the operator itself can limit its output; `constant` is a real value that it puts in.
    """

    sources: tuple[Real, ...]
    emit: Emit
    draft: Draft
    clamps: bool = False
    constant: float | None = None

    def quantize(self, target: Target) -> Quantized:
        """Inputs first, each in the quantization of the target."""
        inner = target.inner("in")
        if not self.clamps:
            inner = dataclasses.replace(inner, low=target.low, high=target.high)
        result = self.emit(target, [source.quantize(inner) for source in self.sources])
        return dataclasses.replace(result, view=self.view)

    def leaf(self, draft: Draft) -> Leaf:
        """Exact where all inputs share a quantization that also holds the constant."""
        leaves = [source.leaf(draft) for source in self.sources]
        first = leaves[0].source
        if any(leaf.source.quantization != first.quantization for leaf in leaves):
            return super().leaf(draft)
        if self.constant is not None and not _holds(first.quantization, self.constant):
            return super().leaf(draft)
        target = Target(draft, f"{self.place.result}_int8", first.quantization, first.element, origin=False)
        result = draft.once(self, first.quantization, lambda: self.emit(target, [leaf.source for leaf in leaves]))
        return Leaf(self.place, self.view, dataclasses.replace(result, view=self.view))

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """A table behind it."""
        return self.leaf(self.draft).mapped(place, function)


def pad(place: Place, view: View, real: Real, padding: Padding, value: float, draft: Draft) -> Movement:
    """The real `value` around rows and columns; `tidy` folds it into a window behind it."""

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        code = int(np.clip(quantize(value, target.quantization), target.low, target.high))
        return target.emit(place, Pad, sources, view, padding=padding, value=code, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft, constant=value)


def concat(place: Place, view: View, sources: tuple[Real, ...], draft: Draft, axis: Literal[0, 1, 2] = 2) -> Movement:
    """Joined along rows (0), columns (1) or channels."""

    def emit(target: Target, parts: list[Quantized]) -> Quantized:
        return target.emit(place, Concat, parts, view, axis=axis, low=-128, high=127)

    return Movement(place, view, sources, emit, draft)


def gather(place: Place, view: View, real: Real, rows: Sequence[int], columns: Sequence[int], draft: Draft) -> Movement:
    """For each row and column of the output the one of the input that it is."""

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        places = {"rows": tuple(rows), "columns": tuple(columns)}
        return target.emit(place, Gather, sources, view, **places, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft)


def gather_channels(
    place: Place, view: View, real: Real, channels: Sequence[int], draft: Draft, value: float | None = None
) -> Movement:
    """For each channel of the output the one of the input that it is; the real `value` where it is -1."""
    if max(len(channels), *channels) > MOST_CHANNELS:
        raise place.unsupported(f"moves {len(channels)} channels; at most {MOST_CHANNELS} are supported")

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        code = 0 if value is None else int(np.clip(quantize(value, target.quantization), target.low, target.high))
        chosen = {"channels": tuple(int(c) for c in channels), "value": code}
        return target.emit(place, GatherChannels, sources, view, **chosen, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft, constant=value)


def depth_to_space(
    place: Place, view: View, real: Real, block: int, steps: tuple[int, int, int], draft: Draft
) -> Movement:
    """`ir.DepthToSpace`."""
    if not 1 <= block <= MAX_WINDOW:
        raise place.unsupported(f"its block size is {block}; 1 to {MAX_WINDOW} are supported")

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(place, DepthToSpace, sources, view, block=block, steps=steps, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft)


def space_to_depth(place: Place, view: View, real: Real, block: int, draft: Draft) -> Movement:
    """`ir.SpaceToDepth`."""
    if not 1 <= block <= MAX_WINDOW:
        raise place.unsupported(f"its block size is {block}; 1 to {MAX_WINDOW} are supported")

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(place, SpaceToDepth, sources, view, block=block, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft)


def extreme(place: Place, view: View, sources: tuple[Real, Real], largest: bool, draft: Draft) -> Movement:
    """The larger or the smaller of two."""
    kind = Maximum if largest else Minimum

    def emit(target: Target, pair: list[Quantized]) -> Quantized:
        return target.emit(place, kind, [spread(place, each, view, target) for each in pair], view)

    return Movement(place, view, sources, emit, draft, clamps=True)


@dataclass(frozen=True, eq=False)
class Interpolation(Movement):
    """Rounding and interpolating do not change places: it is done in the input's own quantization."""

    def quantize(self, target: Target) -> Quantized:
        """A table behind it where the quantization changes."""
        try:
            given = self.sources[0].leaf(self.draft).source.quantization
        except UnsupportedModelError:
            given = target.quantization
        return super().quantize(target) if given == target.quantization else self.leaf(self.draft).quantize(target)


def bilinear(
    place: Place,
    view: View,
    real: Real,
    steps: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    draft: Draft,
    rounding: Literal["even", "away", "zero"],
    center: int | None = None,
) -> Interpolation:
    """Each output row and column lies at one of the input, counted in steps of 2^-BILINEAR_BITS from the first on."""
    (rows, row_weights), (columns, column_weights) = (
        (tuple((each >> BILINEAR_BITS).tolist()), tuple((each % (1 << BILINEAR_BITS)).tolist())) for each in steps
    )

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(
            place,
            ResizeBilinear,
            sources,
            view,
            rows=rows,
            row_weights=row_weights,
            columns=columns,
            column_weights=column_weights,
            center=target.quantization.zero_point if center is None else center,
            rounding=rounding,
        )

    return Interpolation(place, view, (real,), emit, draft, clamps=True)


def spread(place: Place, source: Quantized, view: View, target: Target) -> Quantized:
    """An activation repeated along rows, columns or channels of which it has one, to the size of the view."""
    height, width, channels = source.view.hwc
    wanted = view.hwc
    if source.view.hwc == wanted:
        return source
    inner = target.inner("spread", source.quantization)
    if channels != wanted[2]:
        middle = make_view(place, [[("H", height)], [("W", width)], [("C", wanted[2])]])
        repeated = {"channels": (0,) * wanted[2], "value": 0}
        source = inner.emit(place, GatherChannels, [source], middle, **repeated)
        return spread(place, source, view, target)
    rows = tuple(range(height)) if height == wanted[0] else (0,) * wanted[0]
    columns = tuple(range(width)) if width == wanted[1] else (0,) * wanted[1]
    return inner.emit(place, Gather, [source], view, rows=rows, columns=columns)


def _holds(quantization: Quantization, real: float) -> bool:
    """Whether the real value is exactly one of the quantization's."""
    code = int(quantize(real, quantization))
    return abs(quantization.scale * (code - quantization.zero_point) - real) <= 1e-4 * quantization.scale
