"""Arithmetic on activations: a factor and an offset for each channel, sums and products of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.input_layout import LayoutFound, bind, number_of, usual_layout
from msf_riot.importer.movement import spread
from msf_riot.importer.place import Place
from msf_riot.importer.requantize import addition, affine, requantization, to_even
from msf_riot.importer.sums import single_rounding, tables
from msf_riot.importer.values import Array, Leaf, Real
from msf_riot.importer.view import View, make_view
from msf_riot.ir import Add, ChannelAffine, Mul, Quantization, TableAdd

Int64Array: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Affine(Real):
    """factor[c] * activation + offset[c]."""

    source: Leaf
    factor: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    def scaled(self, place: Place, factor: Array, offset: Array) -> Real:
        """One more step of the same."""
        return Affine(place, self.view, self.source, self.factor * factor, self.offset * factor + offset)

    def quantize(self, target: Target) -> Quantized:
        """One ChannelAffine."""
        source = self.source.source
        channels = self.view.hwc[2]
        factors = np.broadcast_to(self.factor * source.quantization.scale / target.quantization.scale, (channels,))
        offsets = np.broadcast_to(self.offset / target.quantization.scale, (channels,))
        found = np.array([affine(float(f), float(o)) for f, o in zip(factors, offsets, strict=True)], np.int32)
        multiplier, offset, shift = (np.ascontiguousarray(found[:, i]) for i in range(3))
        return target.emit(
            self.place, ChannelAffine, [source], self.view, multiplier=multiplier, offset=offset, shift=shift
        )


@dataclass(frozen=True, eq=False)
class Sum(Real):
    """Two activations added, or the second taken from the first."""

    first: Leaf
    second: Leaf
    subtracts: bool = False

    def quantize(self, target: Target) -> Quantized:
        """One Add, or one TableAdd where that alone gives what ONNX Runtime's kernel does."""
        a, b = (spread(self.place, leaf.source, self.view, target) for leaf in (self.first, self.second))
        given, wanted = (a.quantization, b.quantization), target.quantization
        outputs = np.clip(_runtime_sum(*given, wanted, self.subtracts), target.low, target.high)
        factors = given[0].scale / wanted.scale, (-1 if self.subtracts else 1) * given[1].scale / wanted.scale
        zeros = given[0].zero_point, given[1].zero_point
        limits = wanted.zero_point, target.low, target.high
        simple = single_rounding(outputs, factors, zeros, *limits)
        if simple is not None:
            return target.emit(self.place, Add, [a, b], self.view, multipliers=simple[0], shift=simple[1])
        addends = [
            np.rint((np.arange(-128, 128) - zero) * factor * (1 << _BITS)).astype(np.int64)
            for zero, factor in zip(zeros, factors, strict=True)
        ]
        found = None
        if max(map(abs, factors)) < _MOST:
            found = tables(outputs, (addends[0], addends[1]), 2.0**-_BITS, *limits)
        if found is not None:
            entries, shift = found
            fields = {"first": entries[0], "second": entries[1], "multiplier": 0, "shift": shift}
            return target.emit(self.place, TableAdd, [a, b], self.view, **fields)
        scales = [value.quantization.scale / target.quantization.scale for value in (a, b)]
        (one, other), shift = addition(*scales)
        multipliers = one, -other if self.subtracts else other
        return target.emit(self.place, Add, [a, b], self.view, multipliers=multipliers, shift=shift)


_BITS = 20
_MOST = 64.0
"""Fractional bits of an addend in steps of the output, and the largest factor for which they are tried."""


def _runtime_sum(a: Quantization, b: Quantization, y: Quantization, subtracts: bool) -> Int64Array:
    """What ONNX Runtime gives for each pair of inputs + 128 [256, 256], not limited to int8.

    Sums as its quantized kernel computes them (MlasQLinearAdd): in float32, each product added without rounding in
    between, half to even. Differences are computed in float32 between the quantizers.
    """
    codes = np.arange(-128, 128).astype(np.float32)
    with np.errstate(all="ignore"):
        if subtracts:
            first, second = ((codes - np.float32(q.zero_point)) * np.float32(q.scale) for q in (a, b))
            real = (first[:, None] - second[None, :]) / np.float32(y.scale)
            result = np.rint(real).astype(np.float64) + y.zero_point
        else:
            one, other = (np.float32(q.scale) / np.float32(y.scale) for q in (a, b))
            offset = np.float32(y.zero_point) - (one * np.float32(a.zero_point) + other * np.float32(b.zero_point))
            inner = (codes.astype(np.float64) * float(other) + float(offset)).astype(np.float32)
            outer = codes.astype(np.float64)[:, None] * float(one) + inner.astype(np.float64)[None, :]
            result = np.rint(outer.astype(np.float32)).astype(np.float64)
    return np.clip(np.nan_to_num(result), -(1 << 20), 1 << 20).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Product(Real):
    """Two activations multiplied; one may hold one factor a channel."""

    first: Leaf
    second: Leaf

    def quantize(self, target: Target) -> Quantized:
        """One Mul, the smaller operand second."""
        a, b = self.first.source, self.second.source
        if math.prod(a.view.hwc) < math.prod(b.view.hwc):
            a, b = b, a
        a = spread(self.place, a, self.view, target)
        if b.view.hwc != (1, 1, self.view.hwc[2]):
            b = spread(self.place, b, self.view, target)
        real = a.quantization.scale * b.quantization.scale / target.quantization.scale
        multiplier, shift = requantization(real)
        rounding = to_even(multiplier, shift, 255 * 255, target.quantization.zero_point)
        fields = {"multiplier": multiplier, "shift": shift, "rounding": rounding}
        return target.emit(self.place, Mul, [a, b], self.view, **fields)


def broadcast(place: Place, a: View, b: View) -> View:
    """The view of a result of two activations; raises where they lie differently."""
    _lay_out(place, a, b)
    rank = max(len(a.shape), len(b.shape))
    shapes = [(1,) * (rank - len(v.shape)) + v.shape for v in (a, b)]
    dims = [((),) * (rank - len(v.dims)) + v.dims for v in (a, b)]
    if any(p != q and 1 not in (p, q) for p, q in zip(*shapes, strict=True)):
        raise place.unsupported(f"inputs of {list(a.shape)} and {list(b.shape)} do not broadcast")
    if any(p and q and p != q for p, q in zip(*dims, strict=True)):
        raise place.unsupported("its inputs are laid out differently in memory")
    merged = tuple(p or q for p, q in zip(*dims, strict=True))
    names = [axis.name for dim in merged for axis in dim]
    if len(set(names)) < len(names):
        raise place.unsupported("its inputs are laid out differently in memory")
    return make_view(place, merged)


def _lay_out(place: Place, a: View, b: View) -> None:
    """Where one of them is an input that nothing has laid out yet, it lies as the other; where both are, as usual."""
    if a.flat == b.flat or (a.bound and b.bound):
        return
    if not a.bound and not b.bound:
        raise LayoutFound(number_of(a), usual_layout(a), certain=False)
    known, unknown = (a, b) if a.bound else (b, a)
    letters = [known.names(i) if len(known.dims[i]) == 1 else "N" for i in range(len(known.dims))]
    letters = ["N"] * (len(unknown.dims) - len(letters)) + letters[-len(unknown.dims) :]
    bind(place, unknown, letters)
