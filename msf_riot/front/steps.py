"""The steps of a job: each leaves one file that says what came of it, which is what the next step depends on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msf_riot import build, planner, profile, riot, verify
from msf_riot.build import Build
from msf_riot.errors import BoardError, DoesNotFitError, MsfError
from msf_riot.front.job import Job
from msf_riot.front.tables import read, show_profile


def fetch_riot() -> None:
    """Clones the pinned release of RIOT, or says where it is already."""
    print(riot.clone_riot())


def discard_torn(job: Job) -> None:
    """Forgets steps whose files were changed or removed behind our back, so that SCons takes them again."""
    try:
        files = json.loads(job.manifest.read_text())["files"]
        torn = any(_digest(job.packages / name) != digest for name, digest in files.items())
    except (OSError, ValueError, KeyError):
        torn = True
    if torn:
        job.manifest.unlink(missing_ok=True)
    try:
        torn = not Path(json.loads(job.built.read_text())["elf"]).is_file()
    except (OSError, ValueError, KeyError):
        torn = True
    if torn:
        job.built.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def generate(job: Job) -> None:
    """Model and plan -> the packages of the model and its test vectors, and their manifest."""
    schedule = verify.make_schedule(job.source, job.plan, job.board)
    inputs = verify.default_inputs(schedule.graph)
    verify.generate(schedule, inputs, job.packages)
    files = (path for path in sorted(job.packages.rglob("*")) if path.is_file())
    summary = {
        "files": {str(path.relative_to(job.packages)): _digest(path) for path in files},
        "needs": verify.needs(schedule, len(inputs)),
        "operators": len(schedule.graph.operators),
        "stages": len(schedule.stages),
        "kernels": schedule.plan.kernels,
        "arena_bytes": schedule.arena_bytes,
        "layer_by_layer_bytes": planner.layer_by_layer(schedule.graph).peak_ram,
        "macs": schedule.macs,
    }
    job.manifest.write_text(json.dumps(summary, indent=1))


def compile_application(job: Job) -> None:
    """The packages -> the ELF, by make, unless it surely does not fit."""
    with _noted(job, job.built):
        made = read(job.manifest)
        verify.check_kernels(made["kernels"], job.board)
        build.check_fits(job.board, **made["needs"])
        built = _make(job)
        sizes = {
            "elf": str(built.elf),
            "flash_bytes": built.flash_bytes,
            "ram_bytes": built.ram_bytes,
            "arena_bytes": built.arena_bytes,
            "weights_bytes": built.weights_bytes,
        }
        job.built.write_text(json.dumps(sizes, indent=1))


def _make(job: Job) -> Build:
    return build.build(job.board, job.application, job.packages, job.objects, jobs=job.jobs, optimize=job.optimize)


@contextmanager
def _noted(job: Job, path: Path) -> Iterator[None]:
    """Where there are other boards to go on with, an error is told, noted at `path` and goes no further."""
    try:
        yield
    except MsfError as error:
        if job.others == "none":
            raise
        print(f"scons: {job.board.name}: {error}", file=sys.stderr)
        is_failure = job.others == "named" or not isinstance(error, DoesNotFitError)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"problem": str(error), "is_failure": is_failure}))


def run(job: Job) -> None:
    """Flashes and runs the selftest, and keeps its result; any other application gets a terminal."""
    if "problem" in read(job.built):
        job.result.write_text(job.built.read_text())
    elif job.application.name != "selftest":
        open_terminal(job)
    else:
        with _noted(job, job.result):
            result = verify.selftest(_make(job))
            what_it_took = {
                "match": result.match,
                "first_mismatch": verify.first_mismatch(result),
                "stack_bytes": result.stack_bytes,
                **verify.one_inference(result),
            }
            job.result.write_text(json.dumps(what_it_took, indent=1))


def bench(job: Job) -> None:
    """Runs apps/bench and prints what each stage and operator takes."""
    schedule = verify.make_schedule(job.source, job.plan, job.board)
    verify.check_kernels(schedule.plan.kernels, job.board)
    build.check_fits(job.board, **verify.needs(schedule, 1))
    found = profile.profile(schedule, job.board, job.directory / "bench", jobs=job.jobs, optimize=job.optimize)
    show_profile(job, found)


def flash(job: Job) -> None:
    """`make flash`."""
    _interactive(job, "flash")


def open_terminal(job: Job) -> None:
    """`make flash term`: for a person, who ends it."""
    _interactive(job, "flash", "term")


def _interactive(job: Job, *targets: str) -> None:
    settings = _make(job).environment
    for target in targets:
        command = ["make", "--no-print-directory", "-C", str(job.application), target]
        status = subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
        if status != 0 and target != "term":
            raise BoardError(f"make {target} failed for BOARD={job.board.name}, see above")
