"""QuantizeLinear ends what DequantizeLinear began: here integer operators are asked for."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.importer.draft import Draft, Element, Quantized, Target
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import Array, Codes, Constant, Leaf, Real, Value, constant_of
from msf_riot.ir import Lookup, Quantization


@reads("QuantizeLinear")
def quantize_linear(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Constants are folded; a real value emits its operators."""
    value, scale, zero_point = (*inputs, None, None)[:3]
    if node.integer("block_size", 0) or node.integer("output_dtype", 0) not in (0, 2, 3):
        raise node.unsupported("blocked quantization and types other than int8 and uint8 are not supported")
    if isinstance(value, Real):
        if zero_point is None and node.integer("output_dtype", 0) == 3:
            zero_point = Constant(np.zeros((), np.int8))
        quantization, element = quantization_of(node, scale, zero_point)
        target = Target(draft, node.outputs[0], quantization, element)
        try:
            found = draft.once(value, quantization, lambda: value.quantize(target))
            return dataclasses.replace(found, element=element)
        except UnsupportedModelError:
            raise
        except ModelError as error:
            raise value.place.unsupported(str(error)) from error
    if not isinstance(value, Constant):
        raise node.unsupported("its input is quantized already")
    real = value.array
    scales, zeros = parameters(node, scale, zero_point, real.shape, np.dtype(np.uint8))
    dtype = np.dtype(np.uint8) if zero_point is None else constant_of(node, zero_point, "zero point").array.dtype
    limits = np.iinfo(dtype)
    steps = np.rint(real.astype(np.float32) / scales.astype(np.float32)).astype(np.float64) + zeros
    return Constant(np.clip(np.nan_to_num(steps), limits.min, limits.max).astype(dtype))


@reads("DequantizeLinear")
def dequantize_linear(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Constants keep their integers beside their real values; activations become real."""
    value, scale, zero_point = (*inputs, None, None)[:3]
    if node.integer("block_size", 0):
        raise node.unsupported("blocked quantization is not supported")
    if isinstance(value, Constant):
        return dequantized(node, value, scale, zero_point)
    if not isinstance(value, Quantized):
        raise node.unsupported("its input is float")
    return activation(node, value, scale, zero_point, draft)


def activation(node: Node, value: Quantized, scale: Value | None, zero_point: Value | None, draft: Draft) -> Leaf:
    """The activation as a real value with this scale and zero point (usually, but not by need, its own)."""
    if zero_point is None:
        zero_point = Constant(np.zeros((), np.dtype(value.element)))
    quantization, element = quantization_of(node, scale, zero_point)
    if element != value.element:
        raise node.unsupported(f"its zero point is {element}, but its input is {value.element}")
    if quantization != value.quantization:
        target = Target(draft, f"{value.tensor}_as_{node.name}", quantization, element, origin=False)
        table = np.arange(-128, 128).astype(np.int8)
        value = target.emit(node, Lookup, [value], value.view, table=table)
    return Leaf(node, value.view, value)


def dequantized(node: Node, value: Constant, scale: Value | None, zero_point: Value | None) -> Constant:
    """The real value of a constant, with its integers kept."""
    integers = value.array
    if integers.dtype.kind not in "iu":
        raise node.unsupported(f"dequantizes a constant of {integers.dtype}")
    scales, zeros = parameters(node, scale, zero_point, integers.shape, integers.dtype)
    real = ((integers.astype(np.int64) - zeros) * scales).astype(np.float32)
    return Constant(real, Codes(integers, scales, zeros))


def parameters(
    node: Node, scale: Value | None, zero_point: Value | None, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """(scale float64, zero point int64) of a constant of that shape, per tensor or along `axis`, broadcast to it."""
    if scale is None:
        raise node.unsupported("missing scale")
    scales = constant_of(node, scale, "scale").array
    zeros = np.zeros_like(scales, np.int64)
    if zero_point is not None:
        zeros = constant_of(node, zero_point, "zero point").array
        if zeros.dtype.kind not in "iu":
            raise node.unsupported(f"zero points of {zeros.dtype} are not supported")
    if scales.dtype.kind != "f" or not np.isfinite(scales).all() or not (scales > 0).all():
        raise node.unsupported("every scale must be a float above 0")
    return (
        _along_axis(node, scales.astype(np.float64), shape),
        _along_axis(node, zeros.astype(np.int64), shape),
    )


def _along_axis(node: Node, values: Array, shape: tuple[int, ...]) -> Array:
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), shape)
    axis = node.integer("axis", 1)
    axis += len(shape) if axis < 0 else 0
    if values.ndim != 1 or not 0 <= axis < len(shape) or shape[axis] != values.size:
        raise node.unsupported(f"{values.size} scales or zero points do not suit the shape {list(shape)}, axis {axis}")
    return np.broadcast_to(values.reshape([-1 if i == axis else 1 for i in range(len(shape))]), shape)


def quantization_of(node: Node, scale: Value | None, zero_point: Value | None) -> tuple[Quantization, Element]:
    """Per-tensor quantization of an activation from its ONNX scale and zero point; shifted where uint8."""
    if scale is None:
        raise node.unsupported("missing scale")
    real = constant_of(node, scale, "scale").array
    zero = np.zeros((), np.uint8) if zero_point is None else constant_of(node, zero_point, "zero point").array
    if real.size != 1 or zero.size != 1:
        raise node.unsupported("an activation must have one scale and one zero point for the whole tensor")
    value = float(real.reshape(()))
    if real.dtype not in (np.float32, np.float64) or not (math.isfinite(value) and value > 0):
        raise node.unsupported(f"scale {value} ({real.dtype}) must be a float above 0")
    if zero.dtype == np.uint8:
        return Quantization(value, int(zero.reshape(())) - 128), "uint8"
    if zero.dtype == np.int8:
        return Quantization(value, int(zero.reshape(()))), "int8"
    raise node.unsupported(f"activations of {zero.dtype} are not supported, only int8 and uint8")


def with_axis(node: Node, axis: int) -> Node:
    """The node with another `axis` attribute."""
    return dataclasses.replace(node, attributes={**node.attributes, "axis": axis})
