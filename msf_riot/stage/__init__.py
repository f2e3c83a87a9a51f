"""What one stage takes: a run of operators of a Graph and a strip width -> its buffers, bytes and MACs.

The planner weighs candidate stages with `costs`, the scheduler places the buffers of the chosen ones with `layout`,
from the same counts: that is why the peak RAM of a plan is the arena of the generated code, byte for byte. Each file
opens with the part of docs/execution.md that it implements; in the order in which each builds on those before:

    facts.py      rows on demand: what operators need of each other, what kernels take
    groups.py     pixels that need no row: pointwise operators take over within a row
    delay.py      line buffers and delay lines: how many rows are kept
    overlap.py    input and output of a stage share their place
    skeleton.py   all of a stage that does not depend on the strip width
    strips.py     strips and their halo
    buffers.py    the scratch of a stage, and its head: sums and vectors
    costs.py      bytes, MACs and instructions for every width
    layout.py     one width: every buffer at its place
"""

from msf_riot.stage.buffers import Buffer
from msf_riot.stage.costs import Costs, costs
from msf_riot.stage.facts import (
    ALIGNMENT,
    InputMode,
    IntArray,
    Network,
    aligned,
    ascends,
    is_elementwise,
    is_reduction,
    part,
    window,
)
from msf_riot.stage.groups import Group
from msf_riot.stage.layout import Layout, layout
from msf_riot.stage.skeleton import Skeleton, skeleton
from msf_riot.stage.strips import Columns, strip_columns, strip_widths

__all__ = [
    "ALIGNMENT",
    "Buffer",
    "Columns",
    "Costs",
    "Group",
    "InputMode",
    "IntArray",
    "Layout",
    "Network",
    "Skeleton",
    "aligned",
    "ascends",
    "costs",
    "is_elementwise",
    "is_reduction",
    "layout",
    "part",
    "skeleton",
    "strip_columns",
    "strip_widths",
    "window",
]
