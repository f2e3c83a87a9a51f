"""matrix.yaml and a Lab -> the jobs: one for each model, plan, board and optimization."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msf_riot import planner, zoo
from msf_riot.build import Optimize
from msf_riot.errors import LabError
from msf_riot.lab.description import Lab, LabBoard
from msf_riot.lab.yaml_file import read_yaml
from msf_riot.sizes import size_bytes

DEFAULT_PLAN = "default"
RUN_SECONDS = 600.0
"""What a selftest may take where the matrix says no `timeout:`."""


@dataclass(frozen=True)
class Job:
    """One cell of a matrix.

    `plan` is "default", "layer-by-layer", the path of a plan or "ram:BYTES", the most that the arena may take; `board`
    is an id of the lab, `kind` its name in boards.yaml; `timeout` in seconds is that of one selftest.
    """

    id: str
    model: str
    plan: str
    board: str
    kind: str
    optimize: Optimize
    repetitions: int
    timeout: float

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return dict(vars(self))


def read_matrix(file: Path, lab: Lab) -> tuple[Job, ...]:
    """The jobs in the order models, plans, optimizations, boards. Raises LabError, ModelError, PlanError."""
    content = read_yaml(file, "matrix.schema.json", "the matrix")
    models = [_model(file, name) for name in content["models"]]
    plans = [_plan(file, entry) for entry in content.get("plans", [DEFAULT_PLAN])]
    optimize = content.get("optimize", ["speed"])
    chosen = _boards(file, content["boards"], lab)
    cells = itertools.product(
        dict.fromkeys(models),
        dict.fromkeys(plans),
        dict.fromkeys([optimize] if isinstance(optimize, str) else optimize),
        chosen,
    )
    repetitions, timeout = content.get("repetitions", 1), float(content.get("timeout", RUN_SECONDS))
    jobs = []
    for model, plan, each, board in cells:
        named = json.dumps([model, plan, each, board.id])
        id_ = hashlib.sha256(named.encode()).hexdigest()[:12]
        jobs.append(Job(id_, model, plan, board.id, board.board.name, each, repetitions, timeout))
    return tuple(jobs)


def _model(file: Path, name: str) -> str:
    if name.startswith(zoo.PREFIX):
        zoo.resolve(name)
        return name
    path = (file.parent / Path(name).expanduser()).resolve()
    if not path.is_file():
        raise LabError(f"the matrix {file}: models: {path}: no such file; zoo:NAME names a network of the zoo")
    return str(path)


def _plan(file: Path, entry: str | Mapping[str, Any]) -> str:
    if isinstance(entry, Mapping):
        try:
            return f"ram:{size_bytes(str(entry['ram']))}"
        except ValueError as error:
            raise LabError(f"the matrix {file}: plans: ram: {error}") from error
    if entry in (DEFAULT_PLAN, planner.LAYER_BY_LAYER):
        return entry
    path = (file.parent / Path(entry).expanduser()).resolve()
    if not path.is_file():
        raise LabError(
            f"the matrix {file}: plans: '{entry}' is neither {DEFAULT_PLAN}, {planner.LAYER_BY_LAYER} nor a file of "
            "`msf-riot plan -o`"
        )
    return str(path)


def _boards(file: Path, wanted: str | list[Any], lab: Lab) -> list[LabBoard]:
    if wanted == "all":
        return list(lab.boards.values())
    chosen: dict[str, LabBoard] = {}
    for each in wanted:
        found = [board for board in lab.boards.values() if _suits(file, board, each)]
        if not found:
            raise LabError(
                f"the matrix {file}: boards: {each if isinstance(each, str) else json.dumps(each)} is none of "
                f"{lab.file}: it has {', '.join(lab.boards)}"
            )
        chosen.update({board.id: board for board in found})
    return list(chosen.values())


def _suits(file: Path, board: LabBoard, wanted: str | Mapping[str, Any]) -> bool:
    if isinstance(wanted, str):
        return wanted in (board.id, board.board.name)
    try:
        ram = size_bytes(str(wanted["ram"])) if "ram" in wanted else 0
    except ValueError as error:
        raise LabError(f"the matrix {file}: boards: ram: {error}") from error
    what = board.board
    return (
        what.kind == wanted.get("kind", what.kind)
        and what.isa == wanted.get("isa", what.isa)
        and (wanted.get("extension") is None or wanted["extension"] in what.extensions)
        and (what.ram_bytes is None or what.ram_bytes >= ram)
    )
