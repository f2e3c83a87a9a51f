"""Rows of line buffers and delay lines: what of a tensor inside a stage is still to be read.

Line buffers (docs/execution.md): with one reader, the ring holds what the reader's window spans. Residuals and
branches: with several, it holds enough for the laggard, which follows from running the demands row by row up to the
operator where the branches join again. If they do not join inside the stage, the tensor is kept whole.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from msf_riot.stage.facts import Network, is_reduction
from msf_riot.stage.groups import group_operators


def line_rows(network: Network, name: str, end: int) -> int:
    """Rows that the line buffer of `name` must hold in a stage that ends before operator `end`."""
    consumers = network.consumers[name]
    if len(consumers) == 1:
        rows = network.reads[consumers[0]][name][0]
        return max(1, int(np.max(rows.end - rows.first)))
    join = _join(network, name, end)
    return network.graph.tensor(name).height if join is None else _joined_line_rows(network, name, join)


@cache
def _join(network: Network, name: str, end: int) -> int | None:
    """Index of the first operator before `end` through which everything made from `name` passes, else None."""
    open_until = network.consumers[name][-1]
    made = {name}
    for index in range(network.producer[name] + 1, end):
        operator = network.operators[index]
        if made.isdisjoint(operator.inputs):
            continue
        made.add(operator.output)
        if is_reduction(operator) or network.is_late(index):
            return None
        if index >= open_until:
            return index
        open_until = max(open_until, network.consumers[operator.output][-1])
    return None


@cache
def _joined_line_rows(network: Network, name: str, join: int) -> int:
    """By running the demands: operator by operator, row by row, from the join back to `name`."""
    made = {name}
    members: list[int] = []
    for index in range(network.producer[name] + 1, join + 1):
        if not made.isdisjoint(network.operators[index].inputs):
            members.append(index)
            made.add(network.operators[index].output)
    groups = group_operators(network, members, {network.operators[join].output})
    by_output = {group.output: group for group in groups}
    done = dict.fromkeys(made, 0)
    rows_held = 1

    def advance(tensor: str, until: int) -> None:
        nonlocal rows_held
        if tensor == name or tensor not in by_output:
            done[tensor] = max(done.get(tensor, 0), until)
            return
        group = by_output[tensor]
        while done[tensor] < until:
            row = done[tensor]
            for reader, source in group.row_inputs(network):
                advance(source, int(network.reads[reader][source][0].end[row]))
            for reader, source in group.row_inputs(network):
                if source == name:
                    rows_held = max(rows_held, done[name] - int(network.reads[reader][source][0].first[row]))
            done[tensor] = row + 1

    output = network.operators[join].output
    for row in range(network.graph.tensor(output).height):
        advance(output, row + 1)
    return rows_held
