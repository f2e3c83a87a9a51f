"""Every plan of a small network, without the planner's shortcuts: all cuts and strip widths, least scratch."""

from __future__ import annotations

from collections.abc import Iterator

from msf_riot.ir import Graph
from msf_riot.planner import Stage
from msf_riot.stage import ALIGNMENT, InputMode, Network, layout, skeleton


def stages_from(network: Network, begin: int, mode: InputMode, overlap: bool) -> Iterator[tuple[Stage, int, int]]:
    """(stage, bytes, MACs) for each stage that begins at an operator, at every width."""
    for end in range(begin + 1, len(network.operators) + 1):
        shape = skeleton(network, begin, end, mode, overlap)
        if shape is None:
            continue
        whole = 1 if shape.strip_tensor is None else network.graph.tensor(shape.strip_tensor).width
        for width in range(1, whole + 1) if shape.strips_allowed else (whole,):
            placed = layout(network, shape, width, 0)
            yield Stage(begin, end, width, 0), placed.bytes, placed.macs


def all_costs(graph: Graph, mode: InputMode, overlap: bool, most: int) -> set[tuple[int, int]] | None:
    """(peak RAM, MACs) of every plan there is, none left out for being dominated; None where there are more plans."""
    network = Network(graph)
    count = len(network.operators)
    stages = [list(stages_from(network, begin, mode, overlap)) for begin in range(count)]
    plans = [0] * count + [1]
    for begin in range(count - 1, -1, -1):
        plans[begin] = sum(plans[stage.end] for stage, _, _ in stages[begin])
    if plans[0] > most:
        return None
    rest: list[set[tuple[int, int]]] = [set() for _ in range(count)] + [{(ALIGNMENT, 0)}]
    for begin in range(count - 1, -1, -1):
        for stage, ram, work in stages[begin]:
            rest[begin].update((max(ram, peak), work + macs) for peak, macs in rest[stage.end])
    return rest[0]


def all_plans(network: Network, mode: InputMode, overlap: bool, position: int = 0) -> Iterator[tuple[Stage, ...]]:
    """The stages of every plan, one after the other."""
    if position == len(network.operators):
        yield ()
        return
    for stage, _, _ in stages_from(network, position, mode, overlap):
        for others in all_plans(network, mode, overlap, stage.end):
            yield (stage, *others)


def undominated(found: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs that no other beats in both, by falling RAM."""
    front: list[tuple[int, int]] = []
    for ram, work in sorted(found):
        if not front or work < front[-1][1]:
            front.append((ram, work))
    return front[::-1]
