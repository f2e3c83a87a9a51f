"""Strips: vertical slices of a stage's output, one after the other, and the halo that neighbors both compute.

Strips and their halo (docs/execution.md): a line buffer is as wide as the strip needs. The columns of every tensor
follow from the last tensor backwards; what two strips both compute of one is the only recomputation there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msf_riot.ir import macs_per_pixel
from msf_riot.stage.facts import IntArray, Network, aligned
from msf_riot.stage.groups import Group, group_facts
from msf_riot.stage.skeleton import Skeleton


def strip_widths(network: Network, stage: Skeleton) -> IntArray:
    """Every strip width that the stage may have, widest first.

    Of the widths with the same number of strips the narrowest takes the least RAM, but not always the fewest MACs: wide
    strips beside a narrow last one end at the border, with less halo.
    """
    if stage.strip_tensor is None:
        return np.array([1])
    whole = network.graph.tensor(stage.strip_tensor).width
    if not stage.strips_allowed:
        return np.array([whole])
    return np.arange(whole, 0, -1)


@dataclass(frozen=True, eq=False)
class Columns:
    """What the strips of a stage compute, for each of several strip widths: all that no number of pixels changes.

    `widths` are the columns of each tensor in the widest strip, `computed` the pixels of each group's output.
    """

    strips: IntArray
    widths: dict[str, IntArray]
    computed: dict[Group, IntArray]
    macs: IntArray
    line_bytes: IntArray
    resident: IntArray


def strip_columns(network: Network, stage: Skeleton, strip_width: IntArray) -> Columns:
    """Follows the columns of every strip from the last tensor of the stage back to its inputs."""
    graph = network.graph
    if stage.strip_tensor is None:
        strips, starts = np.ones(1, np.int64), np.zeros(1, np.int64)
        low: dict[str, IntArray] = {}
        high: dict[str, IntArray] = {}
    else:
        whole = graph.tensor(stage.strip_tensor).width
        strips = -(-whole // strip_width)
        starts = np.concatenate([[0], np.cumsum(strips)[:-1]])
        index = np.arange(int(strips.sum())) - np.repeat(starts, strips)
        left = index * np.repeat(strip_width, strips)
        low = {stage.strip_tensor: left}
        high = {stage.strip_tensor: np.minimum(left + np.repeat(strip_width, strips), whole)}
    alone = np.repeat(strips, strips) == 1  # its columns are counted from 0 on, whatever is read
    widths: dict[str, IntArray] = {}
    computed: dict[Group, IntArray] = {}
    macs = np.full(len(strips), sum(macs_per_pixel(network.operators[i]) for i in stage.late), dtype=np.int64)
    for group in reversed(stage.groups):
        if not stage.strips_allowed and (group.output in stage.outputs or group.reduction is not None):
            low[group.output] = np.zeros(1, np.int64)
            high[group.output] = np.full(1, graph.tensor(group.output).width)
        first, end = low[group.output], high[group.output]
        computed[group] = np.add.reduceat(end - first, starts) * stage.rows_done[group.output]
        widths[group.output] = np.maximum.reduceat(end - first, starts)
        facts = group_facts(network, group)
        macs += computed[group] * facts.macs_per_pixel + facts.macs_of_reduction
        for reader, source in facts.row_inputs:
            reads = network.reads[reader][source][1]
            source_low, source_high = np.where(alone, 0, reads.first[first]), reads.end[end - 1]
            low[source] = np.minimum(low[source], source_low) if source in low else source_low
            high[source] = np.maximum(high[source], source_high) if source in high else source_high
    if stage.streamed in stage.line_rows:
        widths[stage.streamed] = np.maximum.reduceat(high[stage.streamed] - low[stage.streamed], starts)
    line_bytes = np.zeros(len(strips), np.int64)
    for name, rows in stage.line_rows.items():
        if name in stage.hosts:
            continue
        line_bytes += aligned(rows * graph.tensor(name).channels * widths[name])
    resident = np.full(len(strips), sum(aligned(graph.tensor(n).size) for n in stage.resident), dtype=np.int64)
    resident += sum(aligned(graph.tensor(n).size) for n in stage.outputs if network.in_arena(n))
    if stage.primary is not None:
        source_bytes = aligned(graph.tensor(stage.primary).size)
        target_bytes = aligned(graph.tensor(stage.output).size)
        region = max(target_bytes, stage.overlap + source_bytes)
        resident -= np.where(strips == 1, source_bytes + target_bytes - region, 0)
    return Columns(strips, widths, computed, macs, line_bytes, resident)
