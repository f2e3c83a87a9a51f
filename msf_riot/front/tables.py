"""What the front door prints: sizes, results and profiles, from the files that the steps leave."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msf_riot import profile
from msf_riot.errors import BoardError, MismatchError
from msf_riot.front.job import Job
from msf_riot.terminal import facts, show, table


def read(path: Path) -> dict[str, Any]:
    """What a step left."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def check_builds(jobs: Sequence[Job]) -> None:
    """Raises MsfError where a build failed and others went on."""
    _check([read(job.built) for job in jobs], jobs)


def _check(notes: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> None:
    failed = [job.board.name for job, note in zip(jobs, notes, strict=True) if note.get("is_failure")]
    if failed:
        raise BoardError(f"failed for BOARD={','.join(failed)}, see above")


def show_sizes(jobs: Sequence[Job]) -> None:
    """Prints RAM and flash that each build takes, against the board's."""
    columns = ("board", "RAM used", "of", "flash used", "of", "arena", "weights", "ELF")
    show(table("", columns, [_size_row(job) for job in jobs]))
    check_builds(jobs)


def _size_row(job: Job) -> Sequence[object]:
    built = read(job.built)
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
    results = [read(job.result) for job in jobs]
    _check(results, jobs)
    wrong = [job.board.name for job, result in zip(jobs, results, strict=True) if result.get("match") is False]
    if wrong:
        raise MismatchError(f"{jobs[0].model}: the output differs from the reference on {', '.join(wrong)}")


def _result_row(job: Job) -> Sequence[object]:
    made, built, result = read(job.manifest), read(job.built), read(job.result)
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


def show_profile(job: Job, found: profile.Profile) -> None:
    """What each stage and operator takes, and the whole."""
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
