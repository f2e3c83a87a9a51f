"""A Schedule -> what tables and pictures show of each stage: operators, MACs, and arena bytes by use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from msf_riot import ir
from msf_riot.scheduler import Schedule, ScheduledStage
from msf_riot.stage import Layout, Network, aligned

PARTS: Mapping[str, str] = MappingProxyType(
    {
        "kept": "tensors kept for later stages",
        "input": "stage input",
        "output": "stage output, beyond the input bytes it takes over",
        "lines": "line buffers",
        "delays": "delay lines: rows kept for a residual or a branch",
        "sums": "int32 sums and vectors of the head",
        "scratch": "pixels on their way, kernel scratch",
    }
)
"""Name -> meaning, from the bottom of a stack to its top."""


def ram_parts(network: Network, layout: Layout) -> dict[str, int]:
    """Bytes of each of PARTS while the stage runs; their sum is `layout.bytes`.

    Vectors take the place of line buffers after the last strip: only what they need beyond these counts.
    """
    stage = layout.skeleton
    whole = {name: aligned(network.graph.tensor(name).size) for name in stage.resident}
    late = {network.operators[index].output for index in stage.late}
    sums = sum(buffer.size for buffer in layout.buffers if buffer.place == "accumulator")
    lines = [b for b in layout.buffers if b.place == "line" and b.tensor not in stage.hosts]
    delays = sum(buffer.size for buffer in lines if len(network.consumers[buffer.tensor]) > 1)
    in_rows = sum(buffer.size for buffer in lines)
    passing = [b for b in layout.buffers if b.place == "pixels" or (b.place == "kernel" and b.tensor not in late)]
    scratch = max((buffer.offset + buffer.size - sums - in_rows for buffer in passing), default=0)
    inputs = sum(size for name, size in whole.items() if name in stage.inputs)
    kept = sum(whole.values()) - inputs
    return {
        "kept": kept,
        "input": inputs,
        "output": layout.resident_bytes - inputs - kept,
        "lines": in_rows - delays,
        "delays": delays,
        "sums": layout.scratch_bytes - in_rows - scratch,
        "scratch": scratch,
    }


@dataclass(frozen=True)
class StageRow:
    """A stage as the table shows it; bytes by part, MACs executed and those of layer-by-layer execution."""

    number: int
    begin: int
    end: int
    names: tuple[str, ...]
    width: int
    strips: int
    shared: int
    parts: dict[str, int]
    macs: int
    plain_macs: int

    @property
    def bytes(self) -> int:
        """Arena bytes while the stage runs."""
        return sum(self.parts.values())

    @property
    def operators(self) -> str:
        """Names of the first and the last operator."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} ... {self.names[-1]}"

    @property
    def overhead(self) -> float:
        """F of this stage by itself."""
        return self.macs / self.plain_macs if self.plain_macs else 1.0


def stage_rows(plan: Schedule) -> tuple[StageRow, ...]:
    """One row a stage."""
    return tuple(_row(plan, stage) for stage in plan.stages)


def _row(plan: Schedule, stage: ScheduledStage) -> StageRow:
    layout = stage.layout
    begin, end = layout.skeleton.begin, layout.skeleton.end
    operators = plan.graph.operators[begin:end]
    return StageRow(
        number=stage.number,
        begin=begin,
        end=end,
        names=tuple(operator.name for operator in operators),
        width=layout.width,
        strips=layout.strips,
        shared=layout.shared,
        parts=ram_parts(plan.network, layout),
        macs=layout.macs,
        plain_macs=sum(_macs(plan, operator) for operator in operators),
    )


def _macs(plan: Schedule, operator: ir.Operator) -> int:
    output = plan.graph.tensor(operator.output)
    return ir.macs_per_pixel(operator) * output.height * output.width
