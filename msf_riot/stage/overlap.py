"""Input and output of a stage overlap: how far below its input an output may begin that grows over rows read before.

What of the input is still to be read when output row y is complete must lie above the end of row y (docs/execution.md).
Only in one strip, since the second strip reads the top of the input again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from msf_riot.ir import is_pointwise
from msf_riot.stage.facts import Network, is_elementwise
from msf_riot.stage.groups import Group


def overlap_bytes(
    network: Network,
    groups: Sequence[Group],
    kept: Sequence[Group],
    late: Sequence[int],
    primary: str,
    output: str,
    allowed: bool,
    alone: bool,
) -> int:
    """Bytes above the bottom of `output` at which `primary` may begin in a stage of one strip.

    `kept` are the groups all of whose rows are made, the last of them first.
    For each output row, what of the primary input is still to be read must lie above what has been written.
    """
    main = kept[-1] if kept else None
    source, target = network.graph.tensor(primary), network.graph.tensor(output)
    writer = network.operators[network.producer[output]]
    if not allowed and not (alone and is_elementwise(writer) and source.size == target.size):
        return target.size
    if any(primary in network.operators[index].inputs for index in late):
        return 0 if alone and is_elementwise(writer) and source.size == target.size else target.size
    if main is None or output != main.output or main.reduction is not None:
        return 0 if network.is_vector(output) and not network.is_vector(primary) else target.size
    if network.is_vector(primary):
        return target.size
    needed = {main.output: np.arange(1, target.height + 1)}
    lowest = np.full(target.height, source.height, dtype=np.int64)
    for group in reversed(groups):
        rows = needed.get(group.output, np.zeros(target.height, np.int64))
        for reader, name in group.row_inputs(network):
            reads = network.reads[reader][name][0]
            ends = np.concatenate([[0], reads.end])
            needed[name] = np.maximum(needed.get(name, 0), ends[rows])
            if name != primary:
                continue
            firsts = np.concatenate([reads.first, [source.height]])
            if group is not main:
                pending = firsts[rows]
                if len(kept) == 1:
                    pending[-1] = source.height
            elif reads_before_writing(network, group, reader):
                pending = np.arange(1, target.height + 1)
            else:
                pending = reads.first
            lowest = np.minimum(lowest, pending)
    row_bytes = target.width * target.channels
    written = np.arange(1, target.height + 1) * row_bytes
    return max(0, int(np.max(written - lowest * source.width * source.channels)))


def reads_before_writing(network: Network, group: Group, reader: int) -> bool:
    """True where no pixel of the group's output is written before the same pixel of the reader's input is read."""
    operator = network.operators[reader]
    if not is_pointwise(operator):
        return False
    return is_elementwise(operator) if reader == group.operators[-1] else True
