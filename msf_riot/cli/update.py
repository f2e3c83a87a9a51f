"""msf-riot update: what that makefile runs to bring the packages of an application's models up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from msf_riot.application import OPTIONS, requests, update
from msf_riot.cli.options import Answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("--board", metavar="B", required=True, help="a board of `msf-riot boards`, or another of RIOT")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="the folder that gets models.mk and packages/"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="model=MODEL",
        help=f"the models; behind each, what stands beside it in the Makefile: {'=, '.join(OPTIONS)}=",
    )


def run(arguments: argparse.Namespace) -> Answer:
    """Brings the packages of an application's models up to date; the makefile of `msf-riot makefile` runs it."""
    made = update(arguments.board, requests(arguments.words), arguments.output)
    return Answer({"made": made}, "made" if made else "up to date")
