"""msf-riot plan: how to cut a model into stages, within limits of RAM and overhead."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from rich.console import Group, RenderableType

from msf_riot import boards, ir
from msf_riot.cli.options import (
    Answer,
    overhead_factor,
    ram_size,
    read_model,
    takes_constant_channels,
    takes_kernels,
    takes_model,
)
from msf_riot.errors import DoesNotFitError, MsfError
from msf_riot.kernels import PORTABLE
from msf_riot.planner import Objective, Plan, Strategy
from msf_riot.stage import InputMode
from msf_riot.terminal import facts, progressing, table, working

STRATEGIES = ("layer-by-layer", "mcunetv2", "streamnet", "msf-cnn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    takes_constant_channels(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write the plan")
    parser.add_argument("--plot", type=Path, metavar="FILE.html", help="where to draw RAM over the run and the choices")
    parser.add_argument("--ram", type=ram_size, metavar="SIZE", help="most arena bytes: 16384, 16KiB, 0.5MB")
    parser.add_argument("--board", metavar="B", help="most arena bytes: what RIOT and the application leave there")
    parser.add_argument(
        "--max-overhead",
        type=overhead_factor,
        metavar="F",
        help="least RAM with at most F times the MACs of layer-by-layer execution, 1 or more; inf: least RAM of all",
    )
    parser.add_argument(
        "--objective",
        choices=get_args(Objective),
        default="macs",
        help="what is least within the RAM: MACs (default), or instructions as estimated",
    )
    parser.add_argument(
        "--input",
        choices=get_args(InputMode),
        help="how the input arrives: whole in a buffer of the caller (default), each row once, or pieces of rows again",
    )
    takes_kernels(parser, "the fastest of --board, else portable")
    parser.add_argument("--strategy", choices=STRATEGIES, help="what a published strategy makes of the model")
    parser.add_argument("--pareto", action="store_true", help="all plans that no other beats in both RAM and MACs")


def run(arguments: argparse.Namespace) -> Answer:
    """The best plan of a model within limits of RAM and overhead, or what a published strategy makes of it."""
    from msf_riot import planner

    if arguments.pareto and (arguments.output or arguments.strategy):
        raise MsfError("--pareto prints many plans: leave out -o and --strategy, or --pareto")
    if arguments.max_overhead is not None and arguments.objective != "macs":
        raise MsfError("--max-overhead asks for the least RAM, whatever --objective: leave out one of them")
    graph = read_model(arguments.model, arguments.keep_constant_channels)
    limit = _ram_limit(arguments, graph)
    kernels = arguments.kernels or (boards.load(arguments.board).kernels if arguments.board else PORTABLE)
    if arguments.strategy:
        return _strategy_answer(arguments, graph, kernels, limit)
    with progressing(f"planning {arguments.model}") as progress:
        found = planner.candidates(graph, arguments.input or "whole", kernels=kernels, progress=progress)
    front = planner.pareto_front(found) if arguments.pareto or arguments.plot else ()
    if arguments.pareto and not arguments.plot:
        return _front_answer(arguments, graph, front, limit)
    plan = planner.choose_among(
        found, ram_limit=limit, max_overhead=arguments.max_overhead, objective=arguments.objective
    )
    if arguments.output:
        planner.write_plan(plan, graph, arguments.output)
    if arguments.plot:
        _plot(arguments, graph, plan, front, limit)
    return _front_answer(arguments, graph, front, limit) if arguments.pareto else _plan_answer(arguments, graph, plan)


def _ram_limit(arguments: argparse.Namespace, graph: ir.Graph) -> int | None:
    """Bytes for the arena: the less of --ram and what is left on the board beside the result."""
    left = boards.load(arguments.board).ram_left() if arguments.board else None
    if left is not None:
        left = max(0, left - graph.output_bytes)
    return min((limit for limit in (arguments.ram, left) if limit is not None), default=None)


def _plan_data(graph: ir.Graph, plan: Plan) -> dict[str, object]:
    """The object that scripts read: its names are a contract."""
    from msf_riot import scheduler
    from msf_riot.report.stage_rows import stage_rows

    rows = stage_rows(scheduler.schedule(graph, plan))
    stages = [
        {**asdict(stage), "strips": row.strips, "bytes": row.bytes, "macs": row.macs, "names": list(row.names)}
        for stage, row in zip(plan.stages, rows, strict=True)
    ]
    return {"peak_ram": plan.peak_ram, "overhead": plan.overhead, "macs": plan.macs, "stages": stages}


def _plan_answer(arguments: argparse.Namespace, graph: ir.Graph, plan: Plan) -> Answer:
    return Answer(_plan_data(graph, plan), Group(_stages_table(graph, plan), "", _plan_facts(arguments, graph, plan)))


def _stages_table(graph: ir.Graph, plan: Plan) -> RenderableType:
    from msf_riot import scheduler
    from msf_riot.report.stage_rows import stage_rows

    return table(
        "",
        ("stage", "operators", "first", "last", "strip width", "strips", "scratch", "bytes", "MACs"),
        (
            (
                row.number,
                row.end - row.begin,
                row.names[0],
                row.names[-1],
                row.width,
                row.strips,
                row.shared,
                row.bytes,
                row.macs,
            )
            for row in stage_rows(scheduler.schedule(graph, plan))
        ),
    )


def _plan_facts(arguments: argparse.Namespace, graph: ir.Graph, plan: Plan) -> RenderableType:
    from msf_riot import planner

    plain = planner.layer_by_layer(graph).peak_ram
    limit = _ram_limit(arguments, graph)
    arrives = {"whole": "whole, in the caller's buffer", "rows": "row by row", "windows": "in pieces of rows"}
    return facts(
        "",
        (
            ("peak RAM", f"{plan.peak_ram:,} bytes"),
            ("layer by layer", f"{plain:,} bytes, {plain / plan.peak_ram:.1f} times as much"),
            *([("limit", _limit_text(arguments, limit))] if limit is not None else []),
            ("MACs", plan.macs),
            ("overhead factor F", plan.overhead),
            ("input", f"{graph.input_bytes:,} bytes beside the arena, {arrives[plan.input_mode]}"),
            ("kernels", plan.kernels),
            *_files_written(arguments),
        ),
    )


def _limit_text(arguments: argparse.Namespace, limit: int) -> str:
    if not arguments.board or limit == arguments.ram:
        return f"{limit:,} bytes"
    unmeasured = boards.load(arguments.board).overhead is None
    remark = "; what the system takes there is not measured and not counted" if unmeasured else ""
    return f"{limit:,} bytes left on {arguments.board}{remark}"


def _files_written(arguments: argparse.Namespace) -> list[tuple[str, object]]:
    return [("written to", path) for path in (arguments.output, arguments.plot) if path]


def _front_answer(arguments: argparse.Namespace, graph: ir.Graph, front: Sequence[Plan], limit: int | None) -> Answer:
    """The plans of the Pareto front that are within the limits."""
    most = arguments.max_overhead or float("inf")
    within = [plan for plan in front if (limit is None or plan.peak_ram <= limit) and plan.overhead <= most]
    if not within:
        fastest, leanest = front[0], front[-1]
        raise DoesNotFitError(
            f"{graph.name}: no plan of the Pareto front is within the limits; it goes from {fastest.peak_ram:,} bytes "
            f"at F = {fastest.overhead:.3f} to {leanest.peak_ram:,} bytes at F = {leanest.overhead:.3f}"
        )
    shown = table(
        "",
        ("peak RAM (bytes)", "F", "MACs", "stages"),
        ((plan.peak_ram, f"{plan.overhead:.3f}", plan.macs, len(plan.stages)) for plan in within),
    )
    written = _files_written(arguments)
    parts: list[RenderableType] = [shown]
    if written:
        parts += ["", facts("", written)]
    return Answer([_plan_data(graph, plan) for plan in within], Group(*parts))


def _strategy_answer(arguments: argparse.Namespace, graph: ir.Graph, kernels: str, limit: int | None) -> Answer:
    """What a published strategy makes of the model; some of their stages are only counted, never run."""
    from msf_riot import planner

    if arguments.input not in (None, "whole"):
        raise MsfError(f"--strategy {arguments.strategy} takes its input whole: leave --input {arguments.input} out")
    strategy = _strategy(graph, arguments.strategy, kernels, arguments.max_overhead)
    most = arguments.max_overhead or float("inf")
    if (limit is not None and strategy.peak_ram > limit) or strategy.overhead > most:
        within = [f"{limit:,} bytes"] if limit is not None else []
        within += [f"F <= {most:g}"] if arguments.max_overhead else []
        raise DoesNotFitError(
            f"{graph.name}: {strategy.name} needs {strategy.peak_ram:,} bytes at F = {strategy.overhead:.3f}; the "
            f"limit is {' and '.join(within)}"
        )
    plan = strategy.plan
    if plan is None and (arguments.output or arguments.plot):
        raise MsfError(f"{strategy.name} has stages that this project only counts and does not run: no -o, no --plot")
    if arguments.output and plan:
        planner.write_plan(plan, graph, arguments.output)
    if arguments.plot and plan:
        _plot(arguments, graph, plan, (), limit)
    data = {"peak_ram": strategy.peak_ram, "overhead": strategy.overhead, "macs": strategy.macs, "stages": []}
    if plan:
        data["stages"] = _plan_data(graph, plan)["stages"]
    shown: list[RenderableType] = [_stages_table(graph, plan), ""] if plan else []
    summary = [
        ("strategy", strategy.name),
        ("cut", strategy.cut),
        ("peak RAM", f"{strategy.peak_ram:,} bytes"),
        ("MACs", strategy.macs),
        ("overhead factor F", strategy.overhead),
        *_files_written(arguments),
    ]
    if plan and plan.peak_ram != strategy.peak_ram:
        summary.append(("its stages run here", f"{plan.peak_ram:,} bytes, F = {plan.overhead:.3f}"))
    return Answer(data, Group(*shown, facts("", summary)))


def _strategy(graph: ir.Graph, name: str, kernels: str, max_overhead: float | None) -> Strategy:
    from msf_riot import planner

    match name:
        case "mcunetv2":
            return planner.mcunetv2(graph)
        case "streamnet":
            return planner.streamnet(graph)
        case "msf-cnn":
            return planner.msf_cnn(graph, max_overhead or float("inf"))
        case _:
            plan = planner.named_plan(graph, planner.LAYER_BY_LAYER, kernels)
            cut = f"operators by themselves: {len(plan.stages)}"
            return planner.Strategy("layer by layer", cut, plan.peak_ram, plan.macs, plan.overhead, plan)


def _plot(arguments: argparse.Namespace, graph: ir.Graph, plan: Plan, front: Sequence[Plan], limit: int | None) -> None:
    from msf_riot import planner, scheduler
    from msf_riot.report.plan_plot import write_plan_plot

    board = arguments.board if limit is not None and limit != arguments.ram else None
    with working(f"drawing {arguments.plot}"):
        write_plan_plot(
            arguments.plot,
            scheduler.schedule(graph, plan),
            front=front,
            strategies=planner.strategies(graph),
            ram_limit=limit,
            board=board,
        )
