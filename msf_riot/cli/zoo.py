"""msf-riot zoo: the networks that come with the tool."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from msf_riot.cli.options import Answer
from msf_riot.terminal import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace) -> Answer:
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
