"""msf-riot quantize: a float model and samples of its input -> an int8 model."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Group

from msf_riot.cli.options import Answer, takes_model
from msf_riot.terminal import facts, table, working

WORST = 5
"""Layers that are shown; --json has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    parser.add_argument(
        "--calibration", type=Path, metavar="DATA.npz", required=True, help="representative inputs, first axis: samples"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the int8 ONNX file to write")

    parser.add_argument(
        "--calibrator",
        choices=("minmax", "entropy", "percentile", "distribution"),
        default="minmax",
        help="how the range of an activation is chosen (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> Answer:
    """A float model and calibration data -> an int8 model, how often both agree, and which layers lose the most."""
    from msf_riot import zoo
    from msf_riot.importer.onnx.quantize import quantize_model

    with working(f"quantizing {arguments.model}"):
        report = quantize_model(
            zoo.resolve(arguments.model), arguments.calibration, arguments.output, arguments.calibrator
        )
    data = {"model": arguments.model, "output": str(arguments.output), **asdict(report)}
    plain = ((name.replace("_", " "), value) for name, value in data.items() if name != "layers" and value is not None)
    worst = table(
        "what loses the most, in dB",
        ("layer", "operator", "before", "after"),
        [(layer.layer, layer.operator, layer.before_db, layer.after_db) for layer in report.layers[:WORST]],
    )
    return Answer(data, Group(facts("", plain), "", worst) if report.layers else facts("", plain))
