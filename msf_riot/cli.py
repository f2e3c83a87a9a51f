"""The msf-riot command: arguments in, one answer out, for a person (tables) or a program (--json).

Every command is a function from its arguments to an Answer; main() prints it. What a user can get wrong ends in one
line on standard error and the exit status of its error; MSF_DEBUG=1 shows the traceback as well.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from rich.console import Group, RenderableType

from msf_riot import boards, ir
from msf_riot.errors import MismatchError, MsfError
from msf_riot.terminal import facts, show, table, working


@dataclass(frozen=True)
class Answer:
    """What a command found: `data` for --json, `shown` for a person; `problem` ends the command with its status."""

    data: object
    shown: RenderableType
    problem: MsfError | None = None


def shape_text(shape: tuple[int, int, int]) -> str:
    """ "80x80x3"."""
    return "x".join(map(str, shape))


def read_model(model: str) -> ir.Graph:
    """The Graph of a path or zoo:NAME."""
    from msf_riot import importer, zoo

    with working(f"reading {model}"):
        return importer.import_model(zoo.resolve(model))


def inspect_command(arguments: argparse.Namespace) -> Answer:
    """Operators, shapes, quantization, MACs, parameters, and what layer-by-layer execution takes."""
    from msf_riot import planner

    graph = read_model(arguments.model)
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
        ),
    )
    return Answer(data, Group(operators, "", summary))


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
    from msf_riot.importer.quantize import quantize_model

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
    """The plan of a model, and its exact cost."""
    from msf_riot import planner

    graph = read_model(arguments.model)
    plan = planner.layer_by_layer(graph)
    if arguments.output:
        planner.write_plan(plan, graph, arguments.output)
    data = {
        "peak_ram": plan.peak_ram,
        "overhead": plan.overhead,
        "macs": plan.macs,
        "stages": [asdict(stage) for stage in plan.stages],
    }
    stages = table(
        "",
        ("stage", "operators", "first", "last", "strip width"),
        (
            (
                number,
                stage.end - stage.begin,
                graph.operators[stage.begin].name,
                graph.operators[stage.end - 1].name,
                stage.width,
            )
            for number, stage in enumerate(plan.stages)
        ),
    )
    summary = facts(
        "",
        (
            ("peak RAM", f"{plan.peak_ram:,} bytes"),
            ("MACs", plan.macs),
            ("overhead factor F", plan.overhead),
            *([("written to", arguments.output)] if arguments.output else []),
        ),
    )
    return Answer(data, Group(stages, "", summary))


def generate_command(arguments: argparse.Namespace) -> Answer:
    """The RIOT package of a model."""
    from msf_riot import codegen, planner, scheduler

    graph = read_model(arguments.model)
    plan = planner.read_plan(arguments.plan, graph) if arguments.plan else planner.layer_by_layer(graph)
    schedule = scheduler.schedule(graph, plan)
    with working(f"generating {arguments.model}"):
        package = codegen.generate_package(schedule, arguments.output)
    data = {
        "package": str(package),
        "arena_bytes": schedule.arena_bytes,
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
            arguments.model, arguments.board, inputs=arguments.inputs, plan=arguments.plan, progress=progress
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
            added.add_argument("model", metavar="MODEL", help="an int8 ONNX file, or zoo:NAME")
        return added

    def takes_plan(added: OneLineParser) -> None:
        added.add_argument("--plan", type=Path, metavar="FILE", help="a plan file (default: layer by layer)")

    command("inspect", inspect_command)
    quantize = command("quantize", quantize_command)
    quantize.add_argument(
        "--calibration", type=Path, metavar="DATA.npz", required=True, help="representative inputs, first axis: samples"
    )
    quantize.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the int8 ONNX file to write")
    command("zoo", zoo_command, model=False)
    plan = command("plan", plan_command)
    plan.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write the plan")
    generate = command("generate", generate_command)
    generate.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="the folder that gets the package's folder"
    )
    takes_plan(generate)
    verify = command("verify", verify_command)
    verify.add_argument("--board", metavar="B", default="host", help="a board of `msf-riot boards` (default: host)")
    verify.add_argument(
        "--inputs", type=Path, metavar="DATA.npz", help="inputs, first axis: samples (default: seeded random ones)"
    )
    takes_plan(verify)
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
