"""The boards: boards.yaml (and the user's own, named by MSF_BOARDS) as checked, frozen values.

Takes a board's name, gives what it is, how much it holds and which tools build and emulate it. Nothing here starts
a tool: that is build.py's.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from msf_riot import kernels
from msf_riot.errors import BoardError
from msf_riot.places import ROOT

SCHEMA = Path(__file__).with_name("boards.schema.json")

MARGIN = 128
"""Bytes of RAM by which what an application takes beside the arena may differ from what was measured once: linkers
align and order variables anew."""


@dataclass(frozen=True)
class Tool:
    """A compiler or an emulator: any one of `executables` will do; `install` is the command that brings it."""

    name: str
    executables: tuple[str, ...]
    install: str

    def find(self) -> Path | None:
        """The first of the executables that is on PATH."""
        found = next(filter(None, map(shutil.which, self.executables)), None)
        return Path(found) if found else None


@dataclass(frozen=True)
class Overhead:
    """Bytes that RIOT and apps/selftest take on the board beside the model."""

    ram_bytes: int
    flash_bytes: int
    heap_bytes: int = 0

    @property
    def all_ram_bytes(self) -> int:
        """What is taken when it is linked, and on the heap when it runs: newlib opens its files there."""
        return self.ram_bytes + self.heap_bytes


@dataclass(frozen=True)
class Board:
    """One entry of boards.yaml; its head says what each field means. None stands for a limit that does not exist."""

    name: str
    kind: Literal["host", "sim", "riot"]
    core: str
    isa: str
    clock_hz: int | None
    ram_bytes: int | None
    flash_bytes: int | None
    fpu: bool
    toolchain: Tool
    stack_bytes: int
    flashing: str
    overhead: Overhead | None = None
    emulator: Tool | None = None
    machine: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()

    @property
    def kernels(self) -> str:
        """The set of kernels that is fastest here."""
        return kernels.best(self.extensions)

    def ram_left(self) -> int | None:
        """Bytes that RIOT, the application and its stack leave; None without a limit. What is not measured counts 0.

        Less MARGIN where it is measured.
        """
        if self.ram_bytes is None:
            return None
        return max(0, self.ram_bytes - (self.overhead.all_ram_bytes + MARGIN if self.overhead else 0))


def names() -> tuple[str, ...]:
    """Every board's name, in the order of the files."""
    return tuple(_entries(_files())["boards"])


def load(name: str) -> Board:
    """The board of that name.

    Raises BoardError where there is none (and lists those with a near name), and where a file of boards is broken.
    """
    entries = _entries(_files())
    if name not in entries["boards"]:
        raise BoardError(f"unknown board '{name}': {_near(name, tuple(entries['boards']))}")
    return _board(name, entries)


def _near(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [other for other in known if name in other]
    return f"did you mean {', '.join(near)}?" if near else f"the boards are {', '.join(known)}"


def _board(name: str, entries: Mapping[str, Any]) -> Board:
    entry = dict(entries["boards"][name])
    overhead = entry.pop("overhead", None)
    emulator = entry.pop("emulator", None)
    extensions = entry.pop("extensions", [])
    if entry.pop("dsp", False):
        extensions = [*extensions, "dsp"]
    return Board(
        name=name,
        toolchain=_tool(name, "toolchains", entry.pop("toolchain"), entries),
        emulator=_tool(name, "emulators", emulator, entries) if emulator else None,
        overhead=Overhead(**overhead) if overhead else None,
        extensions=tuple(extensions),
        **entry,
    )


def _tool(board: str, section: str, name: str, entries: Mapping[str, Any]) -> Tool:
    if name not in entries[section]:
        raise BoardError(f"board '{board}' names '{name}', which is not among the {section}: add it there")
    entry = entries[section][name]
    return Tool(name, tuple(entry["executables"]), entry["install"])


def _files() -> tuple[Path, ...]:
    own = os.environ.get("MSF_BOARDS")
    return (ROOT / "boards.yaml", *([Path(own)] if own else []))


@cache
def _entries(files: tuple[Path, ...]) -> Mapping[str, Mapping[str, Any]]:
    """The sections of all files, joined; what a later file says of a name replaces what an earlier one said."""
    joined: dict[str, dict[str, Any]] = {"toolchains": {}, "emulators": {}, "boards": {}}
    for file in files:
        for section, entries in _read(file).items():
            joined[section].update(entries)
    return joined


def _read(file: Path) -> Mapping[str, Mapping[str, Any]]:
    import jsonschema

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        jsonschema.validate(content, json.loads(SCHEMA.read_text(encoding="utf-8")))
    except OSError as error:
        raise BoardError(f"cannot read the boards in {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BoardError(f"{file} is not YAML: {' '.join(str(error).split())}") from error
    except jsonschema.ValidationError as error:
        where = ".".join(map(str, error.absolute_path)) or "top level"
        raise BoardError(f"{file}: {where}: {error.message}") from error
    sections: Mapping[str, Mapping[str, Any]] = content
    return sections
