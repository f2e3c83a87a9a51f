"""The msf-riot command: arguments in, one answer out, for a person (tables) or a program (--json).

Every command is a function from its arguments to an Answer; main() prints it. What a user can get wrong ends in one
line on standard error and the exit status of its error; MSF_DEBUG=1 shows the traceback as well.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, get_args

from rich.console import Group, RenderableType

from msf_riot import boards, ir, passes
from msf_riot.errors import DoesNotFitError, MismatchError, MsfError
from msf_riot.planner import Objective, Plan, Strategy
from msf_riot.stage import InputMode, KernelSet
from msf_riot.terminal import facts, progressing, show, table, working


@dataclass(frozen=True)
class Answer:
    """What a command found: `data` for --json, `shown` for a person; `problem` ends the command with its status."""

    data: object
    shown: RenderableType
    problem: MsfError | None = None


def shape_text(shape: tuple[int, int, int]) -> str:
    """ "80x80x3"."""
    return "x".join(map(str, shape))


def read_model(model: str, keep_constant_channels: bool = True) -> ir.Graph:
    """The Graph of a path, zoo:NAME or paper:NAME, as it is or without channels that never change."""
    from msf_riot import importer, planner, zoo

    if model.startswith(planner.PAPER):
        return planner.paper_graph(model)
    with working(f"reading {model}"):
        graph = importer.import_model(zoo.resolve(model))
        return graph if keep_constant_channels else passes.fold_constant_channels(graph)[0]


def inspect_command(arguments: argparse.Namespace) -> Answer:
    """Operators, shapes, quantization, MACs, parameters, constant channels, and what layer-by-layer execution takes."""
    from msf_riot import planner

    graph = read_model(arguments.model)
    folded = passes.fold_constant_channels(graph)[1]
    rows = [_operator_row(graph, operator) for operator in graph.operators]
    largest = max(graph.tensors.values(), key=lambda tensor: tensor.size)
    peak = planner.layer_by_layer(graph).peak_ram
    data = {
        "model": arguments.model,
        "input": _interface(graph.tensor(graph.input)),
        "output": _interface(graph.tensor(graph.output)),
        "operators": rows,
        "macs": ir.macs(graph),
        "parameters": ir.parameter_bytes(graph),
        "largest_tensor": {"name": largest.name, "bytes": largest.size},
        "layer_by_layer_peak": peak,
        "constant_channels": {
            "constant": folded.constant,
            "channels_before": folded.channels_before,
            "channels_after": folded.channels_after,
            "macs_after": folded.macs_after,
            "parameters_after": folded.weight_bytes_after,
        },
    }
    operators = table(
        "",
        ("#", "operator", "name", "output", "scale", "zero point", "MACs", "parameters"),
        (
            (
                n,
                row["operator"],
                row["name"],
                shape_text(graph.tensor(graph.operators[n].output).shape),
                row["scale"],
                row["zero_point"],
                row["macs"],
                row["parameters"],
            )
            for n, row in enumerate(rows)
        ),
    )
    summary = facts(
        "",
        (
            ("input", _interface_text(graph.tensor(graph.input))),
            ("output", _interface_text(graph.tensor(graph.output))),
            ("MACs", data["macs"]),
            ("parameters (bytes)", data["parameters"]),
            ("largest tensor", f"{largest.size:,} bytes, {shape_text(largest.shape)} ({largest.name})"),
            ("layer-by-layer peak RAM", f"{peak:,} bytes"),
            ("constant channels", _folding_text(folded)),
        ),
    )
    return Answer(data, Group(operators, "", summary))


def _folding_text(folded: passes.Report) -> str:
    if folded.channels_after == folded.channels_before:
        return f"none of {folded.channels_before:,}"
    return (
        f"{folded.constant:,} of {folded.channels_before:,} channels never change; folded away they leave "
        f"{folded.macs_after:,} MACs and {folded.weight_bytes_after:,} bytes of parameters"
    )


def _operator_row(graph: ir.Graph, operator: ir.Operator) -> dict[str, object]:
    output = graph.tensor(operator.output)
    weights = getattr(operator, "weights", None)
    return {
        "name": operator.name,
        "operator": type(operator).__name__,
        "inputs": list(operator.inputs),
        "output": operator.output,
        "shape": list(output.shape),
        "scale": output.quantization.scale,
        "zero_point": output.quantization.zero_point,
        "macs": ir.macs_per_pixel(operator) * output.height * output.width,
        "parameters": 0 if weights is None else int(weights.size),
    }


def _interface(tensor: ir.Tensor) -> dict[str, object]:
    return {"name": tensor.name, "shape": list(tensor.shape), **asdict(tensor.quantization)}


def _interface_text(tensor: ir.Tensor) -> str:
    quantization = tensor.quantization
    return (
        f"{shape_text(tensor.shape)} int8, scale {quantization.scale:.6g}, zero point {quantization.zero_point} "
        f"({tensor.name})"
    )


def quantize_command(arguments: argparse.Namespace) -> Answer:
    """A float model and calibration data -> an int8 model, and how often both agree."""
    from msf_riot import zoo
    from msf_riot.importer.onnx.quantize import quantize_model

    with working(f"quantizing {arguments.model}"):
        report = quantize_model(zoo.resolve(arguments.model), arguments.calibration, arguments.output)
    data = {"model": arguments.model, "output": str(arguments.output), **asdict(report)}
    return Answer(data, facts("", ((name.replace("_", " "), value) for name, value in data.items())))


def zoo_command(arguments: argparse.Namespace) -> Answer:
    """The networks that can be named zoo:NAME."""
    from msf_riot import zoo

    summaries = zoo.summaries()
    shown = table(
        "",
        ("name", "MACs", "parameters", "largest tensor (bytes)", "what it is"),
        (
            (zoo.PREFIX + each.name, each.macs, each.parameters, each.largest_tensor, each.description)
            for each in summaries
        ),
    )
    return Answer([asdict(each) for each in summaries], shown)


def plan_command(arguments: argparse.Namespace) -> Answer:
    """The best plan of a model within limits of RAM and overhead, or what a published strategy makes of it."""
    from msf_riot import planner

    if arguments.pareto and (arguments.output or arguments.strategy):
        raise MsfError("--pareto prints many plans: leave out -o and --strategy, or --pareto")
    if arguments.max_overhead is not None and arguments.objective != "macs":
        raise MsfError("--max-overhead asks for the least RAM, whatever --objective: leave out one of them")
    graph = read_model(arguments.model, arguments.keep_constant_channels)
    limit = _ram_limit(arguments, graph)
    kernels = arguments.kernels or (boards.load(arguments.board).kernels if arguments.board else "portable")
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
        left = max(0, left - graph.tensor(graph.output).size)
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
            ("input", f"{graph.tensor(graph.input).size:,} bytes beside the arena, {arrives[plan.input_mode]}"),
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


def _strategy_answer(arguments: argparse.Namespace, graph: ir.Graph, kernels: KernelSet, limit: int | None) -> Answer:
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


def _strategy(graph: ir.Graph, name: str, kernels: KernelSet, max_overhead: float | None) -> Strategy:
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


def generate_command(arguments: argparse.Namespace) -> Answer:
    """The RIOT package of a model."""
    from msf_riot import codegen, planner, scheduler

    planner.refuse_generation(arguments.model)
    graph = read_model(arguments.model, arguments.keep_constant_channels)
    with progressing(f"planning {arguments.model}") as progress:
        plan = planner.named_plan(graph, arguments.plan, arguments.kernels or "portable", progress=progress)
    schedule = scheduler.schedule(graph, plan)
    with working(f"generating {arguments.model}"):
        package = codegen.generate_package(schedule, arguments.output)
    data = {
        "package": str(package),
        "arena_bytes": schedule.arena_bytes,
        "layer_by_layer_bytes": planner.layer_by_layer(graph).peak_ram,
        "input_bytes": schedule.input_bytes,
        "output_bytes": schedule.output_bytes,
        "macs": schedule.macs,
        "stages": len(schedule.stages),
    }
    return Answer(data, facts("", ((name.replace("_", " "), value) for name, value in data.items())))


def verify_command(arguments: argparse.Namespace) -> Answer:
    """Builds and runs a model on a board; compares it with the reference and with ONNX Runtime."""
    from msf_riot.verify import first_mismatch, verify

    with working(f"{arguments.model} on {arguments.board}") as progress:
        result = verify(
            arguments.model,
            arguments.board,
            inputs=arguments.inputs,
            plan=arguments.plan,
            keep_constant_channels=arguments.keep_constant_channels,
            progress=progress,
        )
    data = result.as_json()
    shown = facts("", ((name.replace("_", " "), value) for name, value in data.items()))
    problem = None
    if not result.selftest.match:
        where = first_mismatch(result.selftest)
        problem = MismatchError(f"{arguments.model} on {arguments.board}: not what the reference computes; {where}")
    return Answer(data, shown, problem)


def boards_command(arguments: argparse.Namespace) -> Answer:
    """Every board, and whether it can be built here."""
    from msf_riot import build

    rows = []
    for name in boards.names():
        board = boards.load(name)
        obstacle = build.obstacle(board)
        rows.append(
            {
                "name": name,
                "kind": board.kind,
                "core": board.core,
                "ram_bytes": board.ram_bytes,
                "flash_bytes": board.flash_bytes,
                "buildable": obstacle is None,
                "obstacle": obstacle,
            }
        )
    shown = table(
        "",
        ("board", "kind", "core", "RAM (bytes)", "flash (bytes)", "can be built here"),
        (
            (
                row["name"],
                row["kind"],
                row["core"],
                row["ram_bytes"],
                row["flash_bytes"],
                "yes" if row["buildable"] else f"no: {row['obstacle']}",
            )
            for row in rows
        ),
    )
    return Answer(rows, shown)


STRATEGIES = ("layer-by-layer", "mcunetv2", "streamnet", "msf-cnn")

UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 1000**2, "mib": 1 << 20}


def size_bytes(text: str) -> int:
    """ "16KiB" -> 16384."""
    found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?) ?([a-z]*)", text.strip().lower())
    if found is None or found[2] not in UNITS:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; write bytes, or a number with kB, KiB, MB or MiB")
    return int(float(found[1]) * UNITS[found[2]])


def overhead_factor(text: str) -> float:
    """A number of 1 or more."""
    try:
        factor = float(text)
    except ValueError:
        factor = float("nan")
    if not factor >= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no factor of 1 or more")
    return factor


class OneLineParser(argparse.ArgumentParser):
    """An argparse that complains in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        """Raises MsfError instead of printing the usage."""
        raise MsfError(f"{message} ({self.prog} -h shows how)")


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="msf-riot", description="Fits an int8 CNN into a microcontroller's RAM under RIOT.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], Answer], *, model: bool = True) -> OneLineParser:
        summary = (run.__doc__ or "").splitlines()[0]
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(run=run)
        added.add_argument("--json", action="store_true", help="print one JSON value instead of tables")
        if model:
            added.add_argument("model", metavar="MODEL", help="an int8 ONNX file, zoo:NAME, or to plan, paper:NAME")
        return added

    def takes_plan(added: OneLineParser) -> None:
        added.add_argument(
            "--plan",
            metavar="FILE",
            help="a plan file, or layer-by-layer (default: the fastest plan with the least RAM)",
        )

    def takes_kernels(added: OneLineParser, default: str) -> None:
        added.add_argument("--kernels", choices=get_args(KernelSet), help=f"the kernels to call (default: {default})")

    def takes_constant_channels(added: OneLineParser) -> None:
        added.add_argument(
            "--keep-constant-channels",
            action="store_true",
            help="compute channels that never change as well, instead of folding them away",
        )

    command("inspect", inspect_command)
    quantize = command("quantize", quantize_command)
    quantize.add_argument(
        "--calibration", type=Path, metavar="DATA.npz", required=True, help="representative inputs, first axis: samples"
    )
    quantize.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the int8 ONNX file to write")
    command("zoo", zoo_command, model=False)
    plan = command("plan", plan_command)
    takes_constant_channels(plan)
    plan.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write the plan")
    plan.add_argument("--plot", type=Path, metavar="FILE.html", help="where to draw RAM over the run and the choices")
    plan.add_argument("--ram", type=size_bytes, metavar="SIZE", help="most arena bytes: 16384, 16KiB, 0.5MB")
    plan.add_argument("--board", metavar="B", help="most arena bytes: what RIOT and the application leave there")
    plan.add_argument(
        "--max-overhead",
        type=overhead_factor,
        metavar="F",
        help="least RAM with at most F times the MACs of layer-by-layer execution, 1 or more; inf: least RAM of all",
    )
    plan.add_argument(
        "--objective",
        choices=get_args(Objective),
        default="macs",
        help="what is least within the RAM: MACs (default), or instructions as estimated",
    )
    plan.add_argument(
        "--input",
        choices=get_args(InputMode),
        help="how the input arrives: whole in a buffer of the caller (default), each row once, or pieces of rows again",
    )
    takes_kernels(plan, "the fastest of --board, else portable")
    plan.add_argument("--strategy", choices=STRATEGIES, help="what a published strategy makes of the model")
    plan.add_argument("--pareto", action="store_true", help="all plans that no other beats in both RAM and MACs")
    generate = command("generate", generate_command)
    generate.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="the folder that gets the package's folder"
    )
    takes_plan(generate)
    takes_constant_channels(generate)
    takes_kernels(generate, "portable; a plan file names its own")
    verify = command("verify", verify_command)
    verify.add_argument("--board", metavar="B", default="host", help="a board of `msf-riot boards` (default: host)")
    verify.add_argument(
        "--inputs", type=Path, metavar="DATA.npz", help="inputs, first axis: samples (default: seeded random ones)"
    )
    takes_plan(verify)
    takes_constant_channels(verify)
    command("boards", boards_command, model=False)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    answer: Answer = arguments.run(arguments)
    if arguments.json:
        print(json.dumps(answer.data, indent=2))
    else:
        show(answer.shown)
    if answer.problem:
        raise answer.problem
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status; never raises."""
    try:
        status = _run(_parser().parse_args(arguments))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except MsfError as error:
        return _complain(str(error), error.exit_status)
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), MsfError.exit_status)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return _complain(f"{what} (a defect of msf-riot: please report it with what MSF_DEBUG=1 shows)", 1)


def _complain(message: str, status: int) -> int:
    """One line: the message, and of the log that a BuildError brings the first line."""
    if os.environ.get("MSF_DEBUG") == "1":
        traceback.print_exc()
    print(f"msf-riot: error: {' '.join(' '.join(message.splitlines()[:2]).split())}", file=sys.stderr)
    return status
