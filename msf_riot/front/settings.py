"""The variables and targets of the front door, and the jobs that they name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from msf_riot import boards, build, planner, riot, zoo
from msf_riot.boards import Board
from msf_riot.build import Optimize
from msf_riot.codegen.names import checked_name
from msf_riot.errors import BoardError, ModelError, PlanError
from msf_riot.front.job import Job
from msf_riot.places import ROOT, check_path
from msf_riot.source import ModelSource, read_pixels

VARIABLES: Mapping[str, tuple[str, str]] = {
    "BOARD": ("host", "a board of `msf-riot boards`, several with commas between, or `all` that can be built here"),
    "MODEL": ("zoo:mcunet-vww1", "an int8 ONNX or TensorFlow Lite file, or zoo:NAME of `msf-riot zoo`"),
    "APP": ("selftest", "a folder of apps/, or the path of an application's folder"),
    "PLAN": (
        "",
        "a plan file of `msf-riot plan`, or layer-by-layer; without one the plan that suits the board",
    ),
    "NAME": ("", "the package is msf_model_NAME; without one it has the name of the model's file"),
    "LABELS": ("", "a file with the names of the classes, one a line; without one those in the model's metadata"),
    "INPUT_PIXELS": ("", "uint8: the input are pixels of 0 to 255, less 128"),
    "MEAN": ("", "of pixels in training, one or one a channel, with commas between; with DEVIATION"),
    "DEVIATION": ("", "a pixel becomes (pixel - MEAN) / DEVIATION"),
    "OPTIMIZE": ("speed", "speed (-O2) or size (-Os)"),
    "KEEP_CONSTANT_CHANNELS": ("0", "1 computes channels that never change as well, instead of folding them away"),
}
"""Name -> (default, meaning)."""

RIOT_VARIABLES: Mapping[str, str] = {
    "RIOTBASE": "a RIOT checkout to use instead of the release that `msf-riot riot` clones",
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


def help_text() -> str:
    """What `scons -h` prints: every variable with its default, every target."""
    lines = ["scons [VARIABLE=value...] [target...]: from an int8 model to its answer on boards", "", "Variables:"]
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
    labels = Path(settings["LABELS"]).expanduser().absolute() if settings["LABELS"] else None
    if labels and not labels.is_file():
        raise ModelError(f"LABELS={settings['LABELS']}: no such file; it holds the names of the classes, one a line")
    name = checked_name(settings["NAME"]) if settings["NAME"] else None
    application = _application(settings["APP"])
    check_path(application, f"the application {application.name}")
    keep = settings["KEEP_CONSTANT_CHANNELS"]
    if keep not in ("0", "1"):
        raise PlanError(f"KEEP_CONSTANT_CHANNELS={keep} is neither 0 nor 1")
    pixels = read_pixels(lambda name, _: settings[name.upper()], str.upper)
    named = model if model.startswith(zoo.PREFIX) else str(model_file)
    source = ModelSource(named, keep == "1", name, labels, pixels)
    return tuple(Job(model, model_file, source, plan, application, board, optimize, jobs, others) for board in chosen)


def _boards(names: str) -> tuple[Board, ...]:
    """Raises BoardError for an unknown board, and for one that cannot be built here unless `all` are meant."""
    if names == "all":
        obstacles = {name: build.obstacle(boards.load(name)) for name in boards.names()}
        buildable = tuple(boards.load(name) for name, reason in obstacles.items() if reason is None)
        if not buildable:
            raise BoardError(f"BOARD=all: none can be built here; for BOARD=host: {obstacles['host']}")
        return buildable
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
