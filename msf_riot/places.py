"""Where the files are that come with the tool beside its Python code: in a checkout its top folder, installed a copy.

riot_pkg/     the runtime and the makefile of applications
apps/         the selftest and other applications
sim/          BOARD=host and the boards in QEMU
boards.yaml
"""

from __future__ import annotations

from pathlib import Path

CODE = Path(__file__).resolve().parent
"""The Python package."""

INSTALLED = CODE / "data"
"""Where setup.py puts copies of the folders above when it makes a wheel. Nothing is ever written there."""

ROOT = INSTALLED if INSTALLED.is_dir() else CODE.parent
"""What holds them."""
