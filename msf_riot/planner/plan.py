"""The Plan: which operators form which stage, and each stage's strip width. What the planner gives and files hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msf_riot.errors import PlanError
from msf_riot.ir import Graph, macs
from msf_riot.kernels import PORTABLE
from msf_riot.stage import ALIGNMENT, InputMode, Layout, Network, layout, skeleton


@dataclass(frozen=True)
class Stage:
    """Operators [begin, end) of the graph in strips of `width` columns.

    `shared` is how many bytes of scratch its groups share for the pixels that they pass on and for their kernels: more
    make them faster, less than they need is taken as what they need, None as all that makes a difference.
    """

    begin: int
    end: int
    width: int
    shared: int | None = None


@dataclass(frozen=True)
class Plan:
    """A cut of a whole network into stages, how its input arrives, and what it costs.

    `kernels` is the set of kernels that the stages call, whose scratch the peak RAM includes. `overlap` lets each stage
    write its output over input rows that are no longer needed; without it only elementwise operators work in place, as
    layer-by-layer runtimes do.
    """

    stages: tuple[Stage, ...]
    peak_ram: int
    macs: int
    overhead: float
    input_mode: InputMode = "whole"
    overlap: bool = True
    kernels: str = PORTABLE


def check_input_mode(graph: Graph, input_mode: InputMode) -> None:
    """Raises PlanError where the input is to arrive by rows and there are several."""
    if input_mode != "whole" and len(graph.inputs) > 1:
        raise PlanError(
            f"{graph.name} has {len(graph.inputs)} inputs; '{input_mode}' is for models with one: use --input whole"
        )


def layouts(network: Network, stages: tuple[Stage, ...], input_mode: InputMode, overlap: bool) -> tuple[Layout, ...]:
    """The layout of each stage. Raises PlanError naming the stage where they do not cut the network as they must."""
    check_input_mode(network.graph, input_mode)
    placed: list[Layout] = []
    position = 0
    for number, stage in enumerate(stages):
        where = f"stage {number}"
        if stage.begin != position:
            kind = "overlaps the one before" if stage.begin < position else "leaves operators out before it"
            raise PlanError(f"{where} {kind}: it begins at operator {stage.begin}, expected {position}")
        if not stage.begin < stage.end <= len(network.operators):
            raise PlanError(f"{where} is empty or ends past the {len(network.operators)} operators of the model")
        shape = skeleton(network, stage.begin, stage.end, input_mode, overlap)
        if shape is None:
            names = f"'{network.operators[stage.begin].name}' to '{network.operators[stage.end - 1].name}'"
            raise PlanError(
                f"{where} ({names}) cannot run as one stage with input mode '{input_mode}': an operator needs a whole "
                "tensor that the same stage is still making; cut the stage there"
            )
        whole = 1 if shape.strip_tensor is None else network.graph.tensor(shape.strip_tensor).width
        if not 1 <= stage.width <= whole:
            raise PlanError(f"{where}: strip width {stage.width} is not within 1 to {whole}")
        if stage.width < whole and not shape.strips_allowed:
            raise PlanError(f"{where} cannot run in strips (width {stage.width}); its width must be {whole}")
        placed.append(layout(network, shape, stage.width, stage.shared))
        position = stage.end
    if position != len(network.operators):
        raise PlanError(f"the last stage ends at operator {position} of {len(network.operators)}")
    return tuple(placed)


def peak_ram(placed: Sequence[Layout]) -> int:
    """Arena bytes of these stages: what the hungriest needs, and never nothing, as C has no empty arrays."""
    return max(ALIGNMENT, *(each.bytes for each in placed))


def make_plan(
    network: Network, stages: tuple[Stage, ...], input_mode: InputMode = "whole", overlap: bool = True
) -> Plan:
    """A Plan of these stages with its exact cost. Raises PlanError where they do not suit the network."""
    placed = layouts(network, stages, input_mode, overlap)
    total = sum(each.macs for each in placed)
    return Plan(
        stages=stages,
        peak_ram=peak_ram(placed),
        macs=total,
        overhead=total / max(1, macs(network.graph)),
        input_mode=input_mode,
        overlap=overlap,
        kernels=network.kernels,
    )


def instructions(network: Network, plan: Plan) -> int:
    """An estimate of the instructions that the plan takes, good enough to compare it with others of the network."""
    return sum(each.instructions for each in layouts(network, plan.stages, plan.input_mode, plan.overlap))
