"""Schedule -> a bound of the stack that the generated code takes on 32-bit cores.

There is no recursion: a group's function calls those that make the rows it needs, and then a kernel. So the stack grows
with the longest chain of groups in a stage. The two constants bound what benchmarks/instructions.py measures for every
network on every simulated core, which checks it (--check).
"""

from __future__ import annotations

from msf_riot.scheduler import Schedule, ScheduledStage
from msf_riot.stage import Group, Network

KERNEL_BYTES = 768
"""The entry points and the deepest kernel."""

GROUP_BYTES = 64
"""One function of a group more: its saved registers and row pointers."""


def stack_bytes(schedule: Schedule) -> int:
    """The bound in bytes for one inference; what the caller's read function takes comes on top."""
    longest = max(_chain(schedule.network, stage) for stage in schedule.stages)
    return KERNEL_BYTES + GROUP_BYTES * longest


def _chain(network: Network, stage: ScheduledStage) -> int:
    """Functions that are active at once, at most, in a stage: each group and the ones that it calls for rows."""
    skeleton = stage.layout.skeleton
    depth: dict[str, int] = {} if skeleton.streamed is None else {skeleton.streamed: 1}

    def of(group: Group) -> int:
        return 1 + max((depth.get(name, 0) for _, name in group.row_inputs(network)), default=0)

    for group in skeleton.groups:
        depth[group.output] = max(depth.get(group.output, 0), of(group))
    return max((of(group) for group in skeleton.groups), default=0)
