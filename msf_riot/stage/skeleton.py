"""The skeleton of a stage: all of it that does not depend on the strip width.

Which operators [begin, end) can run as one stage at all (docs/execution.md), their groups, the rows that each of them
makes, the line buffers, and which whole tensors are in the arena meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msf_riot.stage.delay import line_rows
from msf_riot.stage.facts import InputMode, Network, aligned, is_reduction
from msf_riot.stage.groups import Group, group_operators
from msf_riot.stage.overlap import overlap_bytes, reads_before_writing


@dataclass(frozen=True)
class Skeleton:
    """All of a stage that does not depend on the strip width.

    `resident` are the whole tensors that are in the arena when it begins, in the order of the graph. `overlap` is how
    many bytes above the bottom of `output` the `primary` input begins when the stage runs in one strip. `hosts` names
    the line buffer that takes the only row of another tensor: the row of a shortcut lies where its sum will be.
    """

    begin: int
    end: int
    groups: tuple[Group, ...]
    late: tuple[int, ...]
    rows_done: dict[str, int] = field(compare=False)
    line_rows: dict[str, int] = field(compare=False)
    hosts: dict[str, str] = field(compare=False)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    streamed: str | None
    resident: tuple[str, ...]
    primary: str | None
    overlap: int
    strips_allowed: bool
    strip_tensor: str | None

    @property
    def output(self) -> str:
        """The output that shares its place with the primary input: the last one made."""
        return self.outputs[-1]


def skeleton(network: Network, begin: int, end: int, input_mode: InputMode, overlap: bool = True) -> Skeleton | None:
    """The stage of operators [begin, end), or None where they cannot run as one stage.

    They cannot where an operator needs rows while it also needs a reduction of the same stage (squeeze-and-excite: cut
    before the Mul), where an operator between vectors needs one that is made by rows (its room is used again after the
    last strip; cut there, a vector costs little), or where the input of the network streams and is read again later.
    """
    graph = network.graph
    members = range(begin, end)
    late = tuple(index for index in members if network.is_late(index))
    early = [index for index in members if index not in late]
    late_made = {network.operators[i].output for i in members if i in late or is_reduction(network.operators[i])}
    if any(not late_made.isdisjoint(network.operators[index].inputs) for index in early):
        return None
    early_made = {network.operators[index].output for index in early} - late_made
    if any(not early_made.isdisjoint(network.operators[index].inputs) for index in late):
        return None
    inputs = tuple(
        dict.fromkeys(n for i in members for n in network.operators[i].inputs if network.producer[n] < begin)
    )
    outputs = tuple(
        network.operators[i].output for i in members if network.consumers[network.operators[i].output][-1] >= end
    )
    streams = input_mode != "whole" and graph.input in inputs
    if streams and (network.consumers[graph.input][-1] >= end or (early and network.is_vector(graph.input))):
        return None
    groups = group_operators(network, early, set(outputs))
    kept = [group for group in groups if group.output in outputs or group.reduction is not None]
    if not outputs or (early and not kept):
        return None
    main = kept[-1] if kept else None
    rows_done = _rows_done(network, groups, set(outputs))
    line_tensors = [g.output for g in groups if g.output not in outputs and g.reduction is None]
    streamed = graph.input if streams else None
    if streamed is not None and early:
        line_tensors.insert(0, streamed)
    rows = {name: line_rows(network, name, end) for name in line_tensors}
    resident = tuple(name for name in network.alive(begin) if network.in_arena(name))
    dying = [name for name in inputs if name in resident and network.consumers[name][-1] < end]
    primary = max(dying, key=lambda name: graph.tensor(name).size, default=None)
    if not network.in_arena(outputs[-1]):
        primary = None
    shift = 0
    if primary is not None:
        shift = aligned(overlap_bytes(network, groups, kept, late, primary, outputs[-1], overlap, end - begin == 1))
    return Skeleton(
        begin=begin,
        end=end,
        groups=groups,
        late=late,
        rows_done=rows_done,
        line_rows=rows,
        hosts=_hosts(network, groups, rows),
        inputs=inputs,
        outputs=outputs,
        streamed=streamed,
        resident=resident,
        primary=primary,
        overlap=shift,
        strips_allowed=len(kept) == 1 and (streamed is None or input_mode == "windows"),
        strip_tensor=main.output if main is not None else None,
    )


def _hosts(network: Network, groups: Sequence[Group], line_rows: dict[str, int]) -> dict[str, str]:
    """Tensor -> line buffer of another in which its single row is made, pixel for pixel where the other's row will be.

    The row has one reader, which belongs to the group that makes the other's row, and reads each pixel before the same
    pixel is written. Nothing reads the host between: its slot for the row is free as soon as the row is asked for.
    """
    found: dict[str, str] = {}
    made = {group.output for group in groups}
    for group in reversed(groups):
        if group.output not in line_rows or group.reduction is not None:
            continue
        shape = network.graph.tensor(group.output).shape
        for reader, name in group.row_inputs(network):
            alone = name in made and line_rows.get(name) == 1 and network.consumers[name] == (reader,)
            once = network.operators[reader].inputs.count(name) == 1
            if (
                alone
                and once
                and network.graph.tensor(name).shape == shape
                and reads_before_writing(network, group, reader)
            ):
                found[name] = found.get(group.output, group.output)
                break
    return found


def _rows_done(network: Network, groups: Sequence[Group], outputs: set[str]) -> dict[str, int]:
    """Tensor -> rows of it that the stage computes (or asks the caller for)."""
    done: dict[str, int] = {}
    for group in reversed(groups):
        if group.output in outputs or group.reduction is not None:
            done[group.output] = network.graph.tensor(group.output).height
        rows = done[group.output]
        for reader, source in group.row_inputs(network):
            needed = int(network.reads[reader][source][0].end[rows - 1])
            done[source] = max(done.get(source, 0), needed)
    return done
