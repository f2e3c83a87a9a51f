"""msf-riot verify: the whole way for one model on one board, and whether all agree."""

from __future__ import annotations

import argparse
from pathlib import Path

from msf_riot.cli.options import Answer, source_of, takes_model, takes_plan, takes_source
from msf_riot.errors import MismatchError
from msf_riot.terminal import facts, working


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    parser.add_argument("--board", metavar="B", default="host", help="a board of `msf-riot boards` (default: host)")
    parser.add_argument(
        "--inputs", type=Path, metavar="DATA.npz", help="inputs, first axis: samples (default: seeded random ones)"
    )
    takes_plan(parser)
    takes_source(parser)


def run(arguments: argparse.Namespace) -> Answer:
    """Builds and runs a model on a board; compares it with the reference, and that with ONNX Runtime or LiteRT."""
    from msf_riot.verify import first_mismatch, verify

    with working(f"{arguments.model} on {arguments.board}") as progress:
        result = verify(
            source_of(arguments),
            arguments.board,
            inputs=arguments.inputs,
            plan=arguments.plan,
            progress=progress,
        )
    data = result.as_json()
    shown = facts("", ((name.replace("_", " "), value) for name, value in data.items()))
    problem = None
    if not result.selftest.match:
        where = first_mismatch(result.selftest)
        problem = MismatchError(f"{arguments.model} on {arguments.board}: not what the reference computes; {where}")
    return Answer(data, shown, problem)
