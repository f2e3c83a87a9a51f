"""msf-riot makefile: what the Makefile of a RIOT application includes to have models."""

from __future__ import annotations

import argparse

from msf_riot.application import MAKEFILE
from msf_riot.cli.options import Answer
from msf_riot.places import check_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace) -> Answer:
    """The path of the makefile that gives models to any RIOT application: `include $(shell msf-riot makefile)`."""
    check_path(MAKEFILE, "msf-riot")
    return Answer(str(MAKEFILE), str(MAKEFILE))
