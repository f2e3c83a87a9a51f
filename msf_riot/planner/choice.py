"""A graph and what is wanted of its plan -> the plan. What `scons`, `generate` and `verify` run without being told.

That default computes nothing twice (F = 1), is as fast as layer by layer but for SLOWER, and so has the least RAM.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from msf_riot.errors import DoesNotFitError
from msf_riot.ir import Graph
from msf_riot.kernels import PORTABLE
from msf_riot.planner.files import read_plan
from msf_riot.planner.plan import Plan, instructions, make_plan
from msf_riot.planner.search import Candidates, Progress, candidates, least_macs, least_ram, least_ram_as_fast
from msf_riot.planner.strategies import layer_by_layer
from msf_riot.stage import InputMode, Network

Objective: TypeAlias = Literal["macs", "instructions"]

SLOWER = 1.03
"""How many times the instructions of layer by layer the default plan may take, as estimated with the same kernels. The
very least RAM is a few per cent less; the last bytes are dear ones, bought by computing pixel by pixel."""

LAYER_BY_LAYER = "layer-by-layer"
"""Stands for that plan where a plan file can be named."""


def choose_plan(
    graph: Graph,
    input_mode: InputMode = "whole",
    *,
    kernels: str = PORTABLE,
    ram_limit: int | None = None,
    max_overhead: float | None = None,
    objective: Objective = "macs",
    progress: Progress | None = None,
) -> Plan:
    """The best plan within the limits; see `choose_among`."""
    unlimited = ram_limit is None and objective == "macs"
    overhead = max_overhead if max_overhead is not None else 1.0 if unlimited else np.inf
    found = candidates(graph, input_mode, kernels=kernels, max_overhead=overhead, progress=progress)
    return choose_among(found, ram_limit=ram_limit, max_overhead=max_overhead, objective=objective)


def choose_among(
    found: Candidates,
    *,
    ram_limit: int | None = None,
    max_overhead: float | None = None,
    objective: Objective = "macs",
) -> Plan:
    """The best plan of these candidates.

    With a limit of F: the least RAM. With a limit of RAM (bytes) only: the least MACs or estimated instructions, as
    `objective` says. With none: F = 1 and the least RAM that does not make it SLOWER, or the least
    instructions at all. Raises DoesNotFitError, with both numbers, where no plan is within the limits.
    """
    if max_overhead is not None:
        plan = least_ram(found, max_overhead)
        if ram_limit is not None and plan.peak_ram > ram_limit:
            raise DoesNotFitError(
                f"{found.network.graph.name}: with F <= {max_overhead:g} no plan fits {ram_limit:,} bytes of RAM; the "
                f"leanest needs {plan.peak_ram:,} bytes"
            )
        return plan
    if objective == "instructions":
        swapped = dataclasses.replace(found, macs=found.instructions, instructions=found.macs)
        return least_macs(swapped, int(found.bytes.max(initial=0)) if ram_limit is None else ram_limit)
    if ram_limit is None:
        plain = instructions(found.network, layer_by_layer(found.network.graph))
        return least_ram_as_fast(found, SLOWER * plain)
    return least_macs(found, ram_limit)


def named_plan(
    graph: Graph,
    name: str | None,
    kernels: str = PORTABLE,
    *,
    ram_limit: int | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The plan in the file `name`, that of "layer-by-layer", or without a name the default. Files name kernels.

    Where the default needs more than `ram_limit` (bytes), the plan with the least MACs within it; where there is none,
    the leanest of all.
    """
    if name == LAYER_BY_LAYER:
        plain = layer_by_layer(graph)
        return make_plan(Network(graph, kernels), plain.stages, plain.input_mode, plain.overlap)
    if name is not None:
        return read_plan(Path(name), graph)
    return suitable_plan(graph, kernels=kernels, ram_limit=ram_limit, progress=progress)


def suitable_plan(
    graph: Graph,
    input_mode: InputMode = "whole",
    *,
    kernels: str = PORTABLE,
    ram_limit: int | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The default plan or, where that needs more than `ram_limit` (bytes), another: see `named_plan`."""
    plan = choose_plan(graph, input_mode, kernels=kernels, progress=progress)
    if ram_limit is None or plan.peak_ram <= ram_limit:
        return plan
    found = candidates(graph, input_mode, kernels=kernels, progress=progress)
    leanest = least_ram(found, np.inf)
    return least_macs(found, max(ram_limit, leanest.peak_ram))
