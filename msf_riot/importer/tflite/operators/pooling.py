"""Pools; mean, sum and maximum over rows and columns; ARG_MAX."""

from __future__ import annotations

import dataclasses

import numpy as np

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.requantize import requantization
from msf_riot.importer.tflite.fixed_point import quantized_multiplier
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.tflite.windows import image, image_view, window
from msf_riot.importer.view import View, make_view, regrouped
from msf_riot.importer.window import Window
from msf_riot.ir import ArgMax, AveragePool2D, GlobalAveragePool, MaxPool2D, Padding, Quantization

MAX_TAPS = 1 << 16


@reads("MAX_POOL_2D")
def max_pool(operation: Operation, reading: Import) -> Value:
    """The largest element of each window."""
    source = reading.activation(operation, 0)
    view, found = _window(operation, source)
    return reading.target(operation).emit(
        operation,
        MaxPool2D,
        [source],
        image_view(operation, *found.output, view.hwc[2]),
        kernel=found.kernel,
        stride=found.stride,
        padding=found.padding,
    )


@reads("AVERAGE_POOL_2D")
def average_pool(operation: Operation, reading: Import) -> Value:
    """The mean of the elements that lie in the input: of the integers in the file, half rounded away from zero."""
    source = reading.activation(operation, 0)
    view, found = _window(operation, source)
    target = reading.target(operation)
    center = 0 if source.element == "int8" else -128  # where the file's 0 is
    taps = found.kernel[0] * found.kernel[1]
    pairs = [(0, 1), *(mean(n) for n in range(1, taps + 1))]
    return _average(
        operation, target, source, image_view(operation, *found.output, view.hwc[2]), found, pairs, "once", center
    )


def mean(count: int) -> tuple[int, int]:
    """(multiplier, shift) of 1 / count and a little more: half away from zero then comes of rounding half up."""
    shift = 29 + count.bit_length()
    multiplier = (1 << shift) // count + 1
    return multiplier, shift


def _window(operation: Operation, source: Quantized) -> tuple[View, Window]:
    view = image(operation, source)
    kernel = (operation.option("FilterHeight", 1), operation.option("FilterWidth", 1))
    found = window(operation, view, kernel)
    if found.may_miss_input or kernel[0] * kernel[1] > MAX_TAPS:
        raise operation.unsupported(f"its kernel of {kernel[0]} x {kernel[1]} is too large")
    return view, found


def _average(
    operation: Operation,
    target: Target,
    source: Quantized,
    result: View,
    found: Window,
    pairs: list[tuple[int, int]],
    rounding: str,
    center: int | None,
) -> Quantized:
    """One AveragePool2D, or GlobalAveragePool where the window is the whole input."""
    if found.kernel == source.view.hwc[:2] and found.padding == Padding():
        multiplier, shift = pairs[-1]
        return target.emit(
            operation,
            GlobalAveragePool,
            [source],
            result,
            multiplier=multiplier,
            shift=shift,
            rounding=rounding,
            center=center,
        )
    return target.emit(
        operation,
        AveragePool2D,
        [source],
        result,
        kernel=found.kernel,
        multiplier=np.array([m for m, _ in pairs], np.int32),
        shift=np.array([s for _, s in pairs], np.int32),
        stride=found.stride,
        padding=found.padding,
        rounding=rounding,
        center=center,
    )


@reads("ARG_MAX")
def arg_max(operation: Operation, reading: Import) -> Value:
    """The number of the largest channel, of several the first."""
    source = reading.activation(operation, 0)
    view, rank = source.view, len(source.view.shape)
    (axis,) = reading.integers(operation, 1, "axis") or (rank,)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank or view.names(axis) not in ("", "C") or view.hwc[2] != view.shape[axis]:
        raise operation.unsupported("runs over rows or columns; only over the channels is supported")
    if view.hwc[2] > 256:
        raise operation.unsupported(f"runs over {view.hwc[2]} channels; at most 256 are supported")
    tensor = reading.output(operation)
    if operation.outputs[0] not in reading.model.outputs or tensor.type not in ("int32", "int64"):
        raise operation.unsupported("is supported as the last operator only")
    dims = [[(a.name, a.size) for a in dim] for i, dim in enumerate(view.dims) if i != axis]
    target = Target(reading.draft, tensor.name, Quantization(1.0, -128), origin=False)
    found = target.emit(operation, ArgMax, [source], make_view(operation, dims))
    return dataclasses.replace(found, view=regrouped(operation, found.view, tensor.shape), element="int64")


@reads("MEAN", "REDUCE_MAX", "SUM")
def mean_over_axes(operation: Operation, reading: Import) -> Value:
    """Over rows, columns or both, which are kept as axes of size 1 or dropped."""
    source = reading.activation(operation, 0)
    view = source.view
    rank = len(view.shape)
    axes = {axis + rank if axis < 0 else axis for axis in reading.integers(operation, 1, "axes")}
    if not all(0 <= axis < rank for axis in axes):
        raise operation.unsupported(f"axes {sorted(axes)} do not suit {rank} dimensions")
    if not view.bound:
        view = image(operation, source)
    letters = "".join(view.names(axis) for axis in sorted(axes))
    if "C" in letters:
        raise operation.unsupported("runs over the channels; only over rows and columns is supported")
    height, width, _ = view.hwc
    kernel = (height if "H" in letters else 1, width if "W" in letters else 1)
    found = Window(kernel, (1, 1), (1, 1), Padding(), (height // kernel[0], width // kernel[1]))
    kept = operation.option("KeepDims", False)
    dims = [
        [] if axis in axes else [(a.name, a.size) for a in dim]
        for axis, dim in enumerate(view.dims)
        if kept or axis not in axes
    ]
    result = make_view(operation, dims)
    target = reading.target(operation)
    if operation.operator == "REDUCE_MAX":
        return target.emit(operation, MaxPool2D, [source], result, kernel=kernel)
    count = kernel[0] * kernel[1]
    if operation.operator == "SUM":
        multiplier, shift = requantization(source.quantization.scale / target.quantization.scale)
        return _average(
            operation, target, source, result, found, [(0, 1)] * count + [(multiplier, shift)], "once", None
        )
    pair = _mean_multiplier(source, target, count)
    return _average(operation, target, source, result, found, [(0, 1)] * count + [pair], "twice", None)


def _mean_multiplier(source: Quantized, target: Target, count: int) -> tuple[int, int]:
    """QuantizedMeanOrSum: the division is in the multiplier, rounded down."""
    multiplier, exponent = quantized_multiplier(source.quantization.scale / target.quantization.scale)
    shift = min(count.bit_length() - 1, 32, 31 + exponent)
    return (multiplier << shift) // count, 31 - (exponent - shift)
