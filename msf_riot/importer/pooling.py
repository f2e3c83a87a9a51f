"""The largest element or the mean of each window."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Draft, Quantized, Target
from msf_riot.importer.movement import Movement
from msf_riot.importer.place import Place
from msf_riot.importer.requantize import requantization, to_even
from msf_riot.importer.values import Leaf, Real
from msf_riot.importer.view import View
from msf_riot.importer.window import Window
from msf_riot.ir import AveragePool2D, GlobalAveragePool, MaxPool2D, Padding

MAX_TAPS = 1 << 16
MISSES_INPUT = "pads as wide as the kernel leave windows without any input"


def max_pool(place: Place, real: Real, window: Window, output: View, draft: Draft) -> Movement:
    """The largest element of each window; the input takes the quantization of the output.

    Raises UnsupportedModelError where a window may hold nothing but padding, or is beyond what the kernels count.
    """
    if window.may_miss_input:
        raise place.unsupported(MISSES_INPUT)
    window.check(place)

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(
            place,
            MaxPool2D,
            sources,
            output,
            kernel=window.kernel,
            stride=window.stride,
            dilation=window.dilation,
            padding=window.padding,
        )

    return Movement(place, output, (real,), emit, draft, clamps=True)


def average_pool(
    place: Place, leaf: Leaf, window: Window, output: View, counts_padding: bool = False, times: int = 1
) -> Average:
    """The mean of each window, `times` a number; `counts_padding` where padding counts as elements that are 0.

    Raises UnsupportedModelError where a window may hold nothing but padding, or more than an accumulator can.
    """
    size = window.kernel[0] * window.kernel[1]
    whole = window.kernel == leaf.view.hwc[:2] and window.padding == Padding()
    if 255 * size >= 1 << 31 or (size > MAX_TAPS and not whole):
        raise place.unsupported(f"its kernel of {window.kernel[0]} x {window.kernel[1]} is too large")
    if not whole and not counts_padding and window.may_miss_input:
        raise place.unsupported(MISSES_INPUT)
    if not whole:
        window.check(place)
    return Average(place, output, leaf, window, counts_padding, whole, times)


@dataclass(frozen=True, eq=False)
class Average(Real):
    """Means of windows."""

    source: Leaf
    window: Window
    counts_padding: bool
    whole: bool
    times: int = 1

    def quantize(self, target: Target) -> Quantized:
        """One GlobalAveragePool or AveragePool2D."""
        source = self.source.source
        scale = self.times * source.quantization.scale / target.quantization.scale
        taps = math.prod(self.window.kernel)
        if self.whole:
            multiplier, shift = requantization(scale / taps)
            fields = {"multiplier": multiplier, "shift": shift, "rounding": to_even(multiplier, shift, 255 * taps)}
            return target.emit(self.place, GlobalAveragePool, [source], self.view, **fields)
        pairs = [(0, 1), *(requantization(scale / n) for n in range(1, taps + 1))]
        roundings = {to_even(*pair, 255 * n, target.quantization.zero_point) for n, pair in enumerate(pairs)}
        return target.emit(
            self.place,
            AveragePool2D,
            [source],
            self.view,
            kernel=self.window.kernel,
            multiplier=np.array([m for m, _ in pairs], np.int32),
            shift=np.array([s for _, s in pairs], np.int32),
            stride=self.window.stride,
            padding=self.window.padding,
            count_include_pad=self.counts_padding,
            rounding=max(roundings, key=("once", "even", "odd").index),
        )
