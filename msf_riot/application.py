"""The models that a RIOT application's Makefile names -> their packages below its bin/, made again only with a cause.

What riot_pkg/models.mk runs whenever make reads the application's Makefile. Where nothing has changed it has to be over
at once, so everything heavy is imported only where something is to be made.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from msf_riot.errors import DoesNotFitError, ModelError, MsfError, PlanError
from msf_riot.places import CODE, ROOT, check_path

if TYPE_CHECKING:
    from msf_riot.boards import Board
    from msf_riot.ir import Graph
    from msf_riot.planner import Plan
    from msf_riot.scheduler import Schedule

MAKEFILE = ROOT / "riot_pkg" / "models.mk"
"""What an application's Makefile includes."""

STAMP = "made.json"
"""In the folder of an application and board: from what the packages were made, and the digests of their files."""

ZOO = "zoo:"
"""zoo.PREFIX, which would take longer to import than all that is done where nothing has changed."""


@dataclass(frozen=True)
class Request:
    """One word of MSF_MODELS with its options, all as text: what stands in the Makefile."""

    model: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """What ends the names of the model's variables, as in MSF_PLAN_kws."""
        return self.model.removeprefix(ZOO) if self.model.startswith(ZOO) else Path(self.model).stem

    def variable(self, option: str) -> str:
        """The name of the make variable that sets an option."""
        return f"MSF_{option.upper()}_{self.stem}"

    def files(self) -> tuple[Path, ...]:
        """What is read for it. Raises MsfError where one of them is missing."""
        from_options = {name: Path(self.options[name]) for name in ("plan", "labels") if name in self.options}
        if from_options.get("plan") == Path("layer-by-layer"):
            del from_options["plan"]
        for name, path in from_options.items():
            if not path.is_file():
                raise PlanError(f"{self.variable(name)} = {path}: no such file")
        if self.model.startswith(ZOO):
            return tuple(from_options.values())
        if not Path(self.model).is_file():
            raise ModelError(f"MSF_MODELS: {self.model}: no such file; zoo:NAME names a network of the zoo")
        return (Path(self.model), *from_options.values())


OPTIONS = (
    "plan",
    "ram",
    "input",
    "name",
    "kernels",
    "labels",
    "input_pixels",
    "mean",
    "deviation",
    "keep_constant_channels",
)
"""What stands beside a model, as MSF_<OPTION>_<stem>."""


def requests(words: Sequence[str]) -> tuple[Request, ...]:
    """From `model=M option=value ... model=M ...`. Raises MsfError for anything else."""
    found: list[tuple[str, dict[str, str]]] = []
    for word in words:
        name, _, value = word.partition("=")
        if name == "model":
            found.append((value, {}))
        elif found and name in OPTIONS:
            found[-1][1][name] = value
        else:
            raise MsfError(f"'{word}' is none of model=MODEL and, behind it, {'=, '.join(OPTIONS)}=")
    return tuple(Request(model, options) for model, options in found)


def update(board: str, models: Sequence[Request], folder: Path) -> bool:
    """Makes `folder`/packages hold the packages of the models for the board, and `folder`/models.mk name them.

    True where anything had to be made; without a cause no file is touched. Two that run at once wait for each other.
    Raises the errors of every step, with nothing changed.
    """
    check_path(folder.absolute(), "the application")
    with _alone(folder):
        key = _key(board, models)
        if _is_current(folder, key):
            return False
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as made:
            names = _generate(board, models, Path(made))
            (Path(made) / "models.mk").write_text(_makefile(names))
            _replace(Path(made), folder)
        digests = {str(path.relative_to(folder)): _digest(path) for path in _made(folder)}
        (folder / STAMP).write_text(json.dumps({"key": key, "files": digests}, indent=1))
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(board: str, models: Sequence[Request]) -> str:
    """Digest of all that the packages depend on: models, plans, options, the board's entry and the tool itself."""
    digest = hashlib.sha256(f"{board} {[metadata.version(name) for name in ('numpy', 'onnx')]}".encode())
    own = os.environ.get("MSF_BOARDS")
    files = sorted(path for path in CODE.rglob("*") if path.suffix in (".py", ".j2", ".json"))
    files += [ROOT / "boards.yaml", *([Path(own)] if own else [])]
    for request in models:
        digest.update(repr((request.model, sorted(request.options.items()))).encode())
        files += request.files()
    for file in files:
        digest.update(_digest(file).encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _made(folder: Path) -> Iterator[Path]:
    yield folder / "models.mk"
    yield from (path for path in sorted((folder / "packages").rglob("*")) if path.is_file())


def _is_current(folder: Path, key: str) -> bool:
    try:
        stamp = json.loads((folder / STAMP).read_text())
        return bool(stamp["key"] == key) and all(_digest(folder / name) == was for name, was in stamp["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _replace(made: Path, folder: Path) -> None:
    """Moves what differs to its place, so that make compiles nothing without a cause, and removes what is no more."""
    (folder / STAMP).unlink(missing_ok=True)
    wanted = {path.relative_to(made) for path in _made(made)}
    for name in wanted:
        new, old = made / name, folder / name
        if not old.is_file() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            new.replace(old)
    for path in list(_made(folder)):
        if path.relative_to(folder) not in wanted:
            path.unlink()
    for path in (folder / "packages").iterdir():
        if path.is_dir() and Path("packages") / path.name not in {name.parent for name in wanted}:
            shutil.rmtree(path)


def _makefile(packages: Sequence[str]) -> str:
    return "\n".join(
        [
            "# Generated by msf-riot: the packages of this application's models for this board",
            "ifeq (,$(__RIOTBUILD_FLAG))",
            "  msf_packages := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))packages",
            "  EXTERNAL_PKG_DIRS += $(MSF_PKG_DIR) $(msf_packages)",
            *(f"  USEPKG += {name}" for name in packages),
            "endif",
            "",
        ]
    )


def _generate(board_name: str, models: Sequence[Request], folder: Path) -> list[str]:
    """Plans all models, checks that they fit together, and writes their packages below `folder`/packages."""
    from msf_riot import build, codegen, verify

    board = _board(board_name)
    schedules = _schedules(models, board)
    if board is not None:
        for schedule in schedules:
            verify.check_kernels(schedule.plan.kernels, board)
        needs = [verify.needs(schedule, 0) for schedule in schedules]
        build.check_fits(board, **{kind: sum(need[kind] for need in needs) for kind in ("ram_bytes", "flash_bytes")})
    (folder / "packages").mkdir()
    return [codegen.generate_package(schedule, folder / "packages").name for schedule in schedules]


def _board(name: str) -> Board | None:
    """None for boards that only RIOT knows: they get kernels for any core, and no limit of RAM."""
    from msf_riot import boards

    if name in boards.names():
        return boards.load(name)
    print(
        f"msf-riot: BOARD={name} is in no boards.yaml: kernels for any core, and no check that the models fit "
        "(MSF_KERNELS_<model> and MSF_RAM_<model> set both; MSF_BOARDS names a file with more boards)",
        file=sys.stderr,
    )
    return None


def _schedules(models: Sequence[Request], board: Board | None) -> list[Schedule]:
    """The plans that suit the board; where their arenas together do not fit, the largest is planned with less."""
    from msf_riot import scheduler

    graphs = _graphs(models)
    limit = None if board is None else board.ram_left()
    plans = [_plan(request, graph, board, limit) for request, graph in zip(models, graphs, strict=True)]
    results = sum(graph.output_bytes for graph in graphs)
    for number in sorted(range(len(plans)), key=lambda n: plans[n].peak_ram, reverse=True):
        others = results + sum(plan.peak_ram for n, plan in enumerate(plans) if n != number)
        if limit is not None and others + plans[number].peak_ram > limit and models[number].options.get("plan") is None:
            plans[number] = _plan(models[number], graphs[number], board, max(0, limit - others))
    return [scheduler.schedule(graph, plan) for graph, plan in zip(graphs, plans, strict=True)]


def _graphs(models: Sequence[Request]) -> list[Graph]:
    """Raises ModelError where two models would have the same names in C."""
    from msf_riot.codegen.names import identifier
    from msf_riot.source import ModelSource, read_pixels

    graphs: list[Graph] = []
    by_name: dict[str, Request] = {}
    for request in models:
        keep = request.options.get("keep_constant_channels", "0")
        if keep not in ("0", "1"):
            raise PlanError(f"{request.variable('keep_constant_channels')} = {keep} is neither 0 nor 1")
        labels = request.options.get("labels")
        pixels = read_pixels(request.options.get, request.variable)
        source = ModelSource(
            request.model, keep == "1", request.options.get("name"), Path(labels) if labels else None, pixels
        )
        graph = source.graph()
        other = by_name.setdefault(identifier(graph.name), request)
        if other is not request:
            raise ModelError(
                f"MSF_MODELS: {other.model} and {request.model} would have the same names in C, "
                f"msf_model_{identifier(graph.name)}: set {request.variable('name')}"
                + (", and rename one of the files" if other.stem == request.stem else "")
            )
        graphs.append(graph)
    return graphs


def _plan(request: Request, graph: Graph, board: Board | None, limit: int | None) -> Plan:
    """The plan that a request names, else the one that suits the board within `limit` bytes and the request's own."""
    from typing import get_args

    from msf_riot import kernels, planner
    from msf_riot.sizes import size_bytes
    from msf_riot.stage import InputMode

    options = request.options
    chosen = options.get("kernels") or (board.kernels if board else kernels.PORTABLE)
    if chosen not in kernels.names():
        raise PlanError(f"{request.variable('kernels')} is none of {', '.join(kernels.names())}")
    mode = next((m for m in get_args(InputMode) if m == options.get("input", "whole")), None)
    if mode is None:
        raise PlanError(f"{request.variable('input')} is none of {', '.join(get_args(InputMode))}")
    if "plan" in options:
        return planner.named_plan(graph, options["plan"], chosen)
    asked = None
    if "ram" in options:
        try:
            asked = size_bytes(options["ram"])
        except ValueError as error:
            raise PlanError(f"{request.variable('ram')}: {error}") from error
    most = min((bytes_ for bytes_ in (limit, asked) if bytes_ is not None), default=None)
    plan = planner.suitable_plan(graph, mode, kernels=chosen, ram_limit=most)
    if asked is not None and plan.peak_ram > asked:
        raise DoesNotFitError(
            f"{request.variable('ram')} = {options['ram']}: {graph.name} needs {plan.peak_ram:,} bytes at the least"
        )
    return plan
