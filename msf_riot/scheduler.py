"""Plan -> Schedule: where in the arena every tensor and buffer is while each stage runs.

Tensors stay where they are as long as the arena has gaps for what a stage adds; outputs go to the end of the arena that
is away from the primary input, so that a chain alternates. Where there is no gap, everything is packed from the bottom
in the order it has, the stage's output just below its primary input and overlapping it as far as `stage/overlap.py`
allows, scratch on top: that never takes more than the planner counted, and as the order is kept, memmoves suffice.
"""

from __future__ import annotations

from dataclasses import dataclass

from msf_riot.ir import Graph
from msf_riot.planner.plan import Plan, layouts, peak_ram
from msf_riot.stage import Layout, Network, aligned


@dataclass(frozen=True)
class Move:
    """A memmove within the arena before a stage begins; offsets and size in bytes."""

    tensor: str
    source: int
    destination: int
    size: int


@dataclass(frozen=True)
class ScheduledStage:
    """One stage: its moves, then the arena offset of each whole tensor, and of its scratch."""

    number: int
    layout: Layout
    moves: tuple[Move, ...]
    offsets: dict[str, int]
    scratch_offset: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """All that code generation needs: the graph, the plan and every byte of the arena."""

    graph: Graph
    plan: Plan
    network: Network
    stages: tuple[ScheduledStage, ...]

    @property
    def arena_bytes(self) -> int:
        """Size of the arena: the peak RAM of the plan."""
        return self.plan.peak_ram

    @property
    def macs(self) -> int:
        """Multiply-accumulates executed, recomputation included."""
        return self.plan.macs

    @property
    def overhead(self) -> float:
        """F: MACs executed / MACs of layer-by-layer execution."""
        return self.plan.overhead

    @property
    def input_bytes(self) -> int:
        """Bytes of the inputs, whole (in the caller's buffer, or never whole at all)."""
        return self.graph.input_bytes

    @property
    def output_bytes(self) -> int:
        """Bytes of the caller's output buffer."""
        return self.graph.output_bytes


def schedule(graph: Graph, plan: Plan) -> Schedule:
    """Places every stage of the plan. Raises PlanError where the plan does not suit the graph."""
    network = Network(graph, plan.kernels)
    placed = layouts(network, plan.stages, plan.input_mode, plan.overlap)
    arena = peak_ram(placed)
    if arena != plan.peak_ram:
        raise AssertionError(f"the plan says {plan.peak_ram} bytes, its stages take {arena}")
    stages: list[ScheduledStage] = []
    places: dict[str, int] = {}
    for number, layout in enumerate(placed):
        offsets, scratch = _place_around(network, layout, places, arena) or _place_compactly(network, layout, places)
        stages.append(ScheduledStage(number, layout, _moves(network, places, offsets), offsets, scratch))
        places = {n: at for n, at in offsets.items() if network.consumers[n][-1] >= layout.skeleton.end}
    return Schedule(graph, plan, network, tuple(stages))


def _made(network: Network, layout: Layout) -> tuple[str, ...]:
    return tuple(name for name in layout.skeleton.outputs if network.in_arena(name))


def _size(network: Network, name: str) -> int:
    return aligned(network.graph.tensor(name).size)


def _place_around(
    network: Network, layout: Layout, places: dict[str, int], arena: int
) -> tuple[dict[str, int], int] | None:
    """Outputs and scratch in the gaps between the tensors that are there, or None where the arena has no such gaps.

    Where no gap takes the output, it is tried over the primary input.
    """
    shape = layout.skeleton
    busy = sorted((at, at + _size(network, name)) for name, at in places.items())
    wanted = [(name, _size(network, name)) for name in _made(network, layout)]
    for shared in (False, True):
        offsets, taken = dict(places), list(busy)
        if shared:
            if shape.primary is None:
                return None
            at, top = places[shape.primary] - layout.overlap, places[shape.primary]
            bottom_is_free = at >= 0 and not any(low < top and high > at for low, high in busy)
            end = at + _size(network, shape.output)
            above_is_free = not any(low < end and high > top + _size(network, shape.primary) for low, high in busy)
            if not bottom_is_free or not above_is_free or end > arena:
                return None
            offsets[shape.output] = at
            taken.append((at, max(end, top)))
        high_end = shape.primary is not None and 2 * places[shape.primary] < arena
        for name, size in [*(want for want in wanted if want[0] not in offsets), ("", layout.scratch_bytes)]:
            offset = _gap(taken, size, arena, high_end and name != "")
            if offset is None:
                break
            offsets[name] = offset
            taken.append((offset, offset + size))
        else:
            return offsets, offsets.pop("")
    return None


def _gap(taken: list[tuple[int, int]], size: int, arena: int, from_top: bool) -> int | None:
    """The lowest (or highest) offset at which `size` bytes are free."""
    edges = [0, *(edge for span in sorted(taken) for edge in span), arena]
    free: list[int] = []
    reached = 0
    for end, begin in zip(edges[0::2], edges[1::2], strict=True):
        reached = max(reached, end)
        if begin - reached >= size:
            free.append(begin - size if from_top else reached)
    return (free[-1] if from_top else free[0]) if free else None


def _place_compactly(network: Network, layout: Layout, places: dict[str, int]) -> tuple[dict[str, int], int]:
    """Everything from the bottom up in the order it has, outputs just below the primary input, scratch on top."""
    order = sorted(places, key=lambda name: places[name])
    primary = layout.skeleton.primary
    at = len(order) if primary is None else order.index(primary)
    offsets: dict[str, int] = {}
    position = 0
    for name in [*order[:at], *_made(network, layout), *order[at:]]:
        offsets[name] = position
        if name == primary:
            offsets[name] = offsets[layout.skeleton.output] + layout.overlap
        position = max(position, offsets[name] + _size(network, name))
    if position != layout.resident_bytes:
        raise AssertionError(f"{position} bytes placed, {layout.resident_bytes} counted")
    return offsets, position


def _moves(network: Network, places: dict[str, int], offsets: dict[str, int]) -> tuple[Move, ...]:
    """Moves that no other move disturbs, as the order is kept: downwards from the bottom, then upwards from the top."""
    order = sorted(places, key=lambda name: places[name])
    moves = [Move(name, places[name], offsets[name], network.graph.tensor(name).size) for name in order]
    down = [move for move in moves if move.destination < move.source]
    up = [move for move in moves if move.destination > move.source]
    return tuple(down + up[::-1])
