"""What commands share: the answer they give, and the arguments that more than one of them takes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import RenderableType

from msf_riot.errors import MsfError
from msf_riot.sizes import size_bytes
from msf_riot.terminal import working

if TYPE_CHECKING:
    from msf_riot import ir
    from msf_riot.source import ModelSource


@dataclass(frozen=True)
class Answer:
    """What a command found: `data` for --json, `shown` for a person; `problem` ends the command with its status."""

    data: object
    shown: RenderableType
    problem: MsfError | None = None


class OneLineParser(argparse.ArgumentParser):
    """An argparse that complains in one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        """Raises MsfError instead of printing the usage."""
        raise MsfError(f"{message} ({self.prog} -h shows how)")


def takes_model(parser: argparse.ArgumentParser) -> None:
    """MODEL, which `read_model` reads."""
    parser.add_argument("model", metavar="MODEL", help="an int8 ONNX or TFLite file, zoo:NAME, or to plan, paper:NAME")


def takes_plan(parser: argparse.ArgumentParser) -> None:
    """--plan of the commands that run one."""
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help="a plan file, or layer-by-layer (default: the fastest plan with the least RAM)",
    )


def takes_kernels(parser: argparse.ArgumentParser, default: str) -> None:
    """--kernels."""
    from msf_riot import kernels

    parser.add_argument("--kernels", choices=kernels.names(), help=f"the kernels to call (default: {default})")


def takes_constant_channels(parser: argparse.ArgumentParser) -> None:
    """--keep-constant-channels."""
    parser.add_argument(
        "--keep-constant-channels",
        action="store_true",
        help="compute channels that never change as well, instead of folding them away",
    )


def takes_source(parser: argparse.ArgumentParser) -> None:
    """What `source_of` reads beside MODEL."""
    takes_constant_channels(parser)
    parser.add_argument(
        "--name", metavar="NAME", help="the package is msf_model_NAME (default: from the name of the model's file)"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="the names of the classes, one a line or a JSON list (default: those in the model's metadata)",
    )

    parser.add_argument(
        "--input-pixels",
        metavar="uint8",
        default="",
        help="the input are bytes of 0 to 255 of a camera, less 128; with --mean and --deviation as in training",
    )
    parser.add_argument("--mean", default="", metavar="M[,M,M]", help="of pixels, one or one a channel")
    parser.add_argument("--deviation", default="", metavar="D[,D,D]", help="a pixel becomes (pixel - mean) / deviation")


def option(name: str) -> str:
    """How a user says what argparse calls `name`."""
    return f"--{name.replace('_', '-')}"


def source_of(arguments: argparse.Namespace, *, normalizes: bool = False) -> ModelSource:
    """The model of a command that runs one; `normalizes` where that has a use of its own for --mean."""
    from msf_riot.source import ModelSource, read_pixels

    pixels = read_pixels(vars(arguments).get, option, numbers_alone=normalizes)
    return ModelSource(arguments.model, arguments.keep_constant_channels, arguments.name, arguments.labels, pixels)


def read_model(model: str, keep_constant_channels: bool = True) -> ir.Graph:
    """The Graph of a path, zoo:NAME or paper:NAME, as it is or without channels that never change."""
    from msf_riot import planner
    from msf_riot.source import ModelSource

    if model.startswith(planner.PAPER):
        return planner.paper_graph(model)
    with working(f"reading {model}"):
        return ModelSource(model, keep_constant_channels).graph()


def shape_text(shape: tuple[int, int, int]) -> str:
    """ "80x80x3"."""
    return "x".join(map(str, shape))


def ram_size(text: str) -> int:
    """Bytes of --ram."""
    try:
        return size_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def overhead_factor(text: str) -> float:
    """A number of 1 or more."""
    try:
        factor = float(text)
    except ValueError:
        factor = float("nan")
    if not factor >= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no factor of 1 or more")
    return factor
