"""Graph -> Graph: Pads folded into the windows behind them, tables that only clamp into what is before them, moved
channels into the weights beside them, and operators that reach no output dropped.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping

import numpy as np

from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GatherChannels,
    GlobalAveragePool,
    Graph,
    Lookup,
    MaxPool2D,
    Mul,
    Operator,
    Pad,
    Padding,
    TableAdd,
    Tensor,
)


def tidy(graph: Graph) -> Graph:
    """All passes."""
    return drop_dead(fold_channels(fold_clamps(fold_pads(drop_dead(graph)))))


def drop_dead(graph: Graph) -> Graph:
    """Without operators and tensors that no output needs."""
    needed = set(graph.outputs)
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if operator.output in needed:
            needed.update(operator.inputs)
            kept.append(operator)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in needed.union(graph.inputs)}
    return dataclasses.replace(graph, tensors=tensors, operators=tuple(reversed(kept)))


def fold_pads(graph: Graph) -> Graph:
    """Each window behind a Pad of its neutral value pads by itself; a Pad nobody reads is dropped later."""
    pads = {op.output: op for op in graph.operators if isinstance(op, Pad)}
    folded: dict[str, Operator] = {}
    for operator in graph.operators:
        while operator.inputs[0] in pads:
            found = _folded(operator, pads[operator.inputs[0]], graph.tensors)
            if found is None:
                break
            operator = found
        folded[operator.output] = operator
    return dataclasses.replace(graph, operators=tuple(folded.values()))


def fold_channels(graph: Graph) -> Graph:
    """Channels that are only moved: weights behind them are moved instead, or the filters before them are."""
    moves = {op.output: op for op in graph.operators if isinstance(op, GatherChannels)}
    makers = {op.output: op for op in graph.operators}
    readers: dict[str, list[Operator]] = {}
    for operator in graph.operators:
        for name in operator.inputs:
            readers.setdefault(name, []).append(operator)
    operators = []
    for operator in graph.operators:
        while isinstance(operator, Conv2D) and operator.inputs[0] in moves:
            around = _reading_around(operator, moves[operator.inputs[0]], graph)
            if around is operator:
                break
            operator = around
        if isinstance(operator, GatherChannels):
            maker = makers.get(operator.inputs[0])
            others = readers[operator.inputs[0]]
            if isinstance(maker, Conv2D) and operator.inputs[0] not in graph.outputs and _shared_out(others):
                operator = _with_filters(maker, operator)
        operators.append(operator)
    return dataclasses.replace(graph, operators=tuple(operators))


def _reading_around(operator: Conv2D, move: GatherChannels, graph: Graph) -> Operator:
    """The convolution over the channels as they lie, where these are no more and each is taken once at most."""
    depth = graph.tensor(move.inputs[0]).channels
    chosen = np.array(move.channels)
    taken = chosen[chosen >= 0]
    silent = move.value == graph.tensor(move.output).quantization.zero_point or (chosen >= 0).all()
    if operator.groups > 1 or depth > len(chosen) or len(set(taken.tolist())) < len(taken) or not silent:
        return operator
    weights = np.zeros((*operator.weights.shape[:3], depth), np.int8)
    weights[..., taken] = operator.weights[..., chosen >= 0]
    return dataclasses.replace(operator, inputs=move.inputs, weights=weights)


def _shared_out(readers: list[Operator]) -> bool:
    """Whether all that read a tensor take channels of it, none twice: then each can be computed where it is wanted."""
    channels = [c for reader in readers if isinstance(reader, GatherChannels) for c in reader.channels]
    return all(isinstance(reader, GatherChannels) for reader in readers) and (
        min(channels) >= 0 and len(set(channels)) == len(channels)
    )


def _with_filters(maker: Conv2D, move: GatherChannels) -> Operator:
    """The filters of these channels only."""
    if maker.groups > 1:
        return move
    chosen = list(move.channels)
    parts = {name: getattr(maker, name)[chosen] for name in ("weights", "bias", "multiplier", "shift")}
    return dataclasses.replace(maker, name=move.name, output=move.output, **parts)


_CLAMPING = (
    Conv2D,
    DepthwiseConv2D,
    Dense,
    MaxPool2D,
    AveragePool2D,
    GlobalAveragePool,
    Add,
    TableAdd,
    Mul,
    ChannelAffine,
)


def fold_clamps(graph: Graph) -> Graph:
    """A table that only limits what one operator before it computed becomes that operator's clamp."""
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    operators: dict[str, Operator] = {}
    for operator in graph.operators:
        source = operators.get(operator.inputs[0])
        if (
            isinstance(operator, Lookup)
            and isinstance(source, _CLAMPING)
            and readers[source.output] == 1
            and source.output not in graph.outputs
            and graph.tensor(source.output).quantization == graph.tensor(operator.output).quantization
        ):
            low, high = int(operator.table[0]), int(operator.table[-1])
            if np.array_equal(operator.table, np.clip(np.arange(-128, 128), low, high)):
                low, high = (min(max(limit, low), high) for limit in (source.low, source.high))
                del operators[source.output]
                operator = dataclasses.replace(source, output=operator.output, low=low, high=high)
        operators[operator.output] = operator
    return dataclasses.replace(graph, operators=tuple(operators.values()))


def _folded(operator: Operator, pad: Pad, tensors: Mapping[str, Tensor]) -> Operator | None:
    zero_point = tensors[pad.output].quantization.zero_point
    match operator:
        case Conv2D() | DepthwiseConv2D() if pad.value == zero_point:
            padding = _joined(operator.padding, pad.padding)
            return dataclasses.replace(operator, inputs=pad.inputs, padding=padding)
        case MaxPool2D() if pad.value == -128:
            padding = _joined(operator.padding, pad.padding)
            if _within(padding, operator.kernel):
                return dataclasses.replace(operator, inputs=pad.inputs, padding=padding)
        case AveragePool2D(center=center) if pad.value == (zero_point if center is None else center) and (
            operator.count_include_pad or operator.padding == Padding()
        ):
            padding = _joined(operator.padding, pad.padding)
            return dataclasses.replace(operator, inputs=pad.inputs, padding=padding, count_include_pad=True)
        case _:
            pass
    return None


def _within(padding: Padding, kernel: tuple[int, int]) -> bool:
    """Whether every window holds at least one tap of the input."""
    return max(padding.top, padding.bottom) < kernel[0] and max(padding.left, padding.right) < kernel[1]


def _joined(a: Padding, b: Padding) -> Padding:
    return Padding(a.top + b.top, a.left + b.left, a.bottom + b.bottom, a.right + b.right)
