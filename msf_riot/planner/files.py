"""Plan <-> JSON file: written for people to read and edit, checked when read.

The file names the operators of each stage by their numbers, as `msf-riot inspect` shows them; `names` is for the reader
and not checked. Costs in the file are for the reader too: what a plan costs is always counted anew.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, get_args

import numpy as np

from msf_riot import kernels as kernel_sets
from msf_riot.errors import PlanError
from msf_riot.ir import Graph
from msf_riot.planner.plan import Plan, Stage, make_plan
from msf_riot.stage import InputMode, Network

VERSION = 1
LARGEST_FILE = 4 << 20
"""Bytes: a plan of a thousand stages takes a tenth of it."""


def fingerprint(graph: Graph) -> str:
    """SHA-256 of everything that the graph computes: operators, shapes, quantization and weights."""
    digest = hashlib.sha256()

    def add(value: object) -> None:
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(repr(value).encode())

    for operator in graph.operators:
        add(type(operator).__name__)
        for field in dataclasses.fields(operator):
            add(field.name)
            add(getattr(operator, field.name))
    for name in (*graph.inputs, *(operator.output for operator in graph.operators)):
        tensor = graph.tensor(name)
        add((tensor.shape, tensor.quantization))
    if len(graph.outputs) > 1:
        add(graph.outputs)
    return digest.hexdigest()


def as_json(plan: Plan, graph: Graph) -> dict[str, object]:
    """What the file holds."""
    stages = []
    for stage in plan.stages:
        names = [operator.name for operator in graph.operators[stage.begin : stage.end]]
        stages.append(
            {
                "first": stage.begin,
                "last": stage.end - 1,
                "width": stage.width,
                "shared": stage.shared,
                "names": names if len(names) <= 2 else [names[0], "...", names[-1]],
            }
        )
    return {
        "msf_riot_plan": VERSION,
        "model": graph.name,
        "model_sha256": fingerprint(graph),
        "input": plan.input_mode,
        "overlap": plan.overlap,
        "kernels": plan.kernels,
        "peak_ram": plan.peak_ram,
        "overhead": plan.overhead,
        "macs": plan.macs,
        "stages": stages,
    }


def write_plan(plan: Plan, graph: Graph, path: Path) -> None:
    """Writes the file at once or not at all. Raises PlanError where it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(as_json(plan, graph), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PlanError(f"cannot write plan {path}: {error.strerror or error}") from error


def read_plan(path: Path, graph: Graph) -> Plan:
    """The plan in the file, checked against the graph. Raises PlanError that says what is wrong with it."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise PlanError(f"plan {path}: larger than {LARGEST_FILE:,} bytes; not a plan of this tool")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read plan {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PlanError(f"plan {path}: not JSON ({error}); make one with 'msf-riot plan MODEL -o {path}'") from error
    try:
        return _plan(content, graph)
    except PlanError as error:
        raise PlanError(f"plan {path}: {error}") from error


def _plan(content: Any, graph: Graph) -> Plan:
    version = content.get("msf_riot_plan") if isinstance(content, dict) else None
    if version is None:
        raise PlanError("not a plan of msf-riot (no 'msf_riot_plan'); make one with 'msf-riot plan MODEL -o FILE'")
    if version != VERSION:
        raise PlanError(f"plan version {version!r}, this tool reads version {VERSION}; make it again")
    if content.get("model_sha256") != fingerprint(graph):
        raise PlanError(
            f"made for another model ('{content.get('model')}', hash {str(content.get('model_sha256'))[:12]}), not for "
            f"'{graph.name}' (hash {fingerprint(graph)[:12]}); make one with 'msf-riot plan'"
        )
    mode, overlap, entries = content.get("input"), content.get("overlap", True), content.get("stages")
    kernels = content.get("kernels", kernel_sets.PORTABLE)
    if mode not in get_args(InputMode):
        raise PlanError(f"'input' is {mode!r}, expected one of {', '.join(get_args(InputMode))}")
    if kernels not in kernel_sets.names():
        raise PlanError(f"'kernels' is {kernels!r}, expected one of {', '.join(kernel_sets.names())}")
    if not isinstance(overlap, bool) or not isinstance(entries, list) or not entries:
        raise PlanError("'overlap' must be true or false, and 'stages' a list with at least one stage")
    stages = tuple(_stage(number, entry) for number, entry in enumerate(entries))
    return make_plan(Network(graph, kernels), stages, mode, overlap)


def _stage(number: int, entry: Any) -> Stage:
    if not isinstance(entry, dict):
        raise PlanError(f"stage {number} is not an object with first, last, width")
    first, last, width = (_number(number, name, entry.get(name)) for name in ("first", "last", "width"))
    shared = entry.get("shared")
    return Stage(first, last + 1, width, None if shared is None else _number(number, "shared", shared))


def _number(stage: int, name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 20:
        raise PlanError(f"stage {stage}: '{name}' is {value!r}, expected a number")
    return value
