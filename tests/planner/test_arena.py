"""The schedule's arena is the plan's peak RAM, and nothing in it is overwritten while it is needed."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msf_riot.ir import Graph
from msf_riot.planner import Plan, layer_by_layer
from msf_riot.scheduler import Schedule, ScheduledStage, schedule
from tests.execution.random_networks import networks, plans

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
GARBAGE = -1


class Arena:
    """Every byte of the arena, holding which byte of which tensor is there."""

    def __init__(self, scheduled: Schedule) -> None:
        self.graph: Graph = scheduled.graph
        self.numbers = {name: number for number, name in enumerate(self.graph.tensors)}
        self.bytes = np.full(scheduled.arena_bytes, GARBAGE, dtype=np.int64)

    def content(self, name: str) -> np.ndarray:
        return (self.numbers[name] << 32) + np.arange(self.graph.tensor(name).size)

    def holds(self, name: str, offset: int) -> bool:
        return np.array_equal(self.bytes[offset : offset + self.graph.tensor(name).size], self.content(name))

    def region(self, offset: int, size: int) -> np.ndarray:
        assert offset >= 0 and offset + size <= len(self.bytes), "outside the arena"
        return self.bytes[offset : offset + size]


def run_stage(arena: Arena, stage: ScheduledStage, alive_before: set[str], alive_after: set[str]) -> None:
    """Moves, garbage in the scratch, outputs; checks what must be whole before, during and after."""
    shape = stage.layout.skeleton
    for move in stage.moves:
        assert arena.holds(move.tensor, move.source)
        arena.region(move.destination, move.size)[:] = arena.region(move.source, move.size).copy()
    for name in alive_before:
        assert arena.holds(name, stage.offsets[name]), f"{name} is not whole when the stage begins"

    scratch = (stage.scratch_offset, stage.layout.scratch_bytes)
    for buffer in stage.layout.buffers:
        assert buffer.offset + buffer.size <= stage.layout.scratch_bytes, f"{buffer} outside the scratch"
        assert (stage.scratch_offset + buffer.offset) % 4 == 0 or buffer.place != "accumulator"
    arena.region(*scratch)[:] = GARBAGE
    made = [name for name in shape.outputs if name not in arena.graph.outputs]
    for name in made:
        others = alive_before - ({shape.primary} if name == shape.output else set())
        arena.region(stage.offsets[name], arena.graph.tensor(name).size)[:] = arena.content(name)
        for other in others:
            assert arena.holds(other, stage.offsets[other]), f"{name} written over {other}"
    arena.region(*scratch)[:] = GARBAGE
    for name in alive_after:
        assert arena.holds(name, stage.offsets[name]), f"{name} is not whole when the stage ends"

    if shape.primary is not None:
        distance = stage.offsets[shape.primary] - stage.offsets[shape.output]
        output = arena.graph.tensor(shape.output).size
        apart = distance >= output or -distance >= arena.graph.tensor(shape.primary).size
        assert apart or distance >= stage.layout.overlap, "output grows over input that is still to be read"
        assert apart or stage.layout.strips == 1, "a later strip reads input that an earlier one wrote over"


def check_buffers(stage: ScheduledStage) -> None:
    """Line buffers and pixels of different tensors lie apart, but for a row that is made in its host's."""
    hosts = stage.layout.skeleton.hosts
    lines = [buffer for buffer in stage.layout.buffers if buffer.place in ("line", "accumulator")]
    lines = [buffer for buffer in lines if buffer.place != "line" or buffer.tensor not in hosts]
    pixels = [buffer for buffer in stage.layout.buffers if buffer.place in ("pixels", "kernel")]
    late = {stage.layout.skeleton.groups and op for op in stage.layout.skeleton.late}
    for number, one in enumerate(lines):
        for other in lines[number + 1 :] + ([] if late else pixels):
            assert one.offset + one.size <= other.offset or other.offset + other.size <= one.offset, (one, other)


def check_arena(graph: Graph, plan: Plan) -> None:
    scheduled = schedule(graph, plan)
    assert scheduled.arena_bytes == plan.peak_ram == max(4, *(stage.layout.bytes for stage in scheduled.stages))
    arena = Arena(scheduled)
    last_use = {name: index for index, op in enumerate(graph.operators) for name in op.inputs}
    alive: set[str] = set()
    for stage in scheduled.stages:
        shape = stage.layout.skeleton
        made = {op.output for op in graph.operators[: shape.end]}
        after = {name for name in made if name not in graph.outputs and last_use[name] >= shape.end}
        run_stage(arena, stage, alive, after)
        check_buffers(stage)
        alive = after
    assert not alive


@settings(max_examples=300, **SLOW)
@given(st.data())
def test_nothing_in_the_arena_is_overwritten_while_it_is_needed(data: st.DataObject) -> None:
    graph = data.draw(networks())
    check_arena(graph, data.draw(st.one_of(plans(graph), st.just(layer_by_layer(graph)))))
