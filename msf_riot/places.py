"""Where the files are that come with the tool beside its Python code, and which folders make can work in.

riot_pkg/     the runtime and the makefile of applications
apps/         the selftest and other applications
sim/          BOARD=host and the boards in QEMU
boards.yaml
"""

from __future__ import annotations

import re
from pathlib import Path

from msf_riot.errors import BoardError

CODE = Path(__file__).resolve().parent
"""The Python package."""

INSTALLED = CODE / "data"
"""Where setup.py puts copies of the folders above when it makes a wheel. Nothing is ever written there."""

ROOT = INSTALLED if INSTALLED.is_dir() else CODE.parent
"""What holds them."""

UNUSABLE = re.compile(r"[\s#$:%*?\[\]'\"\\;&|<>()`!{}]")
"""What make, or the shell that it starts, takes for something else than a part of a path."""


def check_path(path: Path, what: str) -> None:
    """Raises BoardError where make cannot work with a folder; `what` begins the message."""
    if found := UNUSABLE.search(str(path)):
        raise BoardError(
            f"{what} is in a folder that make cannot work with, as its path holds {found[0]!r}: move {path} to a place "
            "whose path has letters, digits, and - _ . + only"
        )
