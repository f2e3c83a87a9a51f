"""Add, Sub, Mul, Div, Max, Min and BatchNormalization, with constants and between activations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from msf_riot.importer import movement
from msf_riot.importer.arithmetic import Affine, Product, Sum, broadcast
from msf_riot.importer.draft import Draft, Quantized
from msf_riot.importer.input_layout import bind, channels_along
from msf_riot.importer.linear import Linear
from msf_riot.importer.onnx.graph_input import GraphInput, Prepared
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import (
    Array,
    ChannelMapped,
    Clamped,
    Constant,
    Leaf,
    Mapped,
    Real,
    Value,
    constant_of,
    real_of,
)
from msf_riot.importer.view import View

MOST_TABLES = 4
"""Channels for which a table each is smaller than what a channel costs otherwise is slow."""

Binary = Callable[[Array, Array], Array]
FUNCTIONS: dict[str, Binary] = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}


@reads("Add", "Sub", "Mul", "Div")
def binary(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Constants scale and shift; two activations are added or multiplied."""
    if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
        raise node.unsupported("needs two inputs")
    first, second = inputs
    if isinstance(second, Constant):
        return _with_constant(node, real_of(node, first), second.array, FUNCTIONS[node.operator])
    if isinstance(first, Constant):
        left, function = first.array, FUNCTIONS[node.operator]
        if node.operator == "Div":
            return _map_scalar(node, real_of(node, second), left, lambda x, c: c / x)
        return _with_constant(node, real_of(node, second), left, lambda x, c: function(c, x))
    return _between(node, real_of(node, first), real_of(node, second), draft)


@reads("Max", "Min")
def extreme(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Of any number: constants, one or one for each channel, and activations."""
    constants = [value.array for value in inputs if isinstance(value, Constant)]
    largest = node.operator == "Max"
    activations = [real_of(node, value) for value in inputs if not isinstance(value, Constant)]
    integers = isinstance(inputs[0], Quantized)
    found = activations[0]
    for other in activations[1:]:
        view = broadcast(node, found.view, other.view)
        found = movement.extreme(node, view, (found, other), largest, draft)
    for array in constants:
        if integers or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise node.unsupported("its constant must be finite and float (put DequantizeLinear behind integers)")
        if array.size == 1:
            limit = float(array.reshape(()))
            found = found.limited(node, limit, math.inf) if largest else found.limited(node, -math.inf, limit)
            continue
        view = bind(node, found.view, _letters(found.view, array))
        limits = _per_channel(node, view, array).astype(np.float32)[:, np.newaxis]
        values = found.leaf(draft).table.values[np.newaxis]
        values = np.maximum(values, limits) if largest else np.minimum(values, limits)
        found = ChannelMapped(node, view, found.leaf(draft), values)
    return found


@reads("Sum")
def total(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Of two."""
    if len(inputs) == 1:
        return real_of(node, inputs[0])
    if len(inputs) != 2:
        raise node.unsupported(f"adds {len(inputs)} tensors at once; export it as Add, two by two, quantized between")
    first, second = (real_of(node, value) for value in inputs)
    return _between(dataclasses.replace(node, operator="Add", written="Sum"), first, second, draft)


@reads("BatchNormalization")
def batch_normalization(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """A factor and an offset for each channel."""
    real = real_of(node, inputs[0])
    if len(inputs) < 5 or len(real.view.shape) < 2:
        raise node.unsupported("needs scale, bias, mean and variance, and an input of rank 2 or more")
    scale, bias, mean, variance = (
        constant_of(node, value, "parameters").array.astype(np.float64).reshape(-1) for value in inputs[1:5]
    )
    if not scale.size == bias.size == mean.size == variance.size == real.view.shape[1]:
        raise node.unsupported("its parameters do not suit its channels")
    factor = scale / np.sqrt(np.maximum(variance, 0) + node.number("epsilon", 1e-5))
    shape = [-1 if axis == 1 else 1 for axis in range(len(real.view.shape))]
    return _affine(node, real, factor.reshape(shape), (bias - mean * factor).reshape(shape))


def _with_constant(node: Node, real: Real, constant: Array, function: Binary) -> Real:
    if constant.dtype.kind != "f" or not np.isfinite(constant).all():
        raise node.unsupported("its constant must be finite and float (put DequantizeLinear behind integers)")
    if constant.ndim > len(real.view.shape) and constant.size > 1:
        raise node.unsupported(f"its constant of shape {list(constant.shape)[:9]} has a higher rank than its input")
    if constant.size == 1 and not isinstance(_below(real), Linear | Affine):
        return _map_scalar(node, real, constant, function)
    tables = _channel_tables(node, real, constant, function)
    if tables is not None:
        return tables
    wide = constant.astype(np.float64)
    with np.errstate(all="ignore"):
        offset = function(np.zeros(1), wide)
        factor = function(np.ones(1), wide) - offset
    return _affine(node, real, factor, offset)


def _channel_tables(node: Node, real: Real, constant: Array, function: Binary) -> Real | None:
    """In float32, as the file says, where few channels or the graph's input allow a table for each; else None."""
    if not isinstance(real, GraphInput | Prepared | Leaf | Mapped | ChannelMapped) or constant.size == 1:
        return None
    view = bind(node, real.view, _letters(real.view, constant))
    if isinstance(real, Leaf) and view.hwc[2] > MOST_TABLES:
        return None
    numbers = _per_channel(node, view, constant).astype(np.float32)[:, np.newaxis]
    if isinstance(real, GraphInput | Prepared):
        return real.prepared(node, view, lambda x: np.asarray(function(x, numbers), np.float32))
    if isinstance(real, ChannelMapped):
        leaf, values = real.source, real.values
    else:
        table = real.table if isinstance(real, Leaf) else real
        leaf, values = table.source, table.values[np.newaxis]
    with np.errstate(all="ignore"):
        return ChannelMapped(node, view, leaf, np.asarray(function(values, numbers), np.float32))


def _below(real: Real) -> Real:
    return real.source if isinstance(real, Clamped) else real


def _map_scalar(node: Node, real: Real, constant: Array, function: Binary) -> Real:
    if constant.size != 1:
        raise node.unsupported("divides a constant for each channel by an activation")
    value = np.float32(constant.reshape(()))
    return real.mapped(node, lambda x: np.asarray(function(x, np.asarray(value)), np.float32))


def _affine(node: Node, real: Real, factor: Array, offset: Array) -> Real:
    """factor * x + offset, both broadcast over the ONNX shape of x."""
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise node.unsupported("its constant leads to values that are not finite")
    view = real.view
    if factor.size > 1 or offset.size > 1:
        view = bind(node, view, _letters(view, factor if factor.size > 1 else offset))
    factors, offsets = (_per_channel(node, view, values) for values in (factor, offset))
    if isinstance(real, Leaf):
        return Affine(node, view, real, factors, offsets)
    return real.scaled(node, factors, offsets)


def _letters(view: View, values: Array) -> tuple[str, ...]:
    """How an input not laid out yet is taken: the axis along which the constant varies is the channels."""
    rank = len(view.shape)
    sizes = (1,) * (rank - values.ndim) + values.shape
    channel = next((i for i, size in enumerate(sizes) if size > 1), rank - 1)
    return channels_along(view, {channel})


def _per_channel(node: Node, view: View, values: Array) -> npt.NDArray[np.float64]:
    """[channels], or [1], of a constant that broadcasts to the ONNX shape."""
    if values.size == 1:
        return values.astype(np.float64).reshape(1)
    sizes = (1,) * (len(view.shape) - values.ndim) + values.shape
    long = [i for i, size in enumerate(sizes) if size > 1]
    if len(long) != 1 or view.names(long[0]) != "C" or sizes[long[0]] != view.shape[long[0]]:
        raise node.unsupported(
            f"a constant of {list(values.shape)} is not one value a channel of an input of {list(view.shape)}"
        )
    return values.astype(np.float64).reshape(-1)


def _between(node: Node, first: Real, second: Real, draft: Draft) -> Real:
    joined = _same_source(node, first, second)
    if joined is not None:
        return joined
    if node.operator == "Div":
        raise node.unsupported("divides by an activation")
    a, b = first.leaf(draft), second.leaf(draft)
    view = broadcast(node, a.view, b.view)
    if node.operator == "Mul":
        return Product(node, view, a, b)
    return Sum(node, view, a, b, node.operator == "Sub")


def _same_source(node: Node, first: Real, second: Real) -> Real | None:
    """f(x) with g(x), such as x * sigmoid(x), is one function of x."""
    a, b = (r.table if isinstance(r, Leaf) else r for r in (first, second))
    a, b = (r.mapped(node, lambda x: x) if isinstance(r, Clamped) and _maps(r) else r for r in (a, b))
    if not (isinstance(a, Mapped) and isinstance(b, Mapped)):
        return None
    if a.source.source.tensor != b.source.source.tensor or a.view != b.view:
        return None
    with np.errstate(all="ignore"):
        values = FUNCTIONS[node.operator](a.values, b.values)
    return Mapped(node, a.view, a.source, np.asarray(values, np.float32))


def _maps(clamped: Clamped) -> bool:
    below = clamped.source
    return isinstance(below, Leaf | Mapped) or (isinstance(below, Clamped) and _maps(below))
