"""A Job: one model, one application, one board; where its files are, and what they depend on."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msf_riot import planner, riot, zoo
from msf_riot.boards import Board
from msf_riot.build import Optimize
from msf_riot.places import ROOT
from msf_riot.source import ModelSource

BUILD = ROOT / "build"

NO_GENERATOR = ("agreement.py", "build.py", "cli", "front", "profile.py", "report", "riot.py", "terminal.py", "testbed")
"""What of msf_riot/ the generated packages do not depend on; they are made again where anything else of it changes."""


@dataclass(frozen=True)
class Job:
    """One application with one model on one board."""

    model: str
    model_file: Path
    source: ModelSource
    plan: str | None
    application: Path
    board: Board
    optimize: Optimize
    jobs: int
    others: Literal["none", "named", "all"]
    """Whether other boards are in the same run, which a problem with this one must not keep from their turn. Where
    `all` are meant, a board that is too small for the model is no failure either."""

    @property
    def directory(self) -> Path:
        """Everything made from this model and plan, with the kernels and within the RAM of such boards."""
        named = re.sub(r"[^A-Za-z0-9_.+-]+", "-", self.model.removeprefix(zoo.PREFIX).removesuffix(".onnx"))
        name = named.rpartition("-")[2] if "/" in self.model else named
        places = f"{self.model_file if not self.model.startswith(zoo.PREFIX) else self.model}:{self.plan or ''}"
        places += f":{self.board.kernels}:{self.source.keep_constant_channels}"
        places += f":{self.source.name}:{self.source.labels}" if self.source.name or self.source.labels else ""
        places += f":{self.source.pixels}" if self.source.pixels else ""
        places += f":{self.board.ram_left()}" if self.plan is None else ""
        return BUILD / f"{name}-{hashlib.sha256(places.encode()).hexdigest()[:8]}"

    @property
    def packages(self) -> Path:
        """The generated RIOT packages."""
        return self.directory / "packages"

    @property
    def manifest(self) -> Path:
        """Names and digests of the generated files, and what the board needs for them."""
        return self.directory / "generated.json"

    @property
    def objects(self) -> Path:
        """The application's objects, ELFs and logs."""
        return self.directory / self.application.name

    @property
    def built(self) -> Path:
        """What the board's build came to."""
        return self.objects / f"{self.board.name}.json"

    @property
    def result(self) -> Path:
        """What the application said on the board."""
        return self.objects / f"{self.board.name}.result.json"

    def model_sources(self) -> tuple[Path, ...]:
        """What the generated packages depend on: the model, the plan, and the generator itself."""
        tool = ROOT / "msf_riot"
        code = [path for path in _files(tool) if path.relative_to(tool).parts[0] not in NO_GENERATOR]
        given = [self.model_file, *([Path(self.plan)] if self.plan not in (None, planner.LAYER_BY_LAYER) else [])]
        given += [self.source.labels] if self.source.labels else []
        return (*given, *code)

    def board_sources(self) -> tuple[Path, ...]:
        """What the ELF depends on beside the generated packages."""
        folders = [self.application, ROOT / "riot_pkg", *([] if self.board.kind == "riot" else [ROOT / "sim"])]
        shared = (ROOT / "boards.yaml", ROOT / "apps" / "Makefile.include")
        return (*shared, *(f for folder in folders for f in _files(folder)))

    def settings(self) -> str:
        """What else the ELF depends on, in one text."""
        base = ""
        if self.board.kind == "riot":
            checkout = riot.find_riot()
            base = f"{checkout} {riot.riot_version(checkout)}"
        return f"{self.optimize} {base} {[os.environ.get(name) for name in ('BUILD_IN_DOCKER', 'CFLAGS')]}"

    def runs_here(self) -> bool:
        """True where running needs no hardware."""
        return self.board.kind != "riot" or self.board.isa == "native" or os.environ.get("EMULATE") == "1"


def _files(folder: Path) -> Iterator[Path]:
    """Source files below a folder, in order; no build products."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in ("__pycache__", "bin", "build", "generated"):
            yield from _files(path)
        elif path.is_file():
            yield path
