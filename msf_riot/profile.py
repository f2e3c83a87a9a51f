"""A schedule and a board -> what one inference takes there, stage by stage and operator by operator.

apps/bench runs twice. The package as users get it gives the figures of the whole and of its stages. A second one, of
which every kernel call is counted by a macro of the kernel's name, gives the share of each operator; what counting
itself takes is measured on the board and taken off. What is left of a stage after its operators is the loop nest around
them, row pointers and moves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from msf_riot import build, codegen, ir, reference, verify
from msf_riot.boards import Board
from msf_riot.build import Build, Optimize
from msf_riot.codegen.names import operator_name
from msf_riot.errors import MismatchError, RunError
from msf_riot.places import ROOT
from msf_riot.scheduler import Schedule
from msf_riot.testbed.session import flash, session

BENCH = ROOT / "apps/bench"
BENCH_SECONDS = 900.0

KERNELS = ROOT / "riot_pkg/msf_runtime/include/msf"
CALLS_HEADER = "msf_profiled_calls.h"

Unit = Literal["instructions", "microseconds"]


@dataclass(frozen=True)
class OperatorProfile:
    """One operator: its kernel calls and what they took, both 0 where it calls no kernel."""

    name: str
    stage: int
    macs: int
    calls: int
    count: int


@dataclass(frozen=True)
class StageProfile:
    """One stage; `rest` is what its operators' kernels leave of `count`, as the counter's resolution allows."""

    number: int
    operators: tuple[OperatorProfile, ...]
    macs: int
    count: int

    @property
    def rest(self) -> int:
        """Count beside the kernels."""
        return self.count - sum(operator.count for operator in self.operators)


@dataclass(frozen=True)
class Profile:
    """One inference on one board, counted in `unit`. Bytes: `text_bytes` is the bench application without weights."""

    unit: Unit
    count: int
    macs: int
    stages: tuple[StageProfile, ...]
    arena_bytes: int
    stack_bytes: int
    flash_bytes: int
    weights_bytes: int
    clock_hz: int | None


def profile(
    schedule: Schedule, board: Board, directory: Path, *, jobs: int = 1, optimize: Optimize = "speed"
) -> Profile:
    """Generates, builds and runs apps/bench twice in `directory`. Raises every step's errors, and MismatchError."""
    plain, counted = directory / "packages", directory / "packages-profiled"
    inputs = verify.default_inputs(schedule.graph)[:1]
    outputs = reference.execute(schedule.graph, inputs[0])[np.newaxis]
    for packages in (plain, counted):
        codegen.generate_package(schedule, packages)
        codegen.generate_vectors(schedule, inputs, outputs, packages)
    count_calls(schedule, counted)
    built = _build(board, plain, directory / "bench", jobs, optimize)
    answers = _run(built)
    counting = _run(_build(board, counted, directory / "bench-profiled", jobs, optimize))
    result = answers[-1]
    unit: Unit = "instructions" if "instructions" in result else "microseconds"
    operators = _operators(schedule, counting, unit)
    counts = [answer[unit] for answer in answers if answer["msf"] == "stage"]
    stages = tuple(
        StageProfile(
            number=stage.number,
            operators=tuple(operators[stage.layout.skeleton.begin : stage.layout.skeleton.end]),
            macs=stage.layout.macs,
            count=count,
        )
        for stage, count in zip(schedule.stages, counts, strict=True)
    )
    return Profile(
        unit=unit,
        count=result[unit],
        macs=schedule.macs,
        stages=stages,
        arena_bytes=built.arena_bytes,
        stack_bytes=result["stack_bytes"],
        flash_bytes=built.flash_bytes,
        weights_bytes=built.weights_bytes,
        clock_hz=result.get("clock_hz"),
    )


def _build(board: Board, packages: Path, directory: Path, jobs: int, optimize: Optimize) -> Build:
    return build.build(board, BENCH, packages, directory, jobs=jobs, optimize=optimize)


def _run(built: Build) -> Sequence[dict[str, Any]]:
    flash(built.application, built.environment, built.log.with_suffix(".flash.log"))
    with session(built.application, built.environment) as running:
        answers = running.run("bench", BENCH_SECONDS)
    if not answers[-1]["match"]:
        raise MismatchError(f"{built.board.name}: the output differs from the reference: run the selftest")
    return answers


def count_calls(schedule: Schedule, directory: Path) -> None:
    """Changes the model's package in `directory` so that each kernel call of its code is counted."""
    package = directory / codegen.package_name(schedule)
    headers = [path for path in sorted(KERNELS.glob("kernels*.h")) if _is_used(path, schedule)]
    names = sorted({name for path in headers for name in re.findall(r"^void (msf_\w+)\(", path.read_text(), re.M)})
    lines = [
        "/* Every call of a kernel is counted, see msf/profile.h. */",
        "#pragma once",
        *(f'#include "msf/{path.name}"' for path in headers),
        '#include "msf/profile.h"',
        *(f"#define {name}(...) MSF_PROFILED(#__VA_ARGS__, {name}(__VA_ARGS__))" for name in names),
    ]
    (package / CALLS_HEADER).write_text("\n".join(lines) + "\n")
    makefile = package / "Makefile"
    makefile.write_text(f"CFLAGS += -include {CALLS_HEADER}\n{makefile.read_text()}")


def _is_used(header: Path, schedule: Schedule) -> bool:
    return header.stem == "kernels" or header.stem.endswith(schedule.plan.kernels)


def _operators(schedule: Schedule, answers: Sequence[dict[str, Any]], unit: Unit) -> list[OperatorProfile]:
    """What the counted calls say of each operator, in the graph's order."""
    counting = next(answer for answer in answers if answer["msf"] == "counting")
    cost = counting[unit] / counting["calls"]
    operators = schedule.network.operators
    names = [operator_name(schedule.network, index) for index in range(len(operators))]
    calls, counts = [0] * len(names), [0.0] * len(names)
    for answer in answers:
        if answer["msf"] == "call":
            index = _called(answer["call"], names)
            calls[index] += answer["calls"]
            counts[index] += answer[unit] - cost * answer["calls"]
    return [
        OperatorProfile(
            name=name,
            stage=next(s.number for s in schedule.stages if index < s.layout.skeleton.end),
            macs=ir.macs_per_pixel(operator) * int(np.prod(schedule.graph.tensor(operator.output).shape[:2])),
            calls=calls[index],
            count=max(0, round(counts[index])),
        )
        for index, (name, operator) in enumerate(zip(names, operators, strict=True))
    ]


def _called(arguments: str, names: Sequence[str]) -> int:
    """The operator whose constants a call takes, else the one whose output it writes, which it names last."""
    found = re.findall(
        r"(?<![a-z0-9])(" + "|".join(sorted(names, key=len, reverse=True)) + r")(?![0-9])", arguments.lower()
    )
    if not found:
        raise RunError(f"a counted call names no operator: {arguments}")
    constants = re.match(r"&(\w+)", arguments)
    return names.index(constants.group(1) if constants else found[0] if "_table" in arguments else found[-1])
