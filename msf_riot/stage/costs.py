"""What a stage costs with each strip width and each amount of scratch: the weights of the planner's edges.

What is counted (docs/execution.md): whole tensors, int32 sums, and the larger of line buffers with pixels and kernel
scratch, and of the vectors after the last strip. layout.py places the same counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msf_riot.stage.buffers import accumulators, late_kernel_scratch, vectors
from msf_riot.stage.facts import IntArray, Network
from msf_riot.stage.groups import ROW_INSTRUCTIONS, group_facts
from msf_riot.stage.skeleton import Skeleton
from msf_riot.stage.strips import Columns


@dataclass(frozen=True, eq=False)
class Costs:
    """Of one stage, for each number of bytes that its groups may share and each strip width [budgets, widths].

    `shared` are these bytes, for pixels and kernels; `bytes` all that the stage needs of the arena. `instructions` are
    an estimate, good enough to choose between plans.
    """

    shared: IntArray
    bytes: IntArray
    macs: IntArray
    instructions: IntArray


def costs(network: Network, stage: Skeleton, strips: Columns) -> Costs:
    """What the stage costs with each of the strip widths and each amount of scratch that makes a difference.

    The groups run one after the other and share the scratch; each makes of it what saves the most instructions.
    """
    count = len(network.kernel_set.choices) if stage.groups else 1
    needed = np.zeros((len(stage.groups), count, len(strips.strips)), np.int64)
    work = np.zeros_like(needed)
    rows = np.zeros(len(strips.strips), np.int64)
    for number, group in enumerate(stage.groups):
        facts, width = group_facts(network, group), strips.widths[group.output]
        needed[number] = facts.scratch[:, width]
        work[number] = facts.instructions[:, width] * strips.computed[group]
        rows += strips.strips * (stage.rows_done[group.output] * ROW_INSTRUCTIONS * 256)
    late = sum(int(network.kernel_instructions[i][1]) for i in stage.late)
    shared, instructions = [], []
    budgets = needed.max(axis=0, initial=0)
    for budget in budgets[np.sort(np.unique(budgets, axis=0, return_index=True)[1])]:
        chosen = fastest(needed, work, budget)
        shared.append(np.take_along_axis(needed, chosen, axis=1).max(axis=(0, 1), initial=0))
        instructions.append(np.take_along_axis(work, chosen, axis=1).sum(axis=(0, 1)) + rows + late)
    late_scratch = vectors(network, stage)[1] + late_kernel_scratch(network, stage)
    sums = sum(buffer.size for buffer in accumulators(network, stage))
    scratch = sums + np.maximum(strips.line_bytes + np.array(shared), late_scratch)
    macs = np.broadcast_to(strips.macs, scratch.shape)
    return Costs(np.array(shared), strips.resident + scratch, macs, np.array(instructions) // 256)


def fastest(needed: IntArray, work: IntArray, budget: IntArray) -> IntArray:
    """For each group and width the choice with the fewest instructions within the budget [groups, 1, widths]."""
    never = np.iinfo(np.int64).max
    chosen: IntArray = np.argmin(np.where(needed <= budget, work, never), axis=1, keepdims=True)
    return chosen
