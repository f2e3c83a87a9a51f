"""Operators that move elements without computing any: PAD, CONCATENATION, resizing, slices."""

from __future__ import annotations

import numpy as np

from msf_riot.importer.draft import Quantized
from msf_riot.importer.tflite.operators.layout import sliced, strided
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.tflite.windows import image, image_view
from msf_riot.importer.view import make_view
from msf_riot.ir import Concat, Gather, Pad, Padding


@reads("PAD", "PADV2")
def pad(operation: Operation, reading: Import) -> Value:
    """Rows and columns of the zero point, or of PADV2's value."""
    source = reading.activation(operation, 0)
    view = image(operation, source)
    amounts = reading.integers(operation, 1, "paddings")
    if len(amounts) != 8 or min(amounts) < 0:
        raise operation.unsupported(f"pads {list(amounts)[:9]} do not suit an image")
    if any(amounts[i] for i in (0, 1, 6, 7)):
        raise operation.unsupported("pads the batch or the channels; only rows and columns are supported")
    target = reading.target(operation)
    value = target.quantization.zero_point
    if operation.operator == "PADV2":
        given = reading.constant(operation, 2, "value")
        value = int(given.reshape(-1)[0]) - (128 if source.element == "uint8" else 0)
    top, bottom, left, right = amounts[2:6]
    result = image_view(operation, view.hwc[0] + top + bottom, view.hwc[1] + left + right, view.hwc[2])
    padding = Padding(top, left, bottom, right)
    return target.emit(operation, Pad, [source], result, padding=padding, value=value, low=-128, high=127)


@reads("CONCATENATION")
def concat(operation: Operation, reading: Import) -> Value:
    """Along the channels, of equal quantization."""
    sources = [reading.activation(operation, index) for index in range(len(operation.inputs))]
    rank = len(sources[0].view.shape)
    axis = operation.option("Axis")
    axis += rank if axis < 0 else 0
    target = reading.target(operation)
    for source in sources:
        if source.quantization != target.quantization:
            raise operation.unsupported("its inputs and its output must have the same scale and zero point")
        if len(source.view.shape) != rank or not 0 <= axis < rank or source.view.names(axis) not in ("", "C"):
            raise operation.unsupported("joins rows or columns; only channels are supported")
        if source.view.hwc[:2] != sources[0].view.hwc[:2]:
            raise operation.unsupported("its inputs differ in height or width")
    channels = sum(source.view.hwc[2] for source in sources)
    dims = [[(a.name, a.size) for a in dim] for dim in sources[0].view.dims]
    dims[axis] = [("C", channels)]
    return target.emit(operation, Concat, sources, make_view(operation, dims))


@reads("RESIZE_NEAREST_NEIGHBOR")
def resize_nearest(operation: Operation, reading: Import) -> Value:
    """Of each output row and column the nearest input one, computed in float32 as TensorFlow Lite does."""
    source = reading.activation(operation, 0)
    view = image(operation, source)
    _, height, width, _ = reading.output(operation).shape
    rows, columns = (
        _nearest(operation, before, after) for before, after in zip(view.hwc[:2], (height, width), strict=True)
    )
    result = image_view(operation, height, width, view.hwc[2])
    target = reading.target(operation)
    return target.emit(operation, Gather, [source], result, rows=rows, columns=columns, low=-128, high=127)


def _nearest(operation: Operation, before: int, after: int) -> tuple[int, ...]:
    aligned, half_pixel = (
        bool(operation.option("AlignCorners", False)),
        bool(operation.option("HalfPixelCenters", False)),
    )
    scale = (
        np.float32(before - 1) / np.float32(after - 1)
        if aligned and after > 1
        else np.float32(before) / np.float32(after)
    )
    offset = np.float32(0.5 if half_pixel else 0.0)
    places = (np.arange(after, dtype=np.float32) + offset) * scale
    rounded = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    found = np.minimum(rounded.astype(np.int64), before - 1)
    return tuple(int(v) for v in (np.maximum(found, 0) if half_pixel else found))


@reads("STRIDED_SLICE")
def strided_slice(operation: Operation, reading: Import) -> Value:
    """Of constants such as shapes."""
    value = reading.value(operation, 0)
    if isinstance(value, np.ndarray):
        return sliced(value, strided(operation, reading, value.ndim, value.shape))
    if isinstance(value, Quantized):
        indices = strided(operation, reading, len(value.view.shape), value.view.shape)
        whole = all(
            isinstance(index, slice) and range(size)[index] == range(size)
            for index, size in zip(indices, value.view.shape, strict=False)
        )
        if whole:
            return value
    raise operation.unsupported("slices of activations are not supported")
