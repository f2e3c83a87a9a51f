"""Graph in, the least and the largest value of each channel of each tensor out: interval arithmetic, vectorized.

The bounds hold for every input and every pixel. They are not always tight (inputs of an operator are taken as
independent), but what they call constant is constant. Moore, "Interval Analysis", 1966.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.ir import (
    ArgMax,
    ChannelLookup,
    Conv2D,
    Dense,
    DepthToSpace,
    DepthwiseConv2D,
    FixedPointSoftmax,
    GatherChannels,
    Graph,
    Int8Array,
    LogSoftmax,
    Lookup,
    Operator,
    PRelu,
    Softmax,
    SpaceToDepth,
    TableAdd,
    Tensor,
    TransposedConv2D,
    rounds_twice,
)
from msf_riot.reference import execute_operator

BoolArray: TypeAlias = npt.NDArray[np.bool_]
Int64Array: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
Weighted: TypeAlias = Conv2D | DepthwiseConv2D | Dense


@dataclass(frozen=True, eq=False)
class Bounds:
    """The values that each channel of a tensor can take lie within [low, high], both int8 [channels]."""

    low: Int8Array
    high: Int8Array

    @property
    def constant(self) -> BoolArray:
        """Which channels hold one value, whatever the input and wherever the pixel: bool [channels]."""
        same: BoolArray = self.low == self.high
        return same


def channel_bounds(graph: Graph) -> dict[str, Bounds]:
    """Bounds of every tensor, by name; the graph's inputs can be anything from -128 to 127."""
    bounds: dict[str, Bounds] = {}
    for name in graph.inputs:
        channels = graph.tensor(name).channels
        bounds[name] = Bounds(np.full(channels, -128, np.int8), np.full(channels, 127, np.int8))
    for operator in graph.operators:
        bounds[operator.output] = _output_bounds(graph, operator, [bounds[name] for name in operator.inputs])
    return bounds


def tap_weights(operator: Weighted, source: Tensor) -> Int8Array:
    """Weights as [out_channels, kernel_h, kernel_w, in_channels / groups], of a depthwise layer as [1, ..., channels].

    A dense layer is a window as large as its input.
    """
    match operator:
        case DepthwiseConv2D(weights=weights):
            return weights[np.newaxis]
        case Dense(weights=weights):
            return weights.reshape(-1, *source.shape)
    return operator.weights


def tap_places(graph: Graph, operator: Weighted) -> tuple[BoolArray, BoolArray]:
    """(taps on the input for some output pixel, taps on padding for some output pixel), each [kernel_h, kernel_w]."""
    source, output = graph.tensor(operator.inputs[0]), graph.tensor(operator.output)
    if isinstance(operator, Dense):
        everywhere = np.ones(source.shape[:2], np.bool_)
        return everywhere, ~everywhere
    reached, missed = [], []
    for axis, before in enumerate((operator.padding.top, operator.padding.left)):
        first = np.arange(output.shape[axis]) * operator.stride[axis] - before
        position = first + np.arange(operator.kernel[axis])[:, np.newaxis] * operator.dilation[axis]
        inside = (position >= 0) & (position < source.shape[axis])
        reached.append(inside.any(axis=1))
        missed.append((~inside).any(axis=1))
    return np.logical_and.outer(*reached), np.logical_or.outer(*missed)


def _output_bounds(graph: Graph, operator: Operator, inputs: Sequence[Bounds]) -> Bounds:
    match operator:
        case Conv2D() | DepthwiseConv2D() | Dense():
            return _weighted_bounds(graph, operator, inputs[0])
        case Lookup():
            return _lookup_bounds(operator, inputs[0])
        case TableAdd():
            return _table_add_bounds(graph, operator, inputs)
        case Softmax() | FixedPointSoftmax() | LogSoftmax() | TransposedConv2D() | DepthToSpace() | SpaceToDepth():
            # exponentials are rounded, so a corner need not be the extreme; the others mix channels
            return _any_bounds(graph, operator)
        case GatherChannels(channels=channels, value=value):
            chosen = np.array(channels)
            low, high = (np.where(chosen < 0, value, limit[chosen]) for limit in (inputs[0].low, inputs[0].high))
            return Bounds(low.astype(np.int8), high.astype(np.int8))
        case ChannelLookup() | PRelu() | ArgMax():  # not monotone
            return _any_bounds(graph, operator)
        case _:
            return _corner_bounds(graph, operator, inputs)


def _any_bounds(graph: Graph, operator: Operator) -> Bounds:
    channels = graph.tensor(operator.output).channels
    return Bounds(np.full(channels, operator.low, np.int8), np.full(channels, operator.high, np.int8))


def _corner_bounds(graph: Graph, operator: Operator, inputs: Sequence[Bounds]) -> Bounds:
    """Of an operator that is monotone in each of its inputs: the reference, run on the least and the largest tensors.

    Pools, Add, Mul, Maximum, Minimum, ChannelAffine, Concat, Pad, Gather and ResizeBilinear are; so the extremes lie at
    the corners.
    """
    shapes = [graph.tensor(name).shape for name in operator.inputs]
    corners = [
        execute_operator(graph, operator, [np.broadcast_to(v, s) for v, s in zip(values, shapes, strict=True)])
        for values in itertools.product(*((each.low, each.high) for each in inputs))
    ]
    return Bounds(np.min(corners, axis=(0, 1, 2)), np.max(corners, axis=(0, 1, 2)))


def _table_add_bounds(graph: Graph, operator: TableAdd, inputs: Sequence[Bounds]) -> Bounds:
    """Each table's extremes over what its input can be; what follows is monotone in their sum."""
    codes = np.arange(-128, 128)[:, np.newaxis]
    corners = []
    for table, x in zip((operator.first, operator.second), inputs, strict=True):
        reachable = (codes >= x.low) & (codes <= x.high)
        entries = table[:, np.newaxis].astype(np.int64)
        least = np.where(reachable, entries, np.iinfo(np.int64).max).argmin(axis=0)
        most = np.where(reachable, entries, np.iinfo(np.int64).min).argmax(axis=0)
        corners.append(Bounds((least - 128).astype(np.int8), (most - 128).astype(np.int8)))
    return _corner_bounds(graph, operator, corners)


def _lookup_bounds(operator: Lookup, x: Bounds) -> Bounds:
    codes = np.arange(-128, 128)[:, np.newaxis]
    reachable = (codes >= x.low) & (codes <= x.high)
    table = np.clip(operator.table, operator.low, operator.high)[:, np.newaxis]
    low, high = np.where(reachable, table, 127).min(axis=0), np.where(reachable, table, -128).max(axis=0)
    return Bounds(low.astype(np.int8), high.astype(np.int8))


def _weighted_bounds(graph: Graph, operator: Weighted, x: Bounds) -> Bounds:
    zero = graph.tensor(operator.output).quantization.zero_point
    low, high = (
        np.clip(zero + _requantize(acc, operator), operator.low, operator.high)
        for acc in _accumulator_bounds(graph, operator, x)
    )
    return Bounds(low.astype(np.int8), high.astype(np.int8))


def _accumulator_bounds(graph: Graph, operator: Weighted, x: Bounds) -> tuple[Int64Array, Int64Array]:
    """(least, largest) accumulator of each output channel.

    A tap on padding adds nothing, so where a tap can lie there 0 is one of its values. Sums are exact in float64:
    they stay far below 2^53.
    """
    source = graph.tensor(operator.inputs[0])
    on_input, on_padding = (place[..., np.newaxis] for place in tap_places(graph, operator))
    low, high = (
        np.where(on_input, v.astype(np.float64) - source.quantization.zero_point, 0.0) for v in (x.low, x.high)
    )
    low, high = np.where(on_padding, np.minimum(low, 0.0), low), np.where(on_padding, np.maximum(high, 0.0), high)
    weights = tap_weights(operator, source)
    bias = operator.bias.astype(np.int64)
    up, down = np.maximum(weights, 0).astype(np.float64), np.minimum(weights, 0).astype(np.float64)
    if isinstance(operator, DepthwiseConv2D):
        least, largest = up[0] * low + down[0] * high, up[0] * high + down[0] * low
        return bias + least.sum(axis=(0, 1)).astype(np.int64), bias + largest.sum(axis=(0, 1)).astype(np.int64)
    groups = operator.groups if isinstance(operator, Conv2D) else 1

    def by_group(values: FloatArray) -> FloatArray:
        """[kernel_h, kernel_w, in_channels] -> [groups, taps of one group, 1]."""
        taps = values.reshape(*values.shape[:2], groups, -1)
        return np.moveaxis(taps, 2, 0).reshape(groups, -1, 1)

    up, down = (half.reshape(groups, len(bias) // groups, -1) for half in (up, down))
    sums = up @ by_group(low) + down @ by_group(high), up @ by_group(high) + down @ by_group(low)
    least, largest = (each.reshape(-1).astype(np.int64) for each in sums)
    return bias + least, bias + largest


def _requantize(acc: Int64Array, operator: Weighted) -> Int64Array:
    """As the operator rounds, in Python's integers: exact for every shift and beyond int32; saturated to 16 bits."""
    twice = rounds_twice(operator)
    steps = []
    for a, m, s in zip(acc.tolist(), operator.multiplier.tolist(), operator.shift.tolist(), strict=True):
        nudge = 0 if not twice or s <= 31 else 1 << 30 if a >= 0 else -(1 << 30)
        steps.append((a * m + (1 << (s - 1)) + nudge) >> s)
    return np.array([min(max(step, -(1 << 15)), 1 << 15) for step in steps], np.int64)
