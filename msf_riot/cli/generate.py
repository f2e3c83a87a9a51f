"""msf-riot generate: a model -> its RIOT package."""

from __future__ import annotations

import argparse
from pathlib import Path

from msf_riot.cli.options import Answer, source_of, takes_kernels, takes_model, takes_plan, takes_source
from msf_riot.kernels import PORTABLE
from msf_riot.terminal import facts, progressing, working


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="the folder that gets the package's folder"
    )
    takes_plan(parser)
    takes_source(parser)
    takes_kernels(parser, f"{PORTABLE}; a plan file names its own")


def run(arguments: argparse.Namespace) -> Answer:
    """The RIOT package of a model."""
    from msf_riot import codegen, planner, scheduler

    planner.refuse_generation(arguments.model)
    with working(f"reading {arguments.model}"):
        graph = source_of(arguments).graph()
    with progressing(f"planning {arguments.model}") as progress:
        plan = planner.named_plan(graph, arguments.plan, arguments.kernels or PORTABLE, progress=progress)
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
