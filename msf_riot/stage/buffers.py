"""Buffers in the scratch of a stage, and those of its head: the sums of reductions and the vectors made from them.

The head (docs/execution.md): global average pooling and dense layers read every pixel once into int32 sums, which lie
at the start of the scratch. After the last strip the sums become int8, and the operators between vectors run once, in
bytes that were line buffers a moment before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from msf_riot.stage.facts import Network, aligned, is_elementwise
from msf_riot.stage.skeleton import Skeleton

Place: TypeAlias = Literal["line", "pixels", "vector", "accumulator", "kernel"]


@dataclass(frozen=True)
class Buffer:
    """Scratch of a stage, `offset` bytes into it; a line buffer has `rows` slots of `width` pixels."""

    tensor: str
    place: Place
    offset: int
    size: int
    rows: int = 1
    width: int = 1


def late_kernel_scratch(network: Network, stage: Skeleton) -> int:
    """Bytes that the kernels of the operators between vectors need beside their vectors."""
    return max((int(network.kernel_scratch[index][1]) for index in stage.late), default=0)


def accumulators(network: Network, stage: Skeleton) -> tuple[Buffer, ...]:
    """int32 sums of the reductions, from the start of the scratch."""
    buffers: list[Buffer] = []
    for group in stage.groups:
        if group.reduction is not None:
            name = network.operators[group.reduction].output
            offset = sum(buffer.size for buffer in buffers)
            buffers.append(Buffer(name, "accumulator", offset, 4 * network.graph.tensor(name).channels))
    return tuple(buffers)


def vectors(network: Network, stage: Skeleton) -> tuple[tuple[Buffer, ...], int]:
    """(buffers, bytes) of the vectors that live only within the stage, after the last strip; offsets from 0.

    First fit by lifetime; elementwise operators work in place. An input that streams and is a vector is one of them.
    """
    reductions = tuple(group.reduction for group in stage.groups if group.reduction is not None)
    order = sorted(reductions) + list(stage.late)
    placed: dict[str, Buffer] = {}
    last_use = {name: network.consumers[name][-1] for name in (network.operators[i].output for i in order)}
    if stage.streamed is not None and stage.streamed not in stage.line_rows:
        placed[stage.streamed] = Buffer(stage.streamed, "vector", 0, aligned(network.graph.tensor(stage.streamed).size))
        last_use[stage.streamed] = network.consumers[stage.streamed][-1]
    for index in order:
        operator = network.operators[index]
        name = operator.output
        if name in stage.outputs:
            continue
        size = aligned(network.graph.tensor(name).size)
        source = operator.inputs[0]
        if is_elementwise(operator) and source in placed and last_use[source] == index:
            placed[name] = Buffer(name, "vector", placed[source].offset, size)
            continue
        busy = sorted(
            (b.offset, b.offset + b.size) for n, b in placed.items() if last_use[n] >= index or index in reductions
        )
        offset = 0
        for begin, end in busy:
            if offset + size <= begin:
                break
            offset = max(offset, end)
        placed[name] = Buffer(name, "vector", offset, size)
    return tuple(placed.values()), max((b.offset + b.size for b in placed.values()), default=0)
