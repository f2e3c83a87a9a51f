"""The layout of a chosen stage: every buffer at its place in the scratch, byte for byte what costs.py counted.

accumulators | line buffers | pixels | scratch of kernels        while strips run
accumulators | vectors      | scratch of kernels                 after the last strip
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from msf_riot.stage.buffers import Buffer, accumulators, late_kernel_scratch, vectors
from msf_riot.stage.costs import fastest
from msf_riot.stage.facts import Network, aligned
from msf_riot.stage.groups import ROW_INSTRUCTIONS, Group, group_facts
from msf_riot.stage.skeleton import Skeleton
from msf_riot.stage.strips import Columns, strip_columns


@dataclass(frozen=True)
class Layout:
    """One stage with its strip width: what is in its scratch, how wide, and what it all costs.

    `resident_bytes` are the whole tensors in the arena while it runs, its inputs and outputs included; `widths` says
    how many columns of each tensor made in the stage the widest strip computes.
    """

    skeleton: Skeleton
    width: int
    strips: int
    shared: int
    calls: dict[Group, int] = field(compare=False)
    tiles: dict[int, int] = field(compare=False)
    buffers: tuple[Buffer, ...]
    resident_bytes: int
    overlap: int
    scratch_bytes: int
    macs: int
    instructions: int
    widths: dict[str, int] = field(compare=False)

    @property
    def bytes(self) -> int:
        """Arena bytes while this stage runs."""
        return self.resident_bytes + self.scratch_bytes


def layout(network: Network, stage: Skeleton, strip_width: int, shared: int | None) -> Layout:
    """The stage with one strip width, every buffer placed within its scratch.

    Accumulators come first; line buffers follow, then pixels and the scratch of kernels, which the groups share; after
    the last strip the vectors take the place of all but the accumulators. The groups share up to `shared` bytes, or
    what they need at the least where that is more; without a number, what makes them fastest.
    """
    graph = network.graph
    strips = strip_columns(network, stage, np.array([strip_width]))
    widths = {name: int(width[0]) for name, width in strips.widths.items()}
    choices = {group: _choice(network, stage, strips, group, shared) for group in stage.groups}
    work = sum(int(network.kernel_instructions[i][1]) for i in stage.late)
    buffers = list(accumulators(network, stage))
    base = sum(buffer.size for buffer in buffers)
    offset = base
    lines: dict[str, Buffer] = {}
    for name, rows in stage.line_rows.items():
        if name not in stage.hosts:
            size = aligned(rows * widths[name] * graph.tensor(name).channels)
            lines[name] = Buffer(name, "line", offset, size, rows, widths[name])
            offset += size
    buffers += lines.values()
    buffers += [replace(lines[host], tensor=name) for name, host in stage.hosts.items()]
    taken = 0
    for group, choice in choices.items():
        facts, width = group_facts(network, group), widths[group.output]
        call = int(facts.calls[choice, width])
        first, second = (aligned(call * count) for count in facts.slot_channels)
        for name, slot in facts.slots:
            size = aligned(call * graph.tensor(name).channels)
            buffers.append(Buffer(name, "pixels", offset + slot * first, size, 1, call))
        needed = int(facts.scratch[choice, width])
        if needed > first + second:
            buffers.append(Buffer(group.output, "kernel", offset + first + second, needed - first - second))
        taken = max(taken, needed)
        work += int(facts.instructions[choice, width] * strips.computed[group][0])
        work += int(strips.strips[0]) * stage.rows_done[group.output] * ROW_INSTRUCTIONS * 256
    late_vectors, vector_bytes = vectors(network, stage)
    buffers += [Buffer(vector.tensor, "vector", base + vector.offset, vector.size) for vector in late_vectors]
    if scratch := late_kernel_scratch(network, stage):
        made = [network.operators[index].output for index in stage.late]
        buffers += [Buffer(name, "kernel", base + vector_bytes, scratch) for name in made]
    late_bytes = vector_bytes + late_kernel_scratch(network, stage)
    in_one = int(strips.strips[0]) == 1
    tiles = {i: network.kernel_set.choices[choice][1] for group, choice in choices.items() for i in group.operators}
    return Layout(
        skeleton=stage,
        width=strip_width,
        strips=int(strips.strips[0]),
        shared=taken,
        calls={group: int(group_facts(network, group).calls[c, widths[group.output]]) for group, c in choices.items()},
        tiles=tiles,
        buffers=tuple(buffers),
        resident_bytes=int(strips.resident[0]),
        overlap=stage.overlap if in_one or stage.primary is None else aligned(graph.tensor(stage.output).size),
        scratch_bytes=base + max(offset - base + taken, late_bytes),
        macs=int(strips.macs[0]),
        instructions=work // 256,
        widths=widths,
    )


def _choice(network: Network, stage: Skeleton, strips: Columns, group: Group, shared: int | None) -> int:
    """Which of the kernel set's choices the group makes when the stage's groups share `shared` bytes."""
    needed = [group_facts(network, each).scratch[:, int(strips.widths[each.output][0])] for each in stage.groups]
    least = max(int(each.min()) for each in needed)
    mine = group_facts(network, group).scratch[:, int(strips.widths[group.output][0])]
    budget = np.array([int(mine.max()) if shared is None else max(shared, least)])
    work = group_facts(network, group).instructions[:, int(strips.widths[group.output][0])]
    return int(fastest(mine[None, :, None], work[None, :, None], budget)[0, 0, 0])
