"""msf-riot quantize: a float model and samples of its input -> an int8 model."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from msf_riot.cli.options import Answer, takes_model
from msf_riot.terminal import facts, working


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    takes_model(parser)
    parser.add_argument(
        "--calibration", type=Path, metavar="DATA.npz", required=True, help="representative inputs, first axis: samples"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="the int8 ONNX file to write")


def run(arguments: argparse.Namespace) -> Answer:
    """A float model and calibration data -> an int8 model, and how often both agree."""
    from msf_riot import zoo
    from msf_riot.importer.onnx.quantize import quantize_model

    with working(f"quantizing {arguments.model}"):
        report = quantize_model(zoo.resolve(arguments.model), arguments.calibration, arguments.output)
    data = {"model": arguments.model, "output": str(arguments.output), **asdict(report)}
    return Answer(data, facts("", ((name.replace("_", " "), value) for name, value in data.items())))
