"""A job -> the firmware it runs, built once for all jobs that need the same bytes, on this machine's disk."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from msf_riot import boards, build, planner, scheduler, verify, zoo
from msf_riot.boards import Board
from msf_riot.errors import DoesNotFitError
from msf_riot.ir import Int8Array
from msf_riot.lab.matrix import DEFAULT_PLAN, Job
from msf_riot.lab.places import state
from msf_riot.places import CODE, ROOT
from msf_riot.riot import riot_version
from msf_riot.scheduler import Schedule
from msf_riot.source import ModelSource

BUILD_ID = "MSF_BUILD_ID"
"""The variable of apps/Makefile.include that tells the firmware its own name."""


@dataclass(frozen=True)
class Firmware:
    """A selftest built for a kind of board.

    `build_id` is what the firmware itself answers; `settings` is make's environment, beside what reaches one board.
    `facts` is what a result must be told with: hashes, sizes, compiler, RIOT, flags, plan.
    """

    build_id: str
    board: Board
    model: str
    arena_bytes: int
    settings: Mapping[str, str]
    facts: Mapping[str, Any]


def firmware(job: Job, jobs: int = 1) -> Firmware:
    """Generated and built, unless it lies there already.

    Raises DoesNotFitError, BuildError, BoardError, ModelError and PlanError.
    """
    board = boards.load(job.kind)
    schedule = _schedule(job.model, job.plan, board)
    verify.check_kernels(schedule.plan.kernels, board)
    inputs = verify.default_inputs(schedule.graph)
    build.check_fits(board, **verify.needs(schedule, len(inputs)))
    packages = _packages(schedule, job.model, inputs)
    settings = build.environment(board, packages, packages, optimize=job.optimize)
    compiler = _compiler(board)
    riot = _riot_commit(Path(settings["RIOTBASE"])) if "RIOTBASE" in settings else None
    what = [packages.name, _sources(), board.name, job.optimize, compiler, riot, os.environ.get("CFLAGS", "")]
    build_id = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
    folder = state("firmware", build_id)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "firmware.json"
        if not _usable(done):
            made = build.build(
                board,
                verify.SELFTEST,
                packages,
                folder,
                jobs=jobs,
                optimize=job.optimize,
                extra={BUILD_ID: build_id},
            )
            facts = {
                "build": build_id,
                "elf": str(made.elf),
                "elf_sha256": _digest([made.elf]),
                "text_bytes": made.text_bytes,
                "data_bytes": made.data_bytes,
                "bss_bytes": made.bss_bytes,
                "code_bytes": made.code_bytes,
                "weights_bytes": made.weights_bytes,
                "compiler": compiler,
                "riot": riot,
                "flags": settings.get("CFLAGS_OPT", job.optimize),
                "tool": importlib.metadata.version("msf-riot"),
            }
            kept = {"facts": facts, "settings": {**made.environment, BUILD_ID: build_id}}
            whole = done.with_suffix(".new")
            whole.write_text(json.dumps(kept))
            whole.replace(done)
        kept = json.loads(done.read_text())
    plan = {
        "plan": job.plan,
        "plan_hash": _plan_hash(schedule),
        "kernels": schedule.plan.kernels,
        "stages": len(schedule.stages),
        "arena_bytes": schedule.arena_bytes,
        "macs": schedule.macs,
    }
    facts = {**kept["facts"], **plan, "model_sha256": _model_hash(job.model)}
    return Firmware(build_id, board, schedule.graph.name, schedule.arena_bytes, kept["settings"], facts)


def _usable(done: Path) -> bool:
    try:
        kept = json.loads(done.read_text())["facts"]
        return bool(_digest([Path(kept["elf"])]) == kept["elf_sha256"])
    except (OSError, ValueError, KeyError):
        return False


_KEY_LOCKS: dict[str, threading.Lock] = {}
_ALL = threading.Lock()


def _lock_of(key: str) -> threading.Lock:
    with _ALL:
        return _KEY_LOCKS.setdefault(key, threading.Lock())


_schedules: dict[str, Schedule] = {}


def _schedule(model: str, plan: str, board: Board) -> Schedule:
    """Of a job; kept, since boards of a kind and both optimizations share it."""
    left = board.ram_left()
    key = json.dumps([model, plan, board.kernels, left])
    with _lock_of(key):
        if key not in _schedules:
            _schedules[key] = _make_schedule(ModelSource(model), plan, board, left)
        return _schedules[key]


def _make_schedule(source: ModelSource, plan: str, board: Board, left: int | None) -> Schedule:
    if not plan.startswith("ram:"):
        return verify.make_schedule(source, None if plan == DEFAULT_PLAN else plan, board)
    graph, asked = source.graph(), int(plan.removeprefix("ram:"))
    limit = asked if left is None else min(asked, max(0, left - graph.output_bytes))
    chosen = planner.suitable_plan(graph, kernels=board.kernels, ram_limit=limit)
    if chosen.peak_ram > asked:
        raise DoesNotFitError(
            f"no plan of {graph.name} takes {asked} bytes of RAM: the leanest takes {chosen.peak_ram}"
        )
    return scheduler.schedule(graph, chosen)


def _packages(schedule: Schedule, model: str, inputs: Int8Array) -> Path:
    """The generated packages, in a folder that bears their hash's name."""
    key = hashlib.sha256(f"{_model_hash(model)} {_plan_hash(schedule)} {_sources()}".encode()).hexdigest()[:16]
    with _lock_of(key):
        folder = state("packages") / key
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=f"{key}-", dir=folder.parent) as new:
                made = Path(new) / "made"
                verify.generate(schedule, inputs, made)
                with contextlib.suppress(OSError):  # another process was faster
                    made.rename(folder)
        return folder


def _plan_hash(schedule: Schedule) -> str:
    plan = planner.as_json(schedule.plan, schedule.graph)
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]


@cache
def _model_hash(model: str) -> str:
    return _digest([zoo.resolve(model)])


@cache
def _sources() -> str:
    """Of all that is compiled beside the packages, and of the code that writes these."""
    folders = (ROOT / "riot_pkg", ROOT / "apps", ROOT / "sim", CODE)
    kinds = (".c", ".h", ".mk", ".ld", ".S", ".s", ".j2", ".py", ".include", ".dep")
    files = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in kinds or "Makefile" in path.name
    ]
    return _digest(path for path in sorted(files) if path.is_file())


@cache
def _riot_commit(checkout: Path) -> str:
    found = subprocess.run(
        ["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return f"{riot_version(checkout) or 'development'} {found.stdout.strip()[:12]}".strip()


def _compiler(board: Board) -> str:
    """Its first line on --version; "" in a container, where it is not at hand."""
    tool = board.toolchain.find()
    if tool is None:
        return ""
    return _first_line(tool)


@cache
def _first_line(tool: Path) -> str:
    found = subprocess.run([str(tool), "--version"], capture_output=True, text=True, errors="replace", check=False)
    return next(iter(found.stdout.splitlines()), tool.name)


def _digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:32]
