"""What happened, an entry a line, flushed to the disk before anybody is told: a run's only memory.

An entry is a JSON object with `id` (unique), `run`, `kind`, `at` (UTC) and what belongs to its kind:

    run         the jobs, the files they came from, machine and version
    firmware    what was built, and with what
    begin       an attempt starts: `attempt`, `job`, `board`, `repetition`, `rung`
    attempt     it ended: `outcome` result, failed or interrupted; `result`, or `phase` and `error`
    job         a job is over: `outcome` done, given_up or unfit; what came of it
    quarantine  a board is kept from work
    end         nothing is left to do
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from msf_riot.errors import LabError
from msf_riot.lab.places import state

Entry: TypeAlias = Mapping[str, Any]


class Journal:
    """The file of one run, open to be added to by several threads."""

    def __init__(self, run: str) -> None:
        """Raises LabError where it cannot be opened."""
        self.run = run
        self.file = journal_file(run)
        self._lock = threading.Lock()
        try:
            self._descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LabError(f"the journal {self.file} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise LabError(f"run {run} is going on in another process") from None
        self._end = _whole_lines(self._descriptor)

    def add(self, kind: str, **what: Any) -> Entry:
        """Appends an entry; it is on the disk when this returns. Raises LabError, and then it is not in the file."""
        entry = {
            "id": uuid.uuid4().hex,
            "run": self.run,
            "kind": kind,
            "at": datetime.now(UTC).isoformat("T", "milliseconds"),
            **what,
        }
        line = (json.dumps(entry, separators=(",", ":")) + "\n").encode()
        with self._lock:
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._descriptor, line[written:])
                os.fsync(self._descriptor)
            except OSError as error:
                os.ftruncate(self._descriptor, self._end)
                raise LabError(
                    f"the journal {self.file} cannot be written ({error.strerror}): the run stops here; make room and "
                    f"go on with `msf-riot testbed run --resume {self.run}`"
                ) from error
            self._end += len(line)
        return entry

    def close(self) -> None:
        """Nothing can be added any more."""
        os.close(self._descriptor)


def journal_file(run: str) -> Path:
    """Where a run's journal is."""
    return state("journal") / f"{run}.jsonl"


def runs() -> list[str]:
    """The runs that have a journal here, the oldest first."""
    return sorted(path.stem for path in state("journal").glob("*.jsonl"))


def entries(run: str) -> list[Entry]:
    """All of them, in order; a line that a crash cut short is none. Raises LabError where there is no such run."""
    return entries_from(run, 0)[0]


def entries_from(run: str, place: int) -> tuple[list[Entry], int]:
    """Those whose lines begin at byte `place` or after it, and the place where the next one will. Raises LabError."""
    try:
        with journal_file(run).open("rb") as file:
            file.seek(place)
            content = file.read()
    except OSError as error:
        raise LabError(f"there is no run '{run}' here: `msf-riot testbed results` lists them") from error
    whole = content[: content.rfind(b"\n") + 1]
    return list(_entries(whole)), place + len(whole)


def _entries(content: bytes) -> Iterator[Entry]:
    for line in content.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "id" in found and "kind" in found:
            yield found


def _whole_lines(descriptor: int) -> int:
    """Cuts off a last line that has no end, as a crash or a full disk leaves it; the file's length."""
    size = os.fstat(descriptor).st_size
    place = size
    while place > 0:
        start = max(0, place - 65536)
        found = os.pread(descriptor, place - start, start).rfind(b"\n")
        if found >= 0:
            place = start + found + 1
            break
        place = start
    if place != size:
        os.ftruncate(descriptor, place)
    return place
