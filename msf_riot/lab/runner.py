"""Jobs -> results: firmware is built in parallel, all boards work side by side, each does one thing at a time.

Everything that happens is in the journal before it counts. A failure climbs the rungs of `drive.rungs`; then the job is
given up. A board that gives up three jobs in a row is quarantined, and its jobs wait for another of its kind.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import secrets
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msf_riot.errors import DoesNotFitError, LabError, MsfError
from msf_riot.lab import drive, journal, locks
from msf_riot.lab.description import Lab, LabBoard
from msf_riot.lab.drive import AttemptError, Phase
from msf_riot.lab.firmware import Firmware, firmware
from msf_riot.lab.journal import Journal
from msf_riot.lab.matrix import Job
from msf_riot.lab.places import state
from msf_riot.lab.quarantine import quarantine
from msf_riot.lab.quarantine import reason as quarantined
from msf_riot.testbed.session import hang_up

GIVEN_UP_IN_A_ROW = 3
MEASURES = ("instructions", "microseconds")

Listener = Callable[[str, Mapping[str, Any]], None]
"""Is told of events: (kind, what), beside the journal's "build", "phase" and "wait"."""


@dataclass
class Progress:
    """What is known of a job."""

    job: Job
    results: list[Mapping[str, Any]] = field(default_factory=list)
    attempts: int = 0
    outcome: str | None = None
    board: str | None = None

    @property
    def over(self) -> bool:
        """True where nothing is left to do."""
        return self.outcome is not None


@dataclass(frozen=True)
class Summary:
    """What a run came to; `quarantined` are the boards kept from work at its end."""

    run: str
    jobs: int
    attempts: int
    results: int
    matched: int
    given_up: int
    unfit: int
    waiting: int
    quarantined: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that scripts of others read."""
        return {**vars(self), "quarantined": list(self.quarantined)}


def new_run() -> str:
    """A name that sorts by time and is given once."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class Runner:
    """One run of a matrix on this machine."""

    def __init__(
        self,
        lab: Lab,
        jobs: Sequence[Job],
        run: str,
        *,
        matrix: Path | None = None,
        builders: int | None = None,
        wait: bool = False,
        listener: Listener = lambda kind, what: None,
    ) -> None:
        """A run that has a journal goes on where that ends. Raises LabError."""
        self.lab = lab
        self.run = run
        self._wait = wait
        self._tell = listener
        self._builders = builders or max(1, (os.cpu_count() or 1) // 2)
        self._change = threading.Condition()
        self._stop = False
        self._failure: BaseException | None = None
        resumed = journal.journal_file(run).exists()
        self._journal = Journal(run)
        found = journal.entries(run) if resumed else []
        self._progress = {job.id: Progress(job) for job in jobs}
        if not found:
            self._add(
                "run",
                jobs=[job.as_json() for job in jobs],
                lab=str(lab.file),
                matrix=str(matrix) if matrix else None,
                machine=socket.gethostname(),
                tool=importlib.metadata.version("msf-riot"),
            )
        self._recall(found)
        self._firmware: dict[str, Future[Firmware]] = {}
        self._taken: set[str] = set()
        self._row: dict[str, int] = {}

    def _recall(self, found: Sequence[journal.Entry]) -> None:
        """What the journal of a run that was broken off says; attempts that it cut short are closed."""
        begun: dict[str, journal.Entry] = {}
        for entry in found:
            progress = self._progress.get(entry.get("job", ""))
            if progress is None:
                continue
            match entry["kind"]:
                case "begin":
                    begun[entry["attempt"]] = entry
                case "attempt":
                    begun.pop(entry["attempt"], None)
                    progress.attempts += 1
                    if entry["outcome"] == "result":
                        progress.results.append(entry["result"])
                        progress.board = entry["board"]
                case "job":
                    progress.outcome = entry["outcome"]
        for entry in begun.values():
            what = {name: entry[name] for name in ("attempt", "job", "board", "repetition", "rung")}
            self._add("attempt", **what, outcome="interrupted", phase=None, error="the run was broken off")
            self._progress[entry["job"]].attempts += 1

    def _add(self, kind: str, **what: Any) -> None:
        entry = self._journal.add(kind, **what)
        self._tell(kind, entry)

    def go(self) -> Summary:
        """Runs until no job can go on. Raises LabError where the journal cannot be written, or a board is in use."""
        try:
            with contextlib.ExitStack() as stack:
                workers = self._lock_boards(stack)
                pool = stack.enter_context(ThreadPoolExecutor(self._builders, "build"))
                stack.callback(pool.shutdown, wait=True, cancel_futures=True)
                self._build_all(pool)
                threads = [threading.Thread(target=self._work, args=(board,), name=board.id) for board in workers]
                for thread in threads:
                    thread.start()
                try:
                    self._await(threads)
                finally:
                    self._halt()
                    for thread in threads:
                        thread.join()
            if self._failure is not None:
                raise self._failure
            summary = self._summary()
            if not summary.waiting:
                self._add("end", **{name: value for name, value in summary.as_json().items() if name != "run"})
            return summary
        finally:
            self._journal.close()

    def _await(self, threads: Sequence[threading.Thread]) -> None:
        with self._change:
            while any(thread.is_alive() for thread in threads) and self._failure is None:
                self._change.wait(0.2)

    def _halt(self) -> None:
        with self._change:
            self._stop = True
            for future in self._firmware.values():
                future.cancel()
            self._change.notify_all()
        hang_up()

    def _lock_boards(self, stack: contextlib.ExitStack) -> list[LabBoard]:
        """The boards that jobs are for or may wait for, all held until the end."""
        pending = [progress.job for progress in self._progress.values() if not progress.over]
        named = {job.board for job in pending}
        kinds = {job.kind for job in pending if quarantined(self.lab, self.lab.board(job.board))}
        workers = []
        for board in self.lab.boards.values():
            if board.id not in named and board.board.name not in kinds:
                continue
            if quarantined(self.lab, board):
                continue
            if self._wait and (other := locks.holder(self.lab, board)):
                self._tell("wait", {"board": board.id, "holder": str(other)})
            stack.enter_context(locks.held(self.lab, board, self.run, self._wait))
            workers.append(board)
        return workers

    def _build_all(self, pool: ThreadPoolExecutor) -> None:
        """One build for each model, plan, kind and optimization; its jobs wait for it."""
        futures: dict[tuple[str, str, str, str], Future[Firmware]] = {}
        for progress in self._progress.values():
            job = progress.job
            if progress.over:
                continue
            key = (job.model, job.plan, job.kind, job.optimize)
            if key not in futures:
                futures[key] = pool.submit(self._build, job)
                futures[key].add_done_callback(self._wake)
            self._firmware[job.id] = futures[key]

    def _wake(self, _: Future[Firmware]) -> None:
        with self._change:
            self._change.notify_all()

    def _build(self, job: Job) -> Firmware:
        self._tell("build", {"model": job.model, "plan": job.plan, "board": job.kind, "optimize": job.optimize})
        made = firmware(job)
        self._add("firmware", board=job.kind, optimize=job.optimize, model=job.model, name=made.model, **made.facts)
        return made

    def _work(self, board: LabBoard) -> None:
        try:
            while (progress := self._next(board)) is not None:
                self._do(board, progress)
                with self._change:
                    self._taken.discard(progress.job.id)
                    self._change.notify_all()
        except BaseException as error:
            with self._change:
                self._failure = self._failure or error
                self._change.notify_all()

    def _next(self, board: LabBoard) -> Progress | None:
        """A job for the board whose firmware is built; waits for one; None where none will come."""
        with self._change:
            while not self._halted:
                if quarantined(self.lab, board):
                    return None
                open_ = [each for each in self._progress.values() if not each.over]
                mine = [each for each in open_ if self._may(board, each.job) and each.job.id not in self._taken]
                for progress in mine:
                    if self._firmware[progress.job.id].done():
                        self._taken.add(progress.job.id)
                        return progress
                if not mine and not any(self._may_come(board, each.job) for each in open_):
                    return None
                self._change.wait(1.0)
            return None

    def _may(self, board: LabBoard, job: Job) -> bool:
        """A board's own jobs, and those of boards of its kind that are quarantined."""
        if job.board == board.id:
            return True
        return job.kind == board.board.name and bool(quarantined(self.lab, self.lab.board(job.board)))

    def _may_come(self, board: LabBoard, job: Job) -> bool:
        """Whether the job's own board, that still works, may leave it to this one."""
        return job.kind == board.board.name

    def _do(self, board: LabBoard, progress: Progress) -> None:
        """Takes a job to its end: its repetitions, or giving up."""
        job = progress.job
        try:
            made = self._firmware[job.id].result()
        except DoesNotFitError as error:
            self._end_job(progress, board, "unfit", reason=str(error))
            return
        except MsfError as error:
            self._end_job(progress, board, "given_up", phase="build", reason=" ".join(str(error).split())[:1000])
            return
        while len(progress.results) < job.repetitions:
            failure = self._one(board, progress, made)
            if self._halted:
                return
            if failure is not None:
                self._row[board.id] = self._row.get(board.id, 0) + 1
                self._end_job(progress, board, "given_up", phase=failure.phase, reason=str(failure))
                if self._row[board.id] >= GIVEN_UP_IN_A_ROW:
                    why = f"{GIVEN_UP_IN_A_ROW} jobs in a row were given up, the last one: {failure}"
                    quarantine(self.lab, board, why)
                    self._add("quarantine", board=board.id, reason=why)
                return
            self._row[board.id] = 0
        self._end_job(progress, board, "done", **self._result(progress, made))

    def _one(self, board: LabBoard, progress: Progress, made: Firmware) -> AttemptError | None:
        """One repetition; the error of the last rung where none of them helped."""
        job = progress.job
        last: AttemptError | None = None
        for rung in drive.rungs(board):
            if self._halted:
                return last
            name = secrets.token_hex(8)
            log = state("logs", self.run) / f"{name}.log.gz"
            what = {
                "attempt": name,
                "job": job.id,
                "board": board.id,
                "repetition": len(progress.results) + 1,
                "rung": rung,
            }
            self._add("begin", **what, build=made.build_id)
            began = time.monotonic()
            told: dict[str, Any]
            try:
                outcome = drive.attempt(board, made, rung, job.timeout, log, functools.partial(self._enter, what))
                told = {"outcome": "result", "result": dict(outcome.result), "flashed": outcome.flashed}
                last = None
            except AttemptError as error:
                ended = "interrupted" if self._halted else "failed"
                told = {"outcome": ended, "phase": error.phase, "error": str(error)[:2000]}
                last = error
            seconds = round(time.monotonic() - began, 3)
            progress.attempts += 1
            self._add("attempt", **what, build=made.build_id, seconds=seconds, log=str(log), **told)
            if last is None:
                progress.results.append(told["result"])
                progress.board = board.id
                return None
        return last

    def _enter(self, what: Mapping[str, Any], phase: Phase) -> None:
        self._tell("phase", {**what, "phase": phase})

    @property
    def _halted(self) -> bool:
        return self._stop or self._failure is not None

    def _result(self, progress: Progress, made: Firmware) -> dict[str, Any]:
        """The median of the repetitions with its spread, and what it was measured with."""
        results = progress.results
        told: dict[str, Any] = {
            "match": all(result["match"] for result in results),
            "repetitions": len(results),
            "arena_bytes": results[-1]["arena_bytes"],
            "stack_bytes": max(result["stack_bytes"] for result in results),
            "clock_hz": results[-1]["clock_hz"],
            "cases": results[-1]["cases"],
            "firmware": made.build_id,
            "device": progress.board,
        }
        for measure in MEASURES:
            values = [result[measure] for result in results if result.get(measure) is not None]
            told[measure] = statistics.median(values) if values else None
            told[f"{measure}_spread"] = max(values) - min(values) if values else None
        return told

    def _end_job(self, progress: Progress, board: LabBoard, outcome: str, **what: Any) -> None:
        self._add("job", job=progress.job.id, board=board.id, outcome=outcome, **what)
        progress.outcome = outcome

    def _summary(self) -> Summary:
        all_ = self._progress.values()
        done = [each for each in all_ if each.outcome == "done"]
        return Summary(
            run=self.run,
            jobs=len(all_),
            attempts=sum(each.attempts for each in all_),
            results=len(done),
            matched=sum(all(result["match"] for result in each.results) for each in done),
            given_up=sum(each.outcome == "given_up" for each in all_),
            unfit=sum(each.outcome == "unfit" for each in all_),
            waiting=sum(not each.over for each in all_),
            quarantined=tuple(board.id for board in self.lab.boards.values() if quarantined(self.lab, board)),
        )


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end a run as Ctrl-C does: what it started goes with it."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def resumable(run: str) -> tuple[tuple[Job, ...], Path]:
    """The jobs of a run and its testbed's file. Raises LabError where its journal does not tell."""
    for entry in journal.entries(run):
        if entry["kind"] == "run":
            try:
                return tuple(Job(**job) for job in entry["jobs"]), Path(entry["lab"])
            except (KeyError, TypeError):
                break
    raise LabError(f"the journal of run {run} does not say what its jobs are: start anew without --resume")
