"""Operators that move values without computing any: MaxPool, Pad, Concat, Resize.

Rounding to a quantization and moving may change places, so their inputs take the quantization of their output.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Draft, Quantized, Target, quantize
from msf_riot.importer.place import Place
from msf_riot.importer.values import FloatArray, Leaf, Real
from msf_riot.importer.view import View
from msf_riot.ir import Concat, Gather, Pad, Padding, Quantization

Emit = Callable[[Target, list[Quantized]], Quantized]


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


def concat(place: Place, view: View, sources: tuple[Real, ...], draft: Draft) -> Movement:
    """Joined along the channels."""

    def emit(target: Target, parts: list[Quantized]) -> Quantized:
        return target.emit(place, Concat, parts, view, low=-128, high=127)

    return Movement(place, view, sources, emit, draft)


def resize(
    place: Place, view: View, real: Real, rows: tuple[int, ...], columns: tuple[int, ...], draft: Draft
) -> Movement:
    """For each row and column of the output the one of the input that it is."""

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(place, Gather, sources, view, rows=rows, columns=columns, low=-128, high=127)

    return Movement(place, view, (real,), emit, draft)


def _holds(quantization: Quantization, real: float) -> bool:
    """Whether the real value is exactly one of the quantization's."""
    code = int(quantize(real, quantization))
    return abs(quantization.scale * (code - quantization.zero_point) - real) <= 1e-4 * quantization.scale
