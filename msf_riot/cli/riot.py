"""msf-riot riot: RIOT itself, into the user's cache."""

from __future__ import annotations

import argparse

from msf_riot import riot
from msf_riot.cli.options import Answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace) -> Answer:
    """Clones the release of RIOT that this tool is tested with into the user's cache, and prints its path."""
    found = str(riot.clone_riot())
    return Answer({"riot": found, "release": riot.RELEASE}, found)
