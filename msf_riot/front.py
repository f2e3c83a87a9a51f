"""What SConstruct runs: one model, one application, some boards -> packages, ELFs, results and tables.

SCons decides what is out of date; each function here is one step and leaves one file that says what came of it, which
is what the next step depends on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from msf_riot import boards, build, planner, profile, riot, verify, zoo
from msf_riot.boards import ROOT, Board
from msf_riot.build import Build, Optimize
from msf_riot.errors import BoardError, DoesNotFitError, MismatchError, ModelError, MsfError, PlanError
from msf_riot.terminal import facts, show, table

BUILD = ROOT / "build"

GENERATOR = (
    "codegen",
    "errors.py",
    "importer",
    "ir.py",
    "kernel_sets.py",
    "kernels.py",
    "passes",
    "planner",
    "reference.py",
    "scheduler.py",
    "stage",
    "verify.py",
)
"""The parts of msf_riot/ that what they generate depends on."""

VARIABLES: Mapping[str, tuple[str, str]] = {
    "BOARD": ("host", "a board of `msf-riot boards`, several with commas between, or `all` that can be built here"),
    "MODEL": ("zoo:mcunet-vww1", "an int8 ONNX file, or zoo:NAME of `msf-riot zoo`"),
    "APP": ("selftest", "a folder of apps/, or the path of an application's folder"),
    "PLAN": (
        "",
        "a plan file of `msf-riot plan`, or layer-by-layer; without one the plan that suits the board",
    ),
    "OPTIMIZE": ("speed", "speed (-O2) or size (-Os)"),
    "KEEP_CONSTANT_CHANNELS": ("0", "1 computes channels that never change as well, instead of folding them away"),
}
"""Name -> (default, meaning)."""

RIOT_VARIABLES: Mapping[str, str] = {
    "RIOTBASE": "a RIOT checkout to use instead of the release that `scons riot` clones",
    "EMULATE": "1 runs microbit and hifive1b in QEMU",
    "BUILD_IN_DOCKER": "1 lets RIOT compile in its container",
    "PORT": "the board's serial port",
    "DEBUG_ADAPTER_ID": "the serial number of the board's debug adapter",
    "PROGRAMMER": "the programmer to flash with, where the board can use several",
}
"""Handed on to RIOT's makefiles; from the command line or the environment."""

TARGETS: Mapping[str, str] = {
    "build": "build the ELF",
    "run": "build, flash and run it, and print what it says",
    "flash": "build and flash it",
    "term": "build, flash and open a terminal to it",
    "bench": "build and run apps/bench instead, and print what each stage and operator takes",
    "size": "build it and print RAM and flash used, against the board's",
    "riot": f"clone RIOT {riot.RELEASE} into the user's cache",
}


@dataclass(frozen=True)
class Job:
    """One application with one model on one board."""

    model: str
    model_file: Path
    plan: str | None
    application: Path
    board: Board
    optimize: Optimize
    keep_constant_channels: bool
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
        places += f":{self.board.kernels}:{self.keep_constant_channels}"
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
        places = (ROOT / "msf_riot" / name for name in GENERATOR)
        code = [f for place in places for f in (_files(place) if place.is_dir() else [place]) if f.suffix != ".pyc"]
        given = [self.model_file, *([Path(self.plan)] if self.plan not in (None, planner.LAYER_BY_LAYER) else [])]
        return (*given, *code)

    def board_sources(self) -> tuple[Path, ...]:
        """What the ELF depends on beside the generated packages."""
        folders = [self.application, ROOT / "riot_pkg", *([] if self.board.kind == "riot" else [ROOT / "sim"])]
        return (ROOT / "boards.yaml", *(f for folder in folders for f in _files(folder)))

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


def help_text() -> str:
    """What `scons -h` prints: every variable with its default, every target."""
    lines = ["scons [VARIABLE=value...] [target...]: from an int8 ONNX model to its answer on boards", "", "Variables:"]
    lines += [f"  {name:22} {meaning} (default: {default or 'none'})" for name, (default, meaning) in VARIABLES.items()]
    lines += ["", "Handed on to RIOT, from here or from the environment:"]
    lines += [
        f"  {name:22} {meaning} (now: {os.environ.get(name, 'unset')})" for name, meaning in RIOT_VARIABLES.items()
    ]
    lines += ["", "Targets (default: run, or size where running needs a board):"]
    lines += [f"  {name:22} {meaning}" for name, meaning in TARGETS.items()]
    lines += ["", "scons -c removes what was built; -j N runs N steps at once and reaches make.", ""]
    return "\n".join(lines)


def read_settings(arguments: Mapping[str, str]) -> dict[str, str]:
    """The variables with their defaults; those of RIOT go to the environment. Raises BoardError for unknown ones."""
    for name, value in arguments.items():
        if name in RIOT_VARIABLES:
            os.environ[name] = value
        elif name not in VARIABLES:
            known = ", ".join((*VARIABLES, *RIOT_VARIABLES))
            raise BoardError(f"unknown variable {name}; there are {known}")
    return {name: arguments.get(name, default) for name, (default, _) in VARIABLES.items()}


def fetch_riot() -> None:
    """Clones the pinned release of RIOT, or says where it is already."""
    print(riot.clone_riot())


def make_jobs(settings: Mapping[str, str], jobs: int) -> tuple[Job, ...]:
    """The boards, model, plan and application that the variables name, checked. Raises MsfError."""
    optimize = next((each for each in get_args(Optimize) if each == settings["OPTIMIZE"]), None)
    if optimize is None:
        raise BoardError(f"OPTIMIZE={settings['OPTIMIZE']} is neither of {', '.join(get_args(Optimize))}")
    chosen = _boards(settings["BOARD"])
    others: Literal["none", "named", "all"] = "none" if len(chosen) == 1 else "named"
    if settings["BOARD"] == "all":
        others = "all"
    model = settings["MODEL"]
    planner.refuse_generation(model)
    model_file = zoo.resolve(model).expanduser().absolute()
    if not model_file.is_file():
        raise ModelError(f"MODEL={model}: no such file; zoo:NAME names a network of the zoo")
    plan = settings["PLAN"] or None
    if plan not in (None, planner.LAYER_BY_LAYER):
        plan = str(Path(plan).expanduser().absolute())
        if not Path(plan).is_file():
            raise PlanError(f"PLAN={settings['PLAN']}: no such file; `msf-riot plan MODEL -o FILE` writes one")
    application = _application(settings["APP"])
    keep = settings["KEEP_CONSTANT_CHANNELS"]
    if keep not in ("0", "1"):
        raise PlanError(f"KEEP_CONSTANT_CHANNELS={keep} is neither 0 nor 1")
    return tuple(
        Job(model, model_file, plan, application, board, optimize, keep == "1", jobs, others) for board in chosen
    )


def _boards(names: str) -> tuple[Board, ...]:
    """Raises BoardError for an unknown board, and for one that cannot be built here unless `all` are meant."""
    if names == "all":
        return tuple(b for b in map(boards.load, boards.names()) if build.obstacle(b) is None)
    chosen = tuple(boards.load(name) for name in dict.fromkeys(names.split(",")))
    for board in chosen:
        if reason := build.obstacle(board):
            raise BoardError(reason)
    return chosen


def _application(name: str) -> Path:
    for folder in (ROOT / "apps" / name, Path(name).expanduser().absolute()):
        if (folder / "Makefile").is_file():
            return folder
    known = ", ".join(sorted(makefile.parent.name for makefile in (ROOT / "apps").glob("*/Makefile")))
    raise BoardError(f"APP={name} is no folder with a Makefile; apps/ has {known}")


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
    schedule = verify.make_schedule(job.model_file, job.plan, job.board, job.keep_constant_channels)
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
        made = _read(job.manifest)
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
    if "problem" in _read(job.built):
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
    schedule = verify.make_schedule(job.model_file, job.plan, job.board, job.keep_constant_channels)
    verify.check_kernels(schedule.plan.kernels, job.board)
    build.check_fits(job.board, **verify.needs(schedule, 1))
    found = profile.profile(schedule, job.board, job.directory / "bench", jobs=job.jobs, optimize=job.optimize)
    show(table("", ("stage", "operator", "MACs", "calls", found.unit, "per MAC", "share"), _bench_rows(found)))
    summary = (
        (f"{found.unit}, one inference", found.count),
        ("per MAC", found.count / max(1, found.macs)),
        ("arena (bytes)", found.arena_bytes),
        ("stack (bytes)", found.stack_bytes),
        ("flash (bytes)", found.flash_bytes),
        ("  of which weights", found.weights_bytes),
        ("clock (Hz)", found.clock_hz),
    )
    show(facts(f"{job.model} on {job.board.name}", summary))


def _bench_rows(found: profile.Profile) -> Iterator[Sequence[object]]:
    """A line for each stage, one for each of its operators, and one for what is beside its kernels."""
    for stage in found.stages:
        parts: list[tuple[str, int, int | None, int]] = [
            (operator.name, operator.macs, operator.calls, operator.count) for operator in stage.operators
        ]
        parts.append(("beside the kernels", 0, None, stage.rest))
        for number, (name, macs, calls, count) in (
            (stage.number + 1, ("all", stage.macs, None, stage.count)),
            *((None, part) for part in parts),
        ):
            ratio = count / macs if macs else None
            yield (
                "" if number is None else str(number),
                name,
                macs or None,
                calls,
                count,
                None if ratio is None else f"{ratio:.2f}",
                f"{100 * count / max(1, found.count):.1f} %",
            )


def check_builds(jobs: Sequence[Job]) -> None:
    """Raises MsfError where a build failed and others went on."""
    _check([_read(job.built) for job in jobs], jobs)


def _check(notes: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> None:
    failed = [job.board.name for job, note in zip(jobs, notes, strict=True) if note.get("is_failure")]
    if failed:
        raise BoardError(f"failed for BOARD={','.join(failed)}, see above")


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


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def show_sizes(jobs: Sequence[Job]) -> None:
    """Prints RAM and flash that each build takes, against the board's."""
    columns = ("board", "RAM used", "of", "flash used", "of", "arena", "weights", "ELF")
    show(table("", columns, [_size_row(job) for job in jobs]))
    check_builds(jobs)


def _size_row(job: Job) -> Sequence[object]:
    built = _read(job.built)
    if "problem" in built:
        return job.board.name, None, job.board.ram_bytes, None, job.board.flash_bytes, None, None, _first_line(built)
    return (
        job.board.name,
        built["ram_bytes"],
        job.board.ram_bytes,
        built["flash_bytes"],
        job.board.flash_bytes,
        built["arena_bytes"],
        built["weights_bytes"],
        os.path.relpath(built["elf"]),
    )


def _first_line(note: Mapping[str, Any]) -> str:
    return str(note["problem"]).splitlines()[0]


def show_results(jobs: Sequence[Job]) -> None:
    """Prints what the selftest found on each board; raises MismatchError where it is not what the reference says."""
    if jobs[0].application.name != "selftest":
        return
    columns = (
        *("model", "board", "operators", "stages", "arena", "layer by layer"),
        *("flash", "MACs", "stack", "one inference", "match"),
    )
    show(table("", columns, [_result_row(job) for job in jobs]))
    results = [_read(job.result) for job in jobs]
    _check(results, jobs)
    wrong = [job.board.name for job, result in zip(jobs, results, strict=True) if result.get("match") is False]
    if wrong:
        raise MismatchError(f"{jobs[0].model}: the output differs from the reference on {', '.join(wrong)}")


def _result_row(job: Job) -> Sequence[object]:
    made, built, result = _read(job.manifest), _read(job.built), _read(job.result)
    cost = (made["operators"], made["stages"], made["arena_bytes"], made["layer_by_layer_bytes"])
    if "problem" in result:
        return job.model, job.board.name, *cost, None, made["macs"], None, None, _first_line(result)
    return (
        job.model,
        job.board.name,
        *cost,
        built["flash_bytes"],
        made["macs"],
        result["stack_bytes"],
        f"{result['instructions']:,} instructions" if "instructions" in result else f"{result['microseconds']:,} us",
        "yes" if result["match"] else f"NO: {result['first_mismatch']}",
    )
