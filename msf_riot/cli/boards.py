"""msf-riot boards: every board, and whether it can be built here."""

from __future__ import annotations

import argparse

from msf_riot import boards
from msf_riot.cli.options import Answer
from msf_riot.terminal import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace) -> Answer:
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
