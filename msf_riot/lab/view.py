"""What a person sees while a run goes on: every board, its phase and the queue; or else one line an event."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from msf_riot.lab.matrix import Job
from msf_riot.lab.runner import Listener


class View:
    """Events in, lines or a picture out."""

    def __init__(self, jobs: Sequence[Job], console: Console | None) -> None:
        """Without a console it writes lines to standard error."""
        self._jobs = {job.id: job for job in jobs}
        self._left = Counter(job.board for job in jobs)
        self._boards: dict[str, tuple[str, str]] = dict.fromkeys(self._left, ("", ""))
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4) if console else None

    @contextlib.contextmanager
    def shown(self) -> Iterator[Listener]:
        """The function to tell of events."""
        with self._live or contextlib.nullcontext():
            yield self._hear

    def _hear(self, kind: str, what: Mapping[str, Any]) -> None:
        with self._lock:
            self._note(kind, what)
            if self._live is None and (line := self._line(kind, what)):
                print(line, file=sys.stderr, flush=True)

    def _note(self, kind: str, what: Mapping[str, Any]) -> None:
        match kind:
            case "phase":
                self._boards[what["board"]] = (self._name(what["job"]), what["phase"])
            case "job":
                self._counts[what["outcome"]] += 1
                self._left[self._jobs[what["job"]].board] -= 1
                self._boards[what["board"]] = ("", "")
            case "quarantine":
                self._boards[what["board"]] = ("", "quarantined")

    def _name(self, job: str) -> str:
        found = self._jobs[job]
        return f"{found.model.rpartition('/')[2]} {found.plan.rpartition('/')[2]} {found.optimize}"

    def _line(self, kind: str, what: Mapping[str, Any]) -> str | None:
        match kind:
            case "build":
                return (
                    f"build {what['model'].rpartition('/')[2]} {what['plan']} for {what['board']} ({what['optimize']})"
                )
            case "attempt":
                said = (
                    "result"
                    if what["outcome"] == "result"
                    else f"{what['outcome']} in {what['phase']}: {what['error']}"
                )
                return f"{what['board']}: {self._name(what['job'])}: {said}"
            case "job":
                matched = "" if what["outcome"] != "done" else ", match" if what["match"] else ", MISMATCH"
                why = f": {what['reason']}" if what.get("reason") else ""
                return f"{what['board']}: {self._name(what['job'])}: {what['outcome']}{matched}{why}"
            case "quarantine":
                return f"{what['board']}: quarantined: {what['reason']}"
            case "wait":
                return f"{what['board']}: in use by {what['holder']}; waiting"
            case "trouble":
                return str(what["said"])
        return None

    def _picture(self) -> Table:
        with self._lock:
            counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(self._counts.items()))
            table = Table(title=counts or None, title_justify="left", box=None, header_style="bold", pad_edge=False)
            for name in ("board", "phase", "job", "queue"):
                table.add_column(name)
            for board, (job, phase) in self._boards.items():
                table.add_row(escape(board), phase, escape(job), str(self._left[board]))
            return table


def view(jobs: Sequence[Job]) -> View:
    """On a terminal a picture, else lines."""
    return View(jobs, Console(stderr=True) if sys.stderr.isatty() else None)
