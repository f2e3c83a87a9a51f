"""Graph in; out the same function with fewer channels, those that never change folded away, and a report.

`bounds` proves which channels hold one value for every input. Nobody needs to compute those: a convolution or dense
layer that reads one takes its contribution into the bias, and a channel that then has no reader left is dropped from
its producer, with all that only it needed. A constant channel that some reader must see (a residual add, say)
keeps its place with weights of zero. docs/passes.md has the rules and figures.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from msf_riot.ir import (
    WEIGHTED,
    ArgMax,
    ChannelAffine,
    ChannelLookup,
    Concat,
    Conv2D,
    Dense,
    DepthToSpace,
    DepthwiseConv2D,
    FixedPointSoftmax,
    GatherChannels,
    Graph,
    Int32Array,
    LogSoftmax,
    Operator,
    PRelu,
    Softmax,
    SpaceToDepth,
    Tensor,
    TransposedConv2D,
    macs_per_pixel,
)
from msf_riot.passes.bounds import BoolArray, Bounds, Weighted, channel_bounds, tap_places, tap_weights

ROUND = 4
"""Channels are left in multiples of it where there were such: kernels take four at a time."""

_STEP = 8  # of a channel with weights of zero: a step of its output is 2^_STEP of its bias
_MULTIPLIER, _SHIFT = 1 << 30, 30 + _STEP


@dataclass(frozen=True)
class FoldedOperator:
    """One convolution or dense layer: what it was, and is.

    `constant` of its `channels_before` output channels were proved constant; `channels_after` are left. Those dropped
    without being constant had no reader but constant channels.
    """

    name: str
    kind: str
    channels_before: int
    constant: int
    channels_after: int
    macs_before: int
    macs_after: int
    weight_bytes_before: int
    weight_bytes_after: int


@dataclass(frozen=True)
class Report:
    """Every convolution and dense layer, and their sums. A weight is a byte."""

    operators: tuple[FoldedOperator, ...]

    @property
    def channels_before(self) -> int:
        """Output channels of all these layers."""
        return sum(each.channels_before for each in self.operators)

    @property
    def constant(self) -> int:
        """How many of them are provably constant."""
        return sum(each.constant for each in self.operators)

    @property
    def channels_after(self) -> int:
        """How many are left."""
        return sum(each.channels_after for each in self.operators)

    @property
    def macs_before(self) -> int:
        """Multiply-accumulates of layer-by-layer execution as it was."""
        return sum(each.macs_before for each in self.operators)

    @property
    def macs_after(self) -> int:
        """Multiply-accumulates of layer-by-layer execution now."""
        return sum(each.macs_after for each in self.operators)

    @property
    def weight_bytes_before(self) -> int:
        """Bytes of int8 weights as they were."""
        return sum(each.weight_bytes_before for each in self.operators)

    @property
    def weight_bytes_after(self) -> int:
        """Bytes of int8 weights now."""
        return sum(each.weight_bytes_after for each in self.operators)


def fold_constant_channels(graph: Graph) -> tuple[Graph, Report]:
    """The graph without what constant channels cost, and what that gained.

    Its output is the same bytes for every input; so is every channel left of every tensor. Inputs and outputs keep
    their shapes, operators their number, order and names. A tensor that lost channels has no `origin` any more.
    A graph with nothing to fold is returned as it is.
    """
    bounds = channel_bounds(graph)
    kept = kept_channels(graph, bounds)
    tensors = {name: _narrowed(tensor, kept[name]) for name, tensor in graph.tensors.items() if name in kept}
    operators = tuple(_folded(graph, operator, bounds, kept) for operator in graph.operators)
    folded = graph
    if any(new is not old for new, old in zip(operators, graph.operators, strict=True)):
        folded = dataclasses.replace(graph, tensors={**graph.tensors, **tensors}, operators=operators)
    return folded, _report(graph, folded, bounds)


def kept_channels(graph: Graph, bounds: Mapping[str, Bounds]) -> dict[str, BoolArray]:
    """Which channels of each tensor somebody must see: bool [channels] by tensor name, in each at least one True.

    The least sets, up to ROUND, that hold the graph's inputs and outputs and that every operator agrees to, found by
    letting them grow until no operator asks for more.
    """
    names = (*graph.inputs, *(operator.output for operator in graph.operators))
    kept = {name: np.zeros(graph.tensor(name).channels, np.bool_) for name in names}
    for name in (*graph.inputs, *graph.outputs):
        kept[name][:] = True
    while True:
        before = sum(int(mask.sum()) for mask in kept.values())
        for operator in reversed(graph.operators):
            _widen(graph, operator, bounds, kept)
        if sum(int(mask.sum()) for mask in kept.values()) > before:
            continue
        short = [mask for mask in kept.values() if not mask.any() or (mask.size % ROUND == 0 and mask.sum() % ROUND)]
        if not short:
            return kept
        missing = int(-short[-1].sum() % ROUND) or 1
        short[-1][np.flatnonzero(~short[-1])[:missing]] = True


def _widen(graph: Graph, operator: Operator, bounds: Mapping[str, Bounds], kept: dict[str, BoolArray]) -> None:
    """Adds to the masks of the operator's inputs and output what it needs there."""
    masks = [kept[name] for name in operator.inputs]
    output = kept[operator.output]
    match operator:
        case Conv2D(groups=groups) if groups > 1:  # groups stay equal in size: whole or gone
            sides = masks[0].reshape(groups, -1), output.reshape(groups, -1)
            used = sides[0].any(axis=1) | sides[1].any(axis=1)
            for side in sides:
                side[used] = True
        case Conv2D() | Dense():
            masks[0] |= _needed_inputs(graph, operator, bounds, output)
        case Softmax() | FixedPointSoftmax() | LogSoftmax() | TransposedConv2D() | ChannelLookup() | PRelu() | ArgMax():
            masks[0][:] = output[:] = True
        case DepthToSpace() | SpaceToDepth():
            masks[0][:] = output[:] = True
        case GatherChannels(channels=channels):
            wanted = np.array(channels)[output]
            masks[0][wanted[wanted >= 0]] = True
        case Concat(axis=2):
            parts = np.split(output, np.cumsum([mask.size for mask in masks])[:-1])
            for part, mask in zip(parts, masks, strict=True):
                part |= mask
                mask |= part
        case _:  # channel c of the output comes from channel c of each input
            shared = functools.reduce(np.logical_or, masks, output)
            for mask in (*masks, output):
                mask |= shared


def _needed_inputs(
    graph: Graph, operator: Conv2D | Dense, bounds: Mapping[str, Bounds], kept_outputs: BoolArray
) -> BoolArray:
    """Input channels that can not go into the bias: bool [in_channels].

    A changing channel is needed where a tap with a weight reaches it. A constant one adds the same to each pixel,
    unless one of these taps also reaches padding, which adds 0, and the constant is not the zero point.
    """
    source = graph.tensor(operator.inputs[0])
    x = bounds[source.name]
    on_input, on_padding = (place[..., np.newaxis] for place in tap_places(graph, operator))
    computed = kept_outputs & ~bounds[operator.output].constant
    weighted = tap_weights(operator, source)[computed].any(axis=0) & on_input
    uneven = on_padding & (x.low != source.quantization.zero_point)
    needed: BoolArray = (weighted & (~x.constant | uneven)).any(axis=(0, 1))
    return needed


def _narrowed(tensor: Tensor, kept: BoolArray) -> Tensor:
    return tensor if kept.all() else dataclasses.replace(tensor, channels=int(kept.sum()), origin=None)


def _folded(graph: Graph, operator: Operator, bounds: Mapping[str, Bounds], kept: Mapping[str, BoolArray]) -> Operator:
    """The operator over the channels that are kept; the very same object where nothing changes."""
    inputs, outputs = kept[operator.inputs[0]], kept[operator.output]
    match operator:
        case ChannelAffine() if not outputs.all():
            narrow = {name: getattr(operator, name)[outputs] for name in ("multiplier", "offset", "shift")}
            return dataclasses.replace(operator, **narrow)
        case GatherChannels(channels=channels) if not (inputs.all() and outputs.all()):
            place = np.cumsum(inputs) - 1
            chosen = np.array(channels)[outputs]
            return dataclasses.replace(operator, channels=tuple(np.where(chosen < 0, -1, place[chosen]).tolist()))
        case Conv2D() | DepthwiseConv2D() | Dense():
            constant = bounds[operator.output].constant
            if inputs.all() and outputs.all() and not constant.any():
                return operator
            return _narrowed_weights(_silenced(graph, _absorbed(graph, operator, bounds, inputs), bounds), graph, kept)
    return operator


def _absorbed(graph: Graph, operator: Weighted, bounds: Mapping[str, Bounds], kept_inputs: BoolArray) -> Weighted:
    """What the dropped input channels contribute added to the bias.

    The bias grows by no more than the worst case of the weights that go, so int32 still holds every accumulator.
    """
    if isinstance(operator, DepthwiseConv2D) or (isinstance(operator, Conv2D) and operator.groups > 1):
        return operator  # whose outputs go with their inputs
    source = graph.tensor(operator.inputs[0])
    steps = np.where(kept_inputs, 0, bounds[source.name].low.astype(np.int64) - source.quantization.zero_point)
    on_input, _ = tap_places(graph, operator)
    weights = tap_weights(operator, source) * on_input[..., np.newaxis].astype(np.int64)
    bias = operator.bias + (weights * steps).sum(axis=(1, 2, 3))
    computed = ~bounds[operator.output].constant  # a constant's bias is set later, and may be anything here
    return dataclasses.replace(operator, bias=np.where(computed, bias, 0).astype(np.int32))


def _silenced(graph: Graph, operator: Weighted, bounds: Mapping[str, Bounds]) -> Weighted:
    """Constant output channels made from their bias alone, requantized without harm."""
    output = graph.tensor(operator.output)
    constant = bounds[output.name].constant
    steps = bounds[output.name].low.astype(np.int32) - output.quantization.zero_point

    def where_constant(new: int | Int32Array, old: Int32Array) -> Int32Array:
        return np.where(constant, new, old).astype(np.int32)

    weights = operator.weights.copy()
    weights[(..., constant) if isinstance(operator, DepthwiseConv2D) else constant] = 0
    return dataclasses.replace(
        operator,
        weights=weights,
        bias=where_constant(steps << _STEP, operator.bias),
        multiplier=where_constant(_MULTIPLIER, operator.multiplier),
        shift=where_constant(_SHIFT, operator.shift),
    )


def _narrowed_weights(operator: Weighted, graph: Graph, kept: Mapping[str, BoolArray]) -> Weighted:
    inputs, outputs = kept[operator.inputs[0]], kept[operator.output]
    each = {name: getattr(operator, name)[outputs] for name in ("bias", "multiplier", "shift")}
    match operator:
        case DepthwiseConv2D(weights=weights):
            narrow = weights[..., outputs]
        case Dense():
            taps = tap_weights(operator, graph.tensor(operator.inputs[0]))
            narrow = taps[outputs][..., inputs].reshape(int(outputs.sum()), -1)
        case Conv2D(weights=weights, groups=1):
            narrow = weights[outputs][..., inputs]
        case Conv2D(weights=weights, groups=groups):
            left = int(outputs.reshape(groups, -1).any(axis=1).sum())
            return dataclasses.replace(operator, weights=weights[outputs], groups=left, **each)
    return dataclasses.replace(operator, weights=np.ascontiguousarray(narrow), **each)


def _report(before: Graph, after: Graph, bounds: Mapping[str, Bounds]) -> Report:
    operators = []
    for old, new in zip(before.operators, after.operators, strict=True):
        if not isinstance(old, WEIGHTED) or not isinstance(new, WEIGHTED):
            continue
        original, output = before.tensor(old.output), after.tensor(new.output)
        pixels = output.height * output.width
        operators.append(
            FoldedOperator(
                name=old.name,
                kind=type(old).__name__,
                channels_before=original.channels,
                constant=int(bounds[original.name].constant.sum()),
                channels_after=output.channels,
                macs_before=macs_per_pixel(old) * pixels,
                macs_after=macs_per_pixel(new) * pixels,
                weight_bytes_before=old.weights.size,
                weight_bytes_after=new.weights.size,
            )
        )
    return Report(tuple(operators))
