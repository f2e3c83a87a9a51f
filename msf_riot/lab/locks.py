"""One job on one board at a time, across processes and users: flock on a file for each board, gone with its process."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msf_riot.errors import LabError
from msf_riot.lab.description import Lab, LabBoard

WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class Holder:
    """Who holds a board."""

    user: str
    process: int
    machine: str
    since: str
    run: str

    def __str__(self) -> str:
        """For a person."""
        return f"{self.user}, process {self.process} on {self.machine}, run {self.run}, since {self.since}"


def lock_file(lab: Lab, board: LabBoard) -> Path:
    """Of the device itself where it is known, else of this lab's board."""
    directory = Path(os.environ.get("MSF_LOCKS") or Path(tempfile.gettempdir()) / "msf-riot-locks")
    if not directory.is_dir():
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True)
            directory.chmod(0o1777)
    own = "" if board.place != board.id else f"-{hashlib.sha256(str(lab.file).encode()).hexdigest()[:8]}"
    return directory / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', board.place)}{own}.lock"


@contextlib.contextmanager
def held(lab: Lab, board: LabBoard, run: str, wait: bool) -> Iterator[None]:
    """Holds the board. Raises LabError, which names the holder, where another process has it and `wait` is False."""
    path = lock_file(lab, board)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, 0o666)
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not wait:
                    holder = _read(descriptor)
                    raise LabError(
                        f"board {board.id} is in use by {holder or 'another process'}: wait with --wait"
                    ) from None
            time.sleep(WAIT_SECONDS)
        me = Holder(
            getpass.getuser(), os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat("T", "seconds"), run
        )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(vars(me)).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(lab: Lab, board: LabBoard) -> Holder | None:
    """Who holds the board now; None where nobody does."""
    try:
        descriptor = os.open(lock_file(lab, board), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _read(descriptor) or Holder("?", 0, "?", "?", "?")
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Holder | None:
    try:
        found: dict[str, Any] = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(**found)
    except (OSError, ValueError, TypeError):
        return None
