"""Groups: operators that take over from each other a few pixels at a time, within the loop over one output row.

Pixels that need no row (docs/execution.md): a pointwise operator needs the same pixel of its input and nothing else, so
its input needs no line buffer. How many pixels pass at a time is a choice: more of them take more RAM and fewer
instructions. Of the groups of a stage only one computes at any time; they share the bytes for pixels and kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from msf_riot.ir import is_pointwise, macs_per_pixel
from msf_riot.stage.facts import IntArray, Network, aligned, is_elementwise, is_reduction

ROW_INSTRUCTIONS = 60
"""A group's loop over one row: demands, row pointers, calls."""


@dataclass(frozen=True)
class Group:
    """Operators that take over from each other a few pixels at a time, within the loop over one output row.

    The head reads rows; each following operator reads the pixels that the one before it has just made (and, for a
    second input, a row that is in RAM). A reduction can only be last. `output` is the tensor whose rows the group
    makes, or that the reduction at its end consumes.
    """

    operators: tuple[int, ...]
    output: str
    reduction: int | None = None

    def row_inputs(self, network: Network) -> tuple[tuple[int, str], ...]:
        """(operator, tensor) for each tensor that the group reads by rows, in the order in which it asks for them.

        What lags behind comes first: a shortcut takes its row before the other branch drives its source further on.
        """
        made = {network.operators[index].output for index in self.operators}
        indices = self.operators if self.operators else (self.reduction,)
        found = [
            (index, name)
            for index in indices
            if index is not None
            for name in dict.fromkeys(network.operators[index].inputs)
            if name not in made and not network.takes_whole(index, name)
        ]
        return tuple(sorted(found, key=lambda each: network.demand[each]))

    def pixel_tensors(self, network: Network) -> tuple[str, ...]:
        """Tensors of which only a few pixels exist at a time, in order."""
        outputs = tuple(network.operators[index].output for index in self.operators)
        return outputs if self.reduction is not None else outputs[:-1]


@dataclass(frozen=True, eq=False)
class GroupFacts:
    """What the cost of a group asks for again and again.

    `slots` says in which of two buffers each tensor is that exists a few pixels at a time, `slot_channels` how many
    channels these take. For each choice of the kernel set, by the columns of a strip [choices, columns + 1]: `scratch`
    bytes for pixels and kernels, `calls` the pixels of one call, `instructions` for one pixel in 1/256.
    """

    row_inputs: tuple[tuple[int, str], ...]
    slots: tuple[tuple[str, int], ...]
    slot_channels: tuple[int, int]
    macs_per_pixel: int
    macs_of_reduction: int
    calls: IntArray
    scratch: IntArray
    instructions: IntArray


@cache
def group_facts(network: Network, group: Group) -> GroupFacts:
    """What the cost of a group asks for, worked out once."""
    slots: list[tuple[str, int]] = []
    for position, name in enumerate(group.pixel_tensors(network)):
        in_place = is_elementwise(network.operators[group.operators[position]])
        slots.append((name, 0 if position == 0 else slots[-1][1] if in_place else 1 - slots[-1][1]))
    channels = [[network.graph.tensor(name).channels for name, used in slots if used == slot] for slot in (0, 1)]
    slot_channels = (max(channels[0], default=0), max(channels[1], default=0))
    indices = [*group.operators, *([] if group.reduction is None else [group.reduction])]
    columns = np.arange(network.graph.tensor(group.output).width + 1)
    calls, scratch, instructions = [], [], []
    for pixels, tile in network.kernel_set.choices:
        kernel = np.max(
            [0 * columns, *(network.tiled(network.kernel_scratch, i, tile) for i in group.operators)], axis=0
        )
        # a group that needs no more RAM for more pixels computes a row at once
        call = np.minimum(columns, pixels) if slots or kernel[-1] > kernel[1] else columns
        calls.append(call)
        scratch.append(sum((aligned(call * count) for count in slot_channels), start=kernel[call]))
        work = sum((network.tiled(network.kernel_instructions, i, tile) for i in indices), start=0 * columns)
        instructions.append(work[call])
    return GroupFacts(
        row_inputs=group.row_inputs(network),
        slots=tuple(slots),
        slot_channels=slot_channels,
        macs_per_pixel=sum(macs_per_pixel(network.operators[i]) for i in group.operators),
        macs_of_reduction=0 if group.reduction is None else macs_per_pixel(network.operators[group.reduction]),
        calls=np.array(calls),
        scratch=np.array(scratch),
        instructions=np.array(instructions),
    )


def group_operators(network: Network, members: Sequence[int], kept: set[str]) -> tuple[Group, ...]:
    """Splits operators (ascending indices, none of them late) into groups; tensors in `kept` are whole or in rows."""
    chains: list[list[int]] = []
    open_chain: dict[str, list[int]] = {}
    reductions: dict[int, int] = {}
    groups_of_reductions: list[Group] = []
    for index in members:
        operator = network.operators[index]
        takes_pixels = (is_pointwise(operator) or is_reduction(operator)) and not network.is_vector(operator.inputs[0])
        candidates = [name for name in operator.inputs if name in open_chain] if takes_pixels else []
        # of two branches the one that runs further ahead: the rows of the other are there already
        source = max(candidates, key=lambda name: (network.demand[index, name], network.producer[name]), default=None)
        if is_reduction(operator):
            if source is None:
                groups_of_reductions.append(Group((), operator.inputs[0], index))
            else:
                reductions[id(open_chain.pop(source))] = index
            continue
        if source is None:
            chain = [index]
            chains.append(chain)
        else:
            chain = open_chain.pop(source)
            chain.append(index)
        alone = len(network.consumers[operator.output]) == 1 and operator.output not in kept
        # one operator reading the same tensor twice reads it as two inputs of which only one can be pixels
        if alone and not network.is_vector(operator.output):
            reader = network.consumers[operator.output][0]
            if reader < len(network.operators) and network.operators[reader].inputs.count(operator.output) == 1:
                open_chain[operator.output] = chain
    groups = [Group(tuple(c), network.operators[c[-1]].output, reductions.get(id(c))) for c in chains]
    return tuple(
        sorted(groups + groups_of_reductions, key=lambda g: g.operators[-1] if g.operators else g.reduction or 0)
    )
