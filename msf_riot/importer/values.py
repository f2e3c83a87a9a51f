"""What a name in the file stands for while the Graph is drafted: a constant, a quantized activation, or a real one.

A *real* value is an activation in float that is never computed: it remembers what it is made of, and where the file
says how its result is quantized, it emits integer operators (`Real.quantize`). A format whose activations are all
quantized makes one for each operator and quantizes it at once; between ONNX's DequantizeLinear and QuantizeLinear
several stand in a row, and this is the whole matching of QDQ.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.errors import UnsupportedModelError
from msf_riot.importer.draft import Draft, Quantized, Target, quantize
from msf_riot.importer.place import Place
from msf_riot.importer.view import View
from msf_riot.ir import ChannelLookup, Lookup

Array: TypeAlias = npt.NDArray[Any]
FloatArray: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Codes:
    """Integers behind a constant; scale and zero point are broadcast to the shape of the integers."""

    integers: Array
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Constant:
    """A value known now; `codes` where it came through DequantizeLinear."""

    array: Array
    codes: Codes | None = None

    def moved(self, move: Callable[[Array], Array]) -> Constant:
        """The same after something that only moves data."""
        codes = self.codes
        if codes is not None:
            codes = Codes(move(codes.integers), move(codes.scale), move(codes.zero_point))
        return Constant(move(self.array), codes)


@dataclass(frozen=True, eq=False)
class Real:
    """A float activation that was never computed; `place` is what would compute it."""

    place: Place
    view: View

    def quantize(self, target: Target) -> Quantized:
        """Emits what computes `target` from the activations below."""
        raise self.place.unsupported("float in the middle: no QuantizeLinear follows it directly")

    def leaf(self, draft: Draft) -> Leaf:
        """This value as an activation, where it is exactly one. Raises UnsupportedModelError elsewhere."""
        raise self.place.unsupported(
            "float in the middle: its result is used in float; put QuantizeLinear and DequantizeLinear behind it"
        )

    def scaled(self, place: Place, factor: Array, offset: Array) -> Real:
        """factor * self + offset, [channels] each. Raises UnsupportedModelError where a quantizer is needed before."""
        raise self._unquantized_before(place)

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """function(self), element by element."""
        raise self._unquantized_before(place)

    def extent(self) -> tuple[float, float] | None:
        """The least and the largest value that it can be, where what is below tells."""
        return None

    def _unquantized_before(self, place: Place) -> UnsupportedModelError:
        follows = f"{place.operator} '{place.name}' follows"
        return self.place.unsupported(f"float in the middle: {follows} without a quantizer")

    def viewed(self, place: Place, view: View) -> Real:
        """The same elements seen through another view."""
        return dataclasses.replace(self, view=view)

    def limited(self, place: Place, low: float, high: float) -> Real:
        """Clamped to real values."""
        return Clamped(place, self.view, self, low, high)


@dataclass(frozen=True, eq=False)
class Leaf(Real):
    """A dequantized activation."""

    source: Quantized

    def quantize(self, target: Target) -> Quantized:
        """The activation itself where the quantization stays; otherwise a table."""
        if self.source.quantization == target.quantization and not target.clamps:
            return dataclasses.replace(self.source, view=self.view, element=target.element)
        return self.table.quantize(target)

    def leaf(self, draft: Draft) -> Leaf:
        """Itself."""
        return self

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """A table."""
        return self.table.mapped(place, function)

    @property
    def table(self) -> Mapped:
        """The activation as a function of itself."""
        given = self.source.quantization
        steps = np.arange(-128, 128, dtype=np.int32) - np.int32(given.zero_point)
        return Mapped(self.place, self.view, self, steps.astype(np.float32) * np.float32(given.scale))

    @property
    def activation(self) -> Quantized:
        """The activation as this view sees it."""
        return dataclasses.replace(self.source, view=self.view)


@dataclass(frozen=True, eq=False)
class Mapped(Real):
    """A function of one activation, element by element; `values` float32 [256] holds it for codes -128 to 127."""

    source: Leaf
    values: FloatArray

    def quantize(self, target: Target) -> Quantized:
        """One Lookup, computed in float32 as ONNX Runtime does."""
        if np.isnan(self.values).any():
            raise self.place.unsupported("gives NaN for some inputs")
        codes = np.clip(quantize(self.values, target.quantization), target.low, target.high)
        table = codes.astype(np.int8)
        identity = np.array_equal(table, np.arange(-128, 128))
        if identity and self.source.source.quantization == target.quantization:
            return dataclasses.replace(self.source.source, view=self.view, element=target.element)
        return target.emit(self.place, Lookup, [self.source.source], self.view, table=table, low=-128, high=127)

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """Another step of the same table."""
        with np.errstate(all="ignore"):
            return Mapped(place, self.view, self.source, np.asarray(function(self.values), np.float32))

    def extent(self) -> tuple[float, float] | None:
        """Of the table."""
        return _extent(self.values)


def _extent(values: FloatArray) -> tuple[float, float] | None:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size == values.size else None


@dataclass(frozen=True, eq=False)
class ChannelMapped(Real):
    """A function of one activation for each channel; `values` float32 [channels, 256], for codes -128 to 127."""

    source: Leaf
    values: FloatArray

    def quantize(self, target: Target) -> Quantized:
        """One ChannelLookup, or a Lookup where all channels have the same table."""
        if np.isnan(self.values).any():
            raise self.place.unsupported("gives NaN for some inputs")
        codes = np.clip(quantize(self.values, target.quantization), target.low, target.high)
        table = codes.astype(np.int8)
        limits = {"low": -128, "high": 127}
        if (table == table[0]).all():
            return target.emit(self.place, Lookup, [self.source.source], self.view, table=table[0].copy(), **limits)
        return target.emit(self.place, ChannelLookup, [self.source.source], self.view, table=table, **limits)

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """Another step of the same tables."""
        with np.errstate(all="ignore"):
            return ChannelMapped(place, self.view, self.source, np.asarray(function(self.values), np.float32))

    def scaled(self, place: Place, factor: Array, offset: Array) -> Real:
        """Another step of the same tables."""
        steps = (each.astype(np.float32).reshape(-1, 1) for each in (factor, offset))
        one, other = steps
        return ChannelMapped(place, self.view, self.source, self.values * one + other)

    def extent(self) -> tuple[float, float] | None:
        """Of the tables."""
        return _extent(self.values)


@dataclass(frozen=True, eq=False)
class Clamped(Real):
    """A real value limited to [low, high]."""

    source: Real
    low: float
    high: float

    def quantize(self, target: Target) -> Quantized:
        """The clamp goes into the operator below."""
        inner = self.source.viewed(self.place, self.view)
        return inner.quantize(target.clamped(self.low, self.high))

    def leaf(self, draft: Draft) -> Leaf:
        """A clamp at values that the quantization of the activation below holds exactly is an activation."""
        inner = self.source.leaf(draft)
        quantization = inner.source.quantization
        target = Target(draft, f"{self.place.name}_clamp", quantization, inner.source.element, origin=False)
        limits = [v for v in (self.low, self.high) if math.isfinite(v)]
        codes = [v / quantization.scale + quantization.zero_point for v in limits]
        if any(-128 < code < 127 and abs(code - round(code)) > 1e-5 for code in codes):
            return super().leaf(draft)
        result = Clamped(self.place, self.view, inner, self.low, self.high).quantize(target)
        return Leaf(self.place, self.view, result)

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """Part of a table where an activation is below."""
        low, high = np.float32(self.low), np.float32(self.high)
        inner = self.source.mapped(self.place, lambda x: np.clip(x, low, high)).viewed(self.place, self.view)
        return inner.mapped(place, function)

    def extent(self) -> tuple[float, float] | None:
        """That of what is below, clamped."""
        found = self.source.extent()
        return found and (min(max(found[0], self.low), self.high), max(min(found[1], self.high), self.low))


Value: TypeAlias = Constant | Quantized | Real


def real_of(place: Place, value: Value | None) -> Real:
    """The value as a real one; an integer activation is read through its own quantization."""
    match value:
        case Real():
            return value
        case Quantized():
            return Leaf(place, value.view, value)
        case _:
            raise place.unsupported("an input that must be an activation is a constant or absent")


def step_value(given: Value | None, code: float) -> float:
    """What a number beside an integer activation stands for: it counts in steps of the activation."""
    if not isinstance(given, Quantized):
        return code
    shift = 128 if given.element == "uint8" else 0
    return (code - shift - given.quantization.zero_point) * given.quantization.scale


def constant_of(place: Place, value: Value | None, what: str) -> Constant:
    """The value as a constant."""
    if not isinstance(value, Constant):
        raise place.unsupported(f"its {what} must be constant")
    return value
