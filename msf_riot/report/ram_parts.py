"""A stage's Layout -> the arena bytes it takes, by what they are for; the parts add up to the bytes of the stage."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
    lines = [buffer for buffer in layout.buffers if buffer.place == "line"]
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
