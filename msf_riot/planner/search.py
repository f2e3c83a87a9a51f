"""Graph and limits -> the best Plan: msf-CNN's constrained shortest path (arXiv 2505.11483, section 4), made exact.

Nodes are the positions between operators, edges the candidate stages, one for each range of operators and strip width.
The peak RAM of a path is its largest edge, its MACs are the sum: with the edges sorted out by RAM, P2 (least MACs
within a RAM limit) is one pass over the nodes, and P1 (least RAM within a MAC limit) a binary search over RAM values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from msf_riot.errors import DoesNotFitError
from msf_riot.ir import Graph, macs
from msf_riot.kernels import PORTABLE
from msf_riot.planner.plan import Plan, Stage, check_input_mode, make_plan
from msf_riot.stage import (
    ALIGNMENT,
    InputMode,
    IntArray,
    Network,
    costs,
    skeleton,
    strip_columns,
    strip_widths,
)

Progress = Callable[[int, int], None]
INSTRUCTIONS = 1 << 31
"""More than any network takes: path lengths are MACs times this plus instructions."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """All stages worth considering: number k is operators [begin[k], end[k]), strips of width[k], shared[k] bytes."""

    network: Network
    input_mode: InputMode
    overlap: bool
    begin: IntArray
    end: IntArray
    width: IntArray
    shared: IntArray
    bytes: IntArray
    macs: IntArray
    instructions: IntArray

    def into(self, position: int) -> slice:
        """The candidates that end at `position`; they are sorted by it."""
        low, high = np.searchsorted(self.end, [position, position + 1])
        return slice(int(low), int(high))


def candidates(
    graph: Graph,
    input_mode: InputMode = "whole",
    overlap: bool = True,
    *,
    kernels: str = PORTABLE,
    max_overhead: float = np.inf,
    progress: Progress | None = None,
) -> Candidates:
    """Every stage of the graph with every strip width and number of pixels that no other choice for it beats.

    Stages that alone exceed `max_overhead` times the MACs of the whole network are left out.
    """
    check_input_mode(graph, input_mode)
    network = Network(graph, kernels)
    budget = max_overhead * max(1, macs(graph))
    rows: list[IntArray] = []
    count = len(network.operators)
    for end in range(1, count + 1):
        if progress is not None:
            progress(end - 1, count)
        for begin in range(end - 1, -1, -1):
            stage = skeleton(network, begin, end, input_mode, overlap)
            if stage is None:
                continue
            widths = strip_widths(network, stage)
            strips = strip_columns(network, stage, widths)
            cost = costs(network, stage, strips)
            each = np.broadcast_to(widths, cost.bytes.shape)
            which = [np.full(cost.bytes.shape, begin), np.full(cost.bytes.shape, end), each, cost.shared]
            table = [*which, np.maximum(cost.bytes, ALIGNMENT), cost.macs, cost.instructions]
            found = np.stack(table).reshape(len(table), -1)
            found = found[:, found[5] <= budget]
            rows.append(found[:, _undominated(found[4:])])
    if progress is not None:
        progress(count, count)
    columns = np.concatenate([np.zeros((7, 0), np.int64), *rows], axis=1)
    return Candidates(network, input_mode, overlap, *columns)


def _undominated(costs_of: IntArray) -> list[int]:
    """Columns such that no other is at most as large in every row."""
    order = np.lexsort(costs_of[::-1])
    ordered = costs_of[:, order]
    new = np.append(True, (ordered[:, 1:] != ordered[:, :-1]).any(axis=0))
    order, ordered = order[new], ordered[:, new]
    beaten = np.all(ordered[:, :, None] <= ordered[:, None, :], axis=0) & np.tri(len(order), k=-1, dtype=bool).T
    return [int(index) for index in order[~beaten.any(axis=0)]]


def _cheapest(found: Candidates, ram_limit: int) -> tuple[int, tuple[int, ...]] | None:
    """(MACs, candidates in order) of the path with the least MACs within the limit, and of those the fastest."""
    count = len(found.network.operators)
    unreached = np.iinfo(np.int64).max
    best = np.full(count + 1, unreached, dtype=np.int64)
    best[0] = 0
    chosen = np.full(count + 1, -1, dtype=np.int64)
    weight = found.macs * INSTRUCTIONS + found.instructions
    fits = found.bytes <= ram_limit
    for position in range(1, count + 1):
        span = found.into(position)
        before = best[found.begin[span]]
        usable = fits[span] & (before != unreached)
        if usable.any():
            total = np.where(usable, before + np.where(usable, weight[span], 0), unreached)
            pick = int(np.argmin(total))
            best[position], chosen[position] = total[pick], span.start + pick
    if best[count] == unreached:
        return None
    path: list[int] = []
    position = count
    while position > 0:
        path.append(int(chosen[position]))
        position = int(found.begin[path[-1]])
    return int(best[count]) // INSTRUCTIONS, tuple(reversed(path))


def _plan(found: Candidates, path: tuple[int, ...]) -> Plan:
    stages = tuple(
        Stage(*(int(column[k]) for column in (found.begin, found.end, found.width, found.shared))) for k in path
    )
    return make_plan(found.network, stages, found.input_mode, found.overlap)


def least_macs(found: Candidates, ram_limit: int) -> Plan:
    """P2: the plan with the least MACs whose peak RAM is at most `ram_limit` bytes, and of those the fastest.

    Raises DoesNotFitError with the least RAM that any plan needs.
    """
    answer = _cheapest(found, ram_limit)
    if answer is None:
        least = least_ram(found, np.inf).peak_ram
        raise DoesNotFitError(
            f"{found.network.graph.name}: no plan fits {ram_limit:,} bytes of RAM; the leanest needs {least:,} bytes"
        )
    return _plan(found, answer[1])


def least_ram(found: Candidates, max_overhead: float = 1.0) -> Plan:
    """P1: the plan with the least peak RAM that executes at most `max_overhead` times the layer-by-layer MACs.

    Among plans of the least RAM the one with the least MACs, and of those the fastest. Raises DoesNotFitError where no
    plan is that cheap.
    """
    return _least_ram_within(found, max_overhead * max(1, macs(found.network.graph)))


def _least_ram_within(found: Candidates, macs_limit: float) -> Plan:
    values = np.unique(found.bytes)
    low, high = 0, len(values) - 1
    best = _cheapest(found, int(values[high])) if len(values) else None
    if best is None or best[0] > macs_limit:
        raise DoesNotFitError(f"{found.network.graph.name}: no plan executes as few as {macs_limit:,.0f} MACs")
    while low < high:
        middle = (low + high) // 2
        answer = _cheapest(found, int(values[middle]))
        if answer is not None and answer[0] <= macs_limit:
            best, high = answer, middle
        else:
            low = middle + 1
    return _plan(found, best[1])


def least_ram_as_fast(found: Candidates, instructions: float) -> Plan:
    """The plan with the least peak RAM that takes up to so many estimated instructions, of those with the least MACs.

    Where there is none, the fastest plan with the least MACs.
    """
    values = np.unique(found.bytes)
    fewest = _cheapest(found, int(values[-1]))
    assert fewest is not None, "every network has a plan"
    low, high, best = 0, len(values) - 1, fewest[1]
    while low < high:
        middle = (low + high) // 2
        answer = _cheapest(found, int(values[middle]))
        if answer is not None and answer[0] == fewest[0] and found.instructions[list(answer[1])].sum() <= instructions:
            best, high = answer[1], middle
        else:
            low = middle + 1
    return _plan(found, best)


def pareto_front(found: Candidates) -> tuple[Plan, ...]:
    """Every plan that no other beats in both peak RAM and MACs, from the fastest to the leanest."""
    values = np.unique(found.bytes)
    front: list[Plan] = []
    limit = int(values.max(initial=0))
    while (answer := _cheapest(found, limit)) is not None:
        plan = _least_ram_within(found, answer[0])
        front.append(plan)
        smaller = values[values < plan.peak_ram]
        if not len(smaller):
            break
        limit = int(smaller[-1])
    return tuple(front)
