"""MaxPool, AveragePool, their global forms, and ReduceMean over space."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from msf_riot.importer.movement import Movement
from msf_riot.importer.operators.layout import axes_of, normalized
from msf_riot.importer.reading import Node
from msf_riot.importer.registry import Inputs, reads
from msf_riot.importer.requantize import requantization
from msf_riot.importer.values import Draft, Leaf, Quantized, Real, Target, Value, View, bind, make_view, real_of
from msf_riot.importer.window import Window, spatial, window
from msf_riot.ir import AveragePool2D, GlobalAveragePool, MaxPool2D, Padding

MAX_TAPS = 1 << 16


@reads("MaxPool")
def max_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Moves data: the input takes the quantization of the output."""
    if node.integer("storage_order", 0):
        raise node.unsupported("storage_order is not supported")
    real = real_of(node, inputs[0])
    view, found = window(node, real.view, node.integers("kernel_shape") or ())
    return _max(node, real, view, found, draft)


@reads("GlobalMaxPool")
def global_max_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """A MaxPool whose kernel is the image."""
    real = real_of(node, inputs[0])
    view, letters = spatial(node, real.view)
    size = view.hwc[:2]
    return _max(node, real, view, Window(letters, size, (1, 1), (1, 1), Padding(), (1, 1)), draft)


def _max(node: Node, real: Real, view: View, found: Window, draft: Draft) -> Real:
    for kernel, low, high in (
        (found.kernel[0], found.padding.top, found.padding.bottom),
        (found.kernel[1], found.padding.left, found.padding.right),
    ):
        if max(low, high) >= kernel and max(low, high) > 0:
            raise node.unsupported("pads as wide as the kernel leave windows without any input")
    found.check(node)
    output = found.view(node, view.hwc[2])

    def emit(target: Target, sources: list[Quantized]) -> Quantized:
        return target.emit(
            node,
            MaxPool2D,
            sources,
            output,
            kernel=found.kernel,
            stride=found.stride,
            dilation=found.dilation,
            padding=found.padding,
        )

    return Movement(node, output, (real,), emit, draft, clamps=True)


@reads("AveragePool")
def average_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """With a kernel over the whole image it is GlobalAveragePool."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    view, found = window(node, leaf.view, node.integers("kernel_shape") or ())
    if found.dilation != (1, 1):
        raise node.unsupported("dilations are not supported")
    counts_padding = node.integer("count_include_pad", 0) != 0
    if counts_padding and node.integer("ceil_mode", 0):
        plain = dataclasses.replace(node, attributes={**node.attributes, "ceil_mode": 0})
        if window(plain, leaf.view, node.integers("kernel_shape") or ())[1].output != found.output:
            raise node.unsupported("ceil_mode with count_include_pad is not supported")
    return _average(node, leaf, view, found, counts_padding)


@reads("GlobalAveragePool")
def global_average_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """The mean of each channel."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    view, letters = spatial(node, leaf.view)
    found = Window(letters, view.hwc[:2], (1, 1), (1, 1), Padding(), (1, 1))
    return _average(node, leaf, view, found, False)


@reads("ReduceMean")
def reduce_mean(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Over rows, columns or both."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    rank = len(leaf.view.shape)
    given = axes_of(node, inputs, None)
    if not given and node.integer("noop_with_empty_axes", 0):
        return leaf
    axes = normalized(node, given or tuple(range(rank)), rank)
    view = bind(node, leaf.view, _letters(leaf.view, axes))
    names = "".join(view.names(axis) for axis in axes)
    if "C" in names:
        raise node.unsupported("averages over the channels; only rows and columns are supported")
    height, width, _ = view.hwc
    kernel = (height if "H" in names else 1, width if "W" in names else 1)
    dims = [() if i in axes else dim for i, dim in enumerate(view.dims)]
    if not node.integer("keepdims", 1):
        dims = [dim for i, dim in enumerate(dims) if i not in axes]
    output = (height // kernel[0], width // kernel[1])
    found = Window((), kernel, kernel, (1, 1), Padding(), output)
    return dataclasses.replace(_average(node, leaf, view, found, False, make_view(node, dims)))


def _letters(view: View, axes: tuple[int, ...]) -> tuple[str, ...]:
    """How an input not laid out yet is taken: averaged axes are rows and columns, another one is the channels."""
    kept = [i for i, dim in enumerate(view.dims) if dim and i not in axes]
    channel = kept[-1] if kept and kept[-1] == len(view.shape) - 1 else kept[0] if kept else -1
    others = iter("HW")
    return tuple("C" if i == channel else next(others, "N") if dim else "N" for i, dim in enumerate(view.dims))


def _average(
    node: Node, leaf: Leaf, view: View, found: Window, counts_padding: bool, output: View | None = None
) -> Average:
    size = found.kernel[0] * found.kernel[1]
    whole = found.kernel == view.hwc[:2] and found.padding == Padding()
    if 255 * size >= 1 << 31 or (size > MAX_TAPS and not whole):
        raise node.unsupported(f"its kernel of {found.kernel[0]} x {found.kernel[1]} is too large")
    if not whole and not counts_padding and _misses_input(found, view):
        raise node.unsupported("pads as wide as the kernel leave windows without any input")
    if not whole:
        found.check(node)
    output = output or found.view(node, view.hwc[2])
    return Average(node, output, leaf, found, counts_padding, whole)


def _misses_input(found: Window, view: View) -> bool:
    padding = found.padding
    return (max(padding.top, padding.bottom) >= found.kernel[0] > 0 and max(padding.top, padding.bottom) > 0) or (
        max(padding.left, padding.right) >= found.kernel[1] > 0 and max(padding.left, padding.right) > 0
    )


@dataclass(frozen=True, eq=False)
class Average(Real):
    """Means of windows."""

    source: Leaf
    window: Window
    counts_padding: bool
    whole: bool

    def quantize(self, target: Target) -> Quantized:
        """One GlobalAveragePool or AveragePool2D."""
        source = self.source.source
        scale = source.quantization.scale / target.quantization.scale
        taps = math.prod(self.window.kernel)
        if self.whole:
            multiplier, shift = requantization(scale / taps)
            return target.emit(self.node, GlobalAveragePool, [source], self.view, multiplier=multiplier, shift=shift)
        pairs = [(0, 1), *(requantization(scale / n) for n in range(1, taps + 1))]
        return target.emit(
            self.node,
            AveragePool2D,
            [source],
            self.view,
            kernel=self.window.kernel,
            multiplier=np.array([m for m, _ in pairs], np.int32),
            shift=np.array([s for _, s in pairs], np.int32),
            stride=self.window.stride,
            padding=self.window.padding,
            count_include_pad=self.counts_padding,
        )
