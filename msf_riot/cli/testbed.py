"""msf-riot testbed: a lab of boards."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msf_riot.cli.options import Answer
from msf_riot.errors import LabError, MismatchError, MsfError, RunError
from msf_riot.terminal import facts, table

if TYPE_CHECKING:
    from msf_riot.lab.description import Lab
    from msf_riot.lab.store import Store

EXTRA = ("sqlalchemy", "alembic")
DEFAULT_LAB = "testbed.yaml"
THRESHOLD = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of a testbed."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, function in _COMMANDS.items():
        summary = (function.__doc__ or "").splitlines()[0]
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(command=function)
        added.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON value")
        added.add_argument(
            "--lab",
            type=Path,
            metavar="FILE",
            default=Path(os.environ.get("MSF_LAB") or DEFAULT_LAB),
            help=f"the lab's boards (default: {DEFAULT_LAB}, or what MSF_LAB names)",
        )
        if name == "run":
            _add_run(added)
        elif name == "results":
            _add_results(added)
        elif name == "report":
            added.add_argument("--run", dest="of_run", metavar="RUN", help="(default: the newest)")
            added.add_argument("-o", "--output", type=Path, metavar="FILE", default=Path("report.html"))
        elif name == "scan":
            added.add_argument("--dry-run", action="store_true", help="only show what would be added to the lab's file")
        elif name == "release":
            added.add_argument("board", metavar="BOARD", help="an id of the lab")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("matrix", type=Path, metavar="MATRIX", nargs="?", help="models, plans and boards")
    parser.add_argument(
        "--resume",
        metavar="RUN",
        nargs="?",
        const="",
        help="go on with a run that was broken off (default: the last one of this matrix)",
    )
    parser.add_argument("--wait", action="store_true", help="wait for boards that are in use")
    parser.add_argument("--builds", type=int, metavar="N", help="firmware built at once (default: half the cores)")


def _add_results(parser: argparse.ArgumentParser) -> None:
    for name in ("run", "model", "board", "kind"):
        parser.add_argument(f"--{name}", dest=f"of_{name}", metavar=name.upper(), help=f"only of this {name}")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write them to FILE.csv, .json or .xml (JUnit)")
    parser.add_argument("--compare", nargs=2, metavar=("BEFORE", "AFTER"), help="two runs")
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        metavar="SHARE",
        help=f"what counts as slower or larger with --compare (default: {THRESHOLD})",
    )


def run(arguments: argparse.Namespace) -> Answer:
    """Runs matrices of models, plans and boards, and keeps the results."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise LabError(f"{' and '.join(missing)} missing: pip install 'msf-riot[testbed]'")
    answer: Answer = arguments.command(arguments)
    return answer


def _lab(arguments: argparse.Namespace) -> Lab:
    from msf_riot.lab.description import read_lab

    return read_lab(arguments.lab)


def _status(arguments: argparse.Namespace) -> Answer:
    """Says what the boards are, who holds them, and which are kept from work."""
    from msf_riot.lab import locks, quarantine

    lab = _lab(arguments)
    rows = []
    for board in lab.boards.values():
        holder = locks.holder(lab, board)
        try:
            board.reaching()
            problem = None
        except MsfError as error:
            problem = str(error)
        why = quarantine.reason(lab, board)
        rows.append(
            {
                "id": board.id,
                "board": board.board.name,
                "state": "quarantined" if why else "busy" if holder else "absent" if problem else "free",
                "emulated": board.emulated,
                "holder": vars(holder) if holder else None,
                "quarantine": why or None,
                "problem": problem,
                "notes": board.notes,
            }
        )
    shown = table(
        str(lab.file),
        ("board", "is", "state", "", "notes"),
        [
            (row["id"], row["board"], row["state"], row["quarantine"] or row["problem"] or _held(row), row["notes"])
            for row in rows
        ],
    )
    return Answer({"lab": str(lab.file), "boards": rows}, shown)


def _held(row: dict[str, Any]) -> str:
    holder = row["holder"]
    return f"{holder['user']}, run {holder['run']}, since {holder['since']}" if holder else ""


def _scan(arguments: argparse.Namespace) -> Answer:
    """Finds boards on USB and adds those that are new to the lab's file."""
    from msf_riot.lab.scan import merge, ports, scan

    found = scan(ports(), _lab(arguments) if arguments.lab.exists() else None)
    added = 0 if arguments.dry_run else merge(arguments.lab, found)
    rows = [
        (
            each.id,
            each.entry["board"],
            each.adapter,
            ", ".join(each.devices),
            each.entry.get("serial") or each.entry.get("path"),
            "known" if each.known else "new",
        )
        for each in found
    ]
    shown = table("", ("board", "is", "by its", "ports", "serial number or USB path", ""), rows)
    return Answer({"lab": str(arguments.lab), "added": added, "found": [each.as_json() for each in found]}, shown)


def _run(arguments: argparse.Namespace) -> Answer:
    """Runs a matrix: builds the firmware, drives the boards, keeps every attempt."""
    from msf_riot.lab.description import read_lab
    from msf_riot.lab.feeder import feeding
    from msf_riot.lab.matrix import read_matrix
    from msf_riot.lab.runner import Runner, interrupted_by_signals, new_run, resumable
    from msf_riot.lab.view import view

    if arguments.resume is None:
        if arguments.matrix is None:
            raise LabError("name a matrix, or a run to go on with: --resume RUN")
        lab = read_lab(arguments.lab)
        jobs, run_ = read_matrix(arguments.matrix, lab), new_run()
    else:
        run_ = arguments.resume or _broken_off(arguments.matrix)
        jobs, file = resumable(run_)
        lab = read_lab(file)
        for job in jobs:
            lab.board(job.board)
    shown = view(jobs)
    with interrupted_by_signals(), shown.shown() as listener:
        runner = Runner(
            lab,
            jobs,
            run_,
            matrix=arguments.matrix and arguments.matrix.absolute(),
            builders=arguments.builds,
            wait=arguments.wait,
            listener=listener,
        )
        with feeding(run_, lambda said: listener("trouble", {"said": said})):
            summary = runner.go()
    problem: MsfError | None = None
    if summary.given_up or summary.waiting:
        problem = RunError(
            f"{summary.given_up} jobs were given up and {summary.waiting} wait for a board: "
            f"`msf-riot testbed results --run {run_}` tells"
        )
    elif summary.matched < summary.results:
        problem = MismatchError(f"{summary.results - summary.matched} results differ from the reference's")
    return Answer(summary.as_json(), facts("", summary.as_json().items()), problem)


def _broken_off(matrix: Path | None) -> str:
    """The last run here that has no end, of this matrix where one is named."""
    from msf_riot.lab.journal import entries, runs

    for name in reversed(runs()):
        found = entries(name)
        of_it = matrix is None or any(
            entry["kind"] == "run" and entry.get("matrix") == str(matrix.absolute()) for entry in found
        )
        if of_it and not any(entry["kind"] == "end" for entry in found):
            return name
    raise LabError("no run here was broken off: leave --resume out to start one")


def _results(arguments: argparse.Namespace) -> Answer:
    """Shows results, compares two runs, or exports them."""
    from msf_riot.lab import export
    from msf_riot.lab.store import Store

    store = Store()
    try:
        store.take_in_all()
        if arguments.compare:
            before, after = (_of_run(store, name) for name in arguments.compare)
            return _compared(before, after, arguments.threshold)
        rows = store.results(**{name: getattr(arguments, f"of_{name}") for name in ("run", "model", "board", "kind")})
    finally:
        store.close()
    if arguments.export:
        export.write(rows, arguments.export)
    columns = ("run", "model", "plan", "board", "optimize", "outcome", "match", "instructions", "microseconds")
    named = [{**row, "model": row["model"].rpartition("/")[2], "plan": row["plan"].rpartition("/")[2]} for row in rows]
    shown = table("", columns, [[row[name] for name in columns] for row in named])
    return Answer({"results": rows}, shown)


def _of_run(store: Store, run_: str) -> list[dict[str, Any]]:
    rows = store.results(run=run_)
    if not rows:
        raise LabError(f"there are no results of a run '{run_}'")
    return rows


def _compared(before: list[dict[str, Any]], after: list[dict[str, Any]], threshold: float) -> Answer:
    from msf_riot.lab.compare import compare

    found = compare(before, after, threshold)
    worse = sum(each.regression for each in found)
    columns = ("model", "plan", "board", "optimize", "measure", "before", "after", "ratio", "regression")
    rows = [vars(each) for each in found]
    problem = RunError(f"{worse} regressions beyond {threshold:g}") if worse else None
    data = {"threshold": threshold, "regressions": worse, "differences": rows}
    return Answer(data, table("", columns, [[row[name] for name in columns] for row in rows]), problem)


def _report(arguments: argparse.Namespace) -> Answer:
    """Writes a run's results and failures as one HTML file."""
    from msf_riot.lab.report import page
    from msf_riot.lab.store import Store

    store = Store()
    try:
        store.take_in_all()
        runs = store.runs()
        found = next((run_ for run_ in runs if arguments.of_run in (None, run_["run"])), None)
        if found is None:
            raise LabError(f"there are no results of a run '{arguments.of_run or 'at all'}'")
        written = page(found, store.results(run=found["run"]), store.attempts(found["run"]))
    finally:
        store.close()
    new = arguments.output.with_name(f"{arguments.output.name}.new")
    new.write_text(written, encoding="utf-8")
    new.replace(arguments.output)
    return Answer({"run": found["run"], "file": str(arguments.output)}, f"wrote {arguments.output}")


def _release(arguments: argparse.Namespace) -> Answer:
    """Lets a board work again that was kept from it."""
    from msf_riot.lab import quarantine

    lab = _lab(arguments)
    board = lab.board(arguments.board)
    released = quarantine.release(lab, board)
    said = f"{board.id} may work again" if released else f"{board.id} was not kept from work"
    return Answer({"board": board.id, "released": released}, said)


_COMMANDS = {"status": _status, "scan": _scan, "run": _run, "results": _results, "report": _report, "release": _release}
