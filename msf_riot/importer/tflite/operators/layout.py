"""Operators that only say how the same elements are seen, and arithmetic on shapes, which is done here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from msf_riot.importer.draft import Quantized
from msf_riot.importer.shuffle import settled
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Batches, FloatInput, Import, Value, lay_out, reads
from msf_riot.importer.values import Array, Leaf
from msf_riot.importer.view import View, regrouped


def shape_of(value: Value) -> tuple[int, ...]:
    """The shape of a value in the file."""
    return value.shape if isinstance(value, np.ndarray) else value.view.shape


def reshaped(operation: Operation, value: Value, shape: Sequence[int]) -> Value:
    """The value with another shape; one size may be -1."""
    before = shape_of(value)
    known = math.prod(size for size in shape if size != -1)
    sizes = tuple(math.prod(before) // known if size == -1 and known > 0 else size for size in shape)
    if any(size < 1 for size in sizes) or math.prod(sizes) != math.prod(before):
        raise operation.unsupported(f"{list(before)} cannot be reshaped to {list(shape)[:9]}")
    if isinstance(value, np.ndarray):
        return value.reshape(sizes)
    if isinstance(value, Batches):
        raise operation.unsupported("stands between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND; only convolutions may")
    return dataclasses.replace(value, view=regrouped(operation, value.view, sizes))


@reads("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def reshape(operation: Operation, reading: Import) -> Value:
    """The file says the output's shape."""
    value, shape = reading.value(operation, 0), reading.output(operation).shape
    if isinstance(value, Quantized) and len(value.view.shape) == 4 < len(shape):
        lay_out(operation, value.view)
    result = reshaped(operation, value, shape)
    if not isinstance(result, Quantized) or result.view.whole:
        return result
    found = settled(operation, result.view, Leaf(operation, result.view, result), reading.draft)
    return result if found is None else found.quantize(reading.target(operation))


@reads("TRANSPOSE")
def transpose(operation: Operation, reading: Import) -> Value:
    """Axes in another order."""
    value = reading.value(operation, 0)
    before = shape_of(value)
    order = tuple(axis + len(before) if axis < 0 else axis for axis in reading.integers(operation, 1, "permutation"))
    if sorted(order) != list(range(len(before))):
        raise operation.unsupported(f"permutation {list(order)} does not suit {len(before)} dimensions")
    if isinstance(value, np.ndarray):
        return np.transpose(value, order)
    view = value.view
    if isinstance(value, Batches):
        raise operation.unsupported("stands between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND; only convolutions may")
    turned = View(tuple(view.shape[i] for i in order), tuple(view.dims[i] for i in order))
    return dataclasses.replace(value, view=turned)


@reads("SHAPE")
def shape(operation: Operation, reading: Import) -> Value:
    """Known, as all sizes are fixed."""
    return np.array(shape_of(reading.value(operation, 0)), np.int32)


@reads("PACK")
def pack(operation: Operation, reading: Import) -> Value:
    """Constants joined along a new axis."""
    parts = [reading.constant(operation, index, "input") for index in range(len(operation.inputs))]
    return np.stack(parts, axis=operation.option("Axis"))


def strided(operation: Operation, reading: Import, rank: int, sizes: Sequence[int]) -> tuple[slice | int, ...]:
    """STRIDED_SLICE's begin, end, strides and masks as Python's indices of an input of these sizes."""
    begin, end, strides = (
        reading.integers(operation, i, what) for i, what in ((1, "begin"), (2, "end"), (3, "strides"))
    )
    if not len(begin) == len(end) == len(strides) <= rank or 0 in strides:
        raise operation.unsupported("its begin, end and strides do not suit its input")
    if operation.option("EllipsisMask") or operation.option("NewAxisMask"):
        raise operation.unsupported("ellipsis and new axes are not supported")
    indices: list[slice | int] = []
    for axis, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << axis
        if operation.option("ShrinkAxisMask") & bit:
            if not -sizes[axis] <= first < sizes[axis]:
                raise operation.unsupported(f"takes element {first} of {sizes[axis]}")
            indices.append(first)
            continue
        indices.append(
            slice(
                None if operation.option("BeginMask") & bit else first,
                None if operation.option("EndMask") & bit else last,
                step,
            )
        )
    return tuple(indices)


def sliced(value: Array, indices: tuple[slice | int, ...]) -> Array:
    """The elements of a constant."""
    return np.asarray(value[indices])


@reads("IDENTITY", "STOP_GRADIENT")
def identity(operation: Operation, reading: Import) -> Value:
    """Nothing."""
    value = reading.value(operation, 0)
    if isinstance(value, FloatInput | Quantized | np.ndarray):
        return value
    raise operation.unsupported("its input is absent")
