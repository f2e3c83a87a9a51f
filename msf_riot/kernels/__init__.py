"""Sets of kernels, one file or folder each, found by being here; planner and generator ask them and never name one.

interface.py   what a set tells
portable.py    for any core: every operator has a kernel there
dsp/           for Cortex-M4, M7 and M33
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection
from functools import cache

from msf_riot.ir import Graph, Operator, Tensor
from msf_riot.kernels.interface import Array, Call, Constants, KernelSet, Source

PORTABLE = "portable"
"""The name of the set for any core: the default where no board is known, and what takes the operators others leave."""

NO_SETS = ("interface",)


def names() -> tuple[str, ...]:
    """Every set, the one for any core first."""
    found = (each.name for each in pkgutil.iter_modules(__path__) if each.name not in NO_SETS)
    return tuple(sorted(found, key=lambda name: (load(name).preference, name)))


@cache
def load(name: str) -> KernelSet:
    """The set of that name, which must be one of `names`."""
    found: KernelSet = importlib.import_module(f"{__name__}.{name}").SET
    return found


def best(extensions: Collection[str]) -> str:
    """The name of the fastest set that a board with these extensions can run."""
    return max((n for n in names() if load(n).extensions.issubset(extensions)), key=lambda n: load(n).preference)


def taking(name: str, graph: Graph, operator: Operator) -> KernelSet:
    """The set that computes an operator in a plan for the set `name`."""
    return load(name) if load(name).takes(graph, operator) else load(PORTABLE)


def instructions_per_pixel(name: str, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
    """Estimate for one output pixel (of a reduction: one input pixel) in calls for `pixels`, by whoever computes it."""
    count = load(name).instructions_per_pixel(operator, source, output, pixels)
    if count is None:
        count = load(PORTABLE).instructions_per_pixel(operator, source, output, pixels)
    assert count is not None
    return count


__all__ = [
    "PORTABLE",
    "Array",
    "Call",
    "Constants",
    "KernelSet",
    "Source",
    "best",
    "instructions_per_pixel",
    "load",
    "names",
    "taking",
]
