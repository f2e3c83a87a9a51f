"""Operators that move elements: pads, CONCATENATION, splits and slices, resizing, space and depth."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized, Target
from msf_riot.importer.tflite.operators.layout import sliced, strided
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.tflite.windows import image, image_view
from msf_riot.importer.view import View, make_view, regrouped
from msf_riot.importer.window import MAX_WINDOW
from msf_riot.ir import (
    BILINEAR_BITS,
    Concat,
    DepthToSpace,
    Gather,
    GatherChannels,
    Pad,
    Padding,
    ResizeBilinear,
    SpaceToDepth,
)


@reads("PAD", "PADV2")
def pad(operation: Operation, reading: Import) -> Value:
    """Rows, columns and channels of the zero point, or of PADV2's value."""
    source = reading.activation(operation, 0)
    amounts = _amounts(operation, reading, source)
    target = reading.target(operation)
    value = target.quantization.zero_point
    if operation.operator == "PADV2":
        given = reading.constant(operation, 2, "value")
        value = int(given.reshape(-1)[0]) - (128 if source.element == "uint8" else 0)
    height, width, channels = source.view.hwc
    (top, bottom), (left, right), (before, after) = (amounts[letter] for letter in "HWC")
    result = _sized(
        operation, source.view, {"H": height + top + bottom, "W": width + left + right, "C": channels + before + after}
    )
    limits = {"low": -128, "high": 127}
    if before or after:
        chosen = (*[-1] * before, *range(channels), *[-1] * after)
        last = not any((top, bottom, left, right))
        middle = result if last else image_view(operation, height, width, len(chosen))
        wide = target if last else target.inner("wide")
        source = wide.emit(operation, GatherChannels, [source], middle, channels=chosen, value=value, **limits)
        if last:
            return source
    return target.emit(
        operation, Pad, [source], result, padding=Padding(top, left, bottom, right), value=value, **limits
    )


@reads("MIRROR_PAD")
def mirror_pad(operation: Operation, reading: Import) -> Value:
    """Reflected at the border's pixels (mode 0), or at their outer edge."""
    source = reading.activation(operation, 0)
    amounts = _amounts(operation, reading, source)
    edge = operation.option("Mode")
    places: dict[str, list[int]] = {}
    for letter, size in zip("HWC", source.view.hwc, strict=True):
        before, after = amounts[letter]
        if max(before, after) > size - 1 + edge:
            raise operation.unsupported(f"reflects {max(before, after)} of {size} elements")
        period = max(2 * size - 2 + 2 * edge, 1)
        turned = [i % period for i in range(-before, size + after)]
        places[letter] = [min(i, period - i - edge) if i >= size else i for i in turned]
    return _taken(operation, source, places, reading.target(operation))


def _amounts(operation: Operation, reading: Import, source: Quantized) -> dict[str, tuple[int, int]]:
    """(before, after) of rows, columns and channels."""
    flat = reading.integers(operation, 1, "paddings")
    view = source.view
    if len(flat) != 2 * len(view.shape) or not all(0 <= amount <= 4096 for amount in flat):
        raise operation.unsupported(f"pads {list(flat)[:9]} do not suit {len(view.shape)} dimensions")
    amounts = dict.fromkeys("HWC", (0, 0))
    for axis, both in enumerate(zip(flat[::2], flat[1::2], strict=True)):
        if any(both):
            amounts[letter_of(operation, view, axis)] = both
    return amounts


def letter_of(operation: Operation, view: View, axis: int) -> str:
    """Which of rows, columns and channels an axis of the file is; of one element, what it usually is."""
    name = view.names(axis)
    if not name:
        usual = {2: "NC", 3: "NWC", 4: "NHWC"}.get(len(view.shape), "")
        name = usual[axis] if usual else "N"
        if name in (each.name for each in view.flat):
            name = "N"
    if len(name) != 1 or name == "N":
        raise operation.unsupported("works on the batch, or on an axis in which rows, columns or channels are joined")
    return name


def _sized(operation: Operation, view: View, sizes: dict[str, int]) -> View:
    """The view with other sizes of rows, columns and channels."""
    dims = []
    for axis, dim in enumerate(view.dims):
        letters = [each.name for each in dim]
        if not letters:
            usual = {2: "NC", 3: "NWC", 4: "NHWC"}.get(len(view.shape), "N" * len(view.shape))[axis]
            free = usual != "N" and usual not in (each.name for each in view.flat)
            letters = [usual] if free else []
        dims.append([(letter, sizes[letter]) for letter in letters])
    return make_view(operation, dims)


def _taken(operation: Operation, source: Quantized, places: dict[str, list[int]], target: Target) -> Quantized:
    """The rows, columns and channels at these places."""
    channels = source.view.hwc[2]
    whole = {letter: list(range(size)) for letter, size in zip("HWC", source.view.hwc, strict=True)}
    if any(not found for found in places.values()):
        raise operation.unsupported("its output has no elements")
    changed = {letter for letter in places if places[letter] != whole[letter]}
    result = _sized(operation, source.view, {letter: len(found) for letter, found in (whole | places).items()})
    limits = {"low": -128, "high": 127}
    if changed & {"H", "W"}:
        rows, columns = (tuple((whole | places)[letter]) for letter in "HW")
        last = "C" not in changed
        middle = result if last else image_view(operation, len(rows), len(columns), channels)
        inner = target if last else target.inner("part")
        source = inner.emit(operation, Gather, [source], middle, rows=rows, columns=columns, **limits)
    if "C" in changed:
        chosen = tuple(places["C"])
        source = target.emit(operation, GatherChannels, [source], result, channels=chosen, value=0, **limits)
    return source if changed else dataclasses.replace(source, view=result)


@reads("CONCATENATION")
def concat(operation: Operation, reading: Import) -> Value:
    """Along rows, columns or channels, of equal quantization."""
    sources = [reading.activation(operation, index) for index in range(len(operation.inputs))]
    rank = len(sources[0].view.shape)
    axis = operation.option("Axis")
    axis += rank if axis < 0 else 0
    target = reading.target(operation)
    if not 0 <= axis < rank or any(len(source.view.shape) != rank for source in sources):
        raise operation.unsupported(f"axis {axis} does not suit its inputs")
    letter = letter_of(operation, max((source.view for source in sources), key=lambda view: view.shape[axis]), axis)
    along = "HWC".index(letter)
    for source in sources:
        if source.quantization != target.quantization:
            raise operation.unsupported("its inputs and its output must have the same scale and zero point")
        others = [[size for i, size in enumerate(each.view.hwc) if i != along] for each in (source, sources[0])]
        if others[0] != others[1] or source.view.names(axis) not in ("", letter):
            raise operation.unsupported("its inputs differ in shape or lie differently")
    sizes = dict(zip("HWC", sources[0].view.hwc, strict=True))
    sizes[letter] = sum(source.view.hwc[along] for source in sources)
    dims = [[(a.name, sizes[a.name]) for a in dim] for dim in sources[0].view.dims]
    dims[axis] = [(letter, sizes[letter])]
    return target.emit(operation, Concat, sources, make_view(operation, dims), axis=along, low=-128, high=127)


@reads("DEPTH_TO_SPACE")
def depth_to_space(operation: Operation, reading: Import) -> Value:
    """Blocks row by row."""
    source = reading.activation(operation, 0)
    height, width, channels = image(operation, source).hwc
    block = operation.option("BlockSize")
    if not 1 <= block <= MAX_WINDOW or channels % block**2:
        raise operation.unsupported(f"{channels} channels do not suit the block size {block}")
    depth = channels // block**2
    result = image_view(operation, height * block, width * block, depth)
    fields = {"block": block, "steps": (block * depth, depth, 1)}
    return reading.target(operation).emit(operation, DepthToSpace, [source], result, **fields)


@reads("SPACE_TO_DEPTH")
def space_to_depth(operation: Operation, reading: Import) -> Value:
    """Blocks row by row."""
    source = reading.activation(operation, 0)
    height, width, channels = image(operation, source).hwc
    block = operation.option("BlockSize")
    if not 1 <= block <= MAX_WINDOW or height % block or width % block:
        raise operation.unsupported(f"{height} x {width} pixels do not suit the block size {block}")
    result = image_view(operation, height // block, width // block, channels * block**2)
    return reading.target(operation).emit(operation, SpaceToDepth, [source], result, block=block)


@reads("SPLIT", "SPLIT_V", "UNPACK")
def split(operation: Operation, reading: Import) -> tuple[Value, ...]:
    """Parts along one axis, of equal or of given sizes."""
    source = reading.activation(operation, 1 if operation.operator == "SPLIT" else 0)
    view, count = source.view, len(operation.outputs)
    if operation.operator == "UNPACK":
        axis = operation.option("Axis")
    else:
        (axis,) = reading.integers(operation, 0 if operation.operator == "SPLIT" else 2, "axis") or (len(view.shape),)
    axis += len(view.shape) if axis < 0 else 0
    if not 0 <= axis < len(view.shape):
        raise operation.unsupported(f"axis {axis} does not suit {len(view.shape)} dimensions")
    size = view.shape[axis]
    sizes = (size // count,) * count
    if operation.operator == "SPLIT_V":
        given = reading.integers(operation, 1, "sizes")
        sizes = tuple(size - sum(s for s in given if s >= 0) if s < 0 else s for s in given)
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 1:
        raise operation.unsupported(f"parts of {list(sizes)[:9]} do not make up an axis of {size}")
    ends = [sum(sizes[: i + 1]) for i in range(count)]
    letter = letter_of(operation, view, axis)
    parts = [
        _taken(operation, source, {letter: list(range(end - part, end))}, reading.target(operation, i))
        for i, (end, part) in enumerate(zip(ends, sizes, strict=True))
    ]
    if operation.operator != "UNPACK":
        return tuple(parts)
    return tuple(
        dataclasses.replace(part, view=regrouped(operation, part.view, reading.model.tensors[index].shape))
        for part, index in zip(parts, operation.outputs, strict=True)
    )


@reads("SLICE")
def slice_(operation: Operation, reading: Import) -> Value:
    """From constant places on; size -1 is all that is left."""
    begin, sizes = reading.integers(operation, 1, "begin"), reading.integers(operation, 2, "size")
    value = reading.value(operation, 0)
    shape = value.shape if isinstance(value, np.ndarray) else value.view.shape
    if len(begin) != len(shape) or len(sizes) != len(shape):
        raise operation.unsupported("its begin and size do not suit its input")
    indices = [
        slice(first, whole if size < 0 else first + size)
        for first, size, whole in zip(begin, sizes, shape, strict=True)
    ]
    if any(index.start < 0 or index.stop > whole for index, whole in zip(indices, shape, strict=True)):
        raise operation.unsupported("reaches beyond its input")
    if isinstance(value, np.ndarray):
        return sliced(value, tuple(indices))
    return _indexed(operation, reading, indices)


@reads("GATHER")
def gather(operation: Operation, reading: Import) -> Value:
    """By constant indices; a single index takes the axis away."""
    value = reading.value(operation, 0)
    if isinstance(value, np.ndarray):
        indices = reading.constant(operation, 1, "indices")
        return np.take(value, indices, axis=operation.option("Axis"), mode="clip")
    source = reading.activation(operation, 0)
    indices = reading.constant(operation, 1, "indices")
    axis = operation.option("Axis")
    axis += len(source.view.shape) if axis < 0 else 0
    if indices.dtype.kind not in "iu" or indices.ndim > 1 or not 0 <= axis < len(source.view.shape):
        raise operation.unsupported("its indices must be a list of integers")
    if not ((indices >= 0) & (indices < source.view.shape[axis])).all() or operation.option("BatchDims", 0):
        raise operation.unsupported("its indices reach beyond its input")
    letter = letter_of(operation, source.view, axis)
    found = _taken(operation, source, {letter: indices.reshape(-1).tolist()}, reading.target(operation))
    return dataclasses.replace(found, view=regrouped(operation, found.view, reading.output(operation).shape))


@reads("REVERSE_V2")
def reverse(operation: Operation, reading: Import) -> Value:
    """Rows, columns or channels from the last to the first."""
    source = reading.activation(operation, 0)
    rank = len(source.view.shape)
    places = {}
    for axis in reading.integers(operation, 1, "axes"):
        axis += rank if axis < 0 else 0
        if not 0 <= axis < rank:
            raise operation.unsupported(f"axis {axis} does not suit {rank} dimensions")
        if source.view.shape[axis] > 1:
            places[letter_of(operation, source.view, axis)] = list(range(source.view.shape[axis]))[::-1]
    return _taken(operation, source, places, reading.target(operation))


@reads("RESIZE_BILINEAR")
def resize_bilinear(operation: Operation, reading: Import) -> Value:
    """In ten fractional bits (ResizeBilinearInteger)."""
    source = reading.activation(operation, 0)
    view = image(operation, source)
    _, height, width, _ = reading.output(operation).shape
    steps = [_between(operation, before, after) for before, after in zip(view.hwc[:2], (height, width), strict=True)]
    (rows, row_weights), (columns, column_weights) = (
        (tuple((each >> BILINEAR_BITS).tolist()), tuple((each % (1 << BILINEAR_BITS)).tolist())) for each in steps
    )
    return reading.target(operation).emit(
        operation,
        ResizeBilinear,
        [source],
        image_view(operation, height, width, view.hwc[2]),
        rows=rows,
        row_weights=row_weights,
        columns=columns,
        column_weights=column_weights,
        center=-128 if source.element == "uint8" else 0,
        rounding="away",
    )


def _between(operation: Operation, before: int, after: int) -> npt.NDArray[np.int64]:
    """Where each of `after` places lies, in steps of 2^-BILINEAR_BITS."""
    aligned = bool(operation.option("AlignCorners", False))
    half_pixel = bool(operation.option("HalfPixelCenters", False))
    if aligned and half_pixel:
        raise operation.unsupported("has both aligned corners and half pixel centers")
    one = 1 << 10
    scale = (one * before + after // 2) // after
    if aligned and after > 1:
        scale = (one * (before - 1) + (after - 1) // 2) // (after - 1)
    places = np.arange(after, dtype=np.int64) * scale
    if half_pixel:
        places += scale // 2 - one // 2
    return np.clip(places, 0, (before - 1) * one) << (BILINEAR_BITS - 10)


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
    """Of constants such as shapes, and of activations."""
    value = reading.value(operation, 0)
    if isinstance(value, np.ndarray):
        return sliced(value, strided(operation, reading, value.ndim, value.shape))
    shape = () if not isinstance(value, Quantized) else value.view.shape
    return _indexed(operation, reading, list(strided(operation, reading, len(shape), shape)))


def _indexed(operation: Operation, reading: Import, indices: Sequence[slice | int]) -> Value:
    """An activation at these indices, one for each of its first axes."""
    source = reading.activation(operation, 0)
    places: dict[str, list[int]] = {}
    for axis, (index, size) in enumerate(zip(indices, source.view.shape, strict=False)):
        numbers = [index % size] if isinstance(index, int) else list(range(size)[index])
        if numbers != list(range(size)):
            places[letter_of(operation, source.view, axis)] = numbers
    found = _taken(operation, source, places, reading.target(operation))
    shape = reading.output(operation).shape
    if math.prod(shape) != math.prod(found.view.shape):
        raise operation.unsupported(f"gives {list(found.view.shape)}, but the file says {list(shape)}")
    return dataclasses.replace(found, view=regrouped(operation, found.view, shape))
