"""Arithmetic on activations: a factor and an offset for each channel, sums and products of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.input_layout import LayoutFound, bind, usual_layout
from msf_riot.importer.movement import spread
from msf_riot.importer.place import Place
from msf_riot.importer.requantize import addition, affine, requantization
from msf_riot.importer.values import Array, Leaf, Real
from msf_riot.importer.view import View, make_view
from msf_riot.ir import Add, ChannelAffine, Mul


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
        """One Add."""
        a, b = (spread(self.place, leaf.source, self.view, target) for leaf in (self.first, self.second))
        scales = [value.quantization.scale / target.quantization.scale for value in (a, b)]
        (one, other), shift = addition(*scales)
        multipliers = one, -other if self.subtracts else other
        return target.emit(self.place, Add, [a, b], self.view, multipliers=multipliers, shift=shift)


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
        return target.emit(self.place, Mul, [a, b], self.view, multiplier=multiplier, shift=shift)


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
        number = int(a.flat[0].name.split(".")[0])
        raise LayoutFound(number, usual_layout(a), certain=False)
    known, unknown = (a, b) if a.bound else (b, a)
    letters = [known.names(i) if len(known.dims[i]) == 1 else "N" for i in range(len(known.dims))]
    letters = ["N"] * (len(unknown.dims) - len(letters)) + letters[-len(unknown.dims) :]
    bind(place, unknown, letters)
