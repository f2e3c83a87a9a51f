"""One session with one board: an application's folder and make's environment in, the firmware's JSON objects out.

riotctrl starts `make cleanterm`, which host and sim boards offer as RIOT's boards do, so that all are driven alike. The
handshake (send a random word until the shell does not know it) makes boot text, late terminals and left-over prompts
irrelevant.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
import secrets
import signal
import subprocess
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pexpect
import riotctrl.ctrl

from msf_riot.errors import RunError

PROMPT = "> "
RESULT = "result"
HANDSHAKE_SECONDS = 30.0
ANSWER_SECONDS = 1.0
PROMPT_SECONDS = 5.0
BOOT_SECONDS = 2.0
FLASH_SECONDS = 300.0
RESET_SECONDS = 30.0
MAX_PENDING = 1 << 20
FRAME_ATTEMPTS = 5
FRAME_SECONDS = 5.0
ANSWER = re.compile(r"(?:^|[>\s])([+-])(\d+)\s*$")
"""Of apps/evaluate to a frame."""

Kind = TypeVar("Kind")

_terminals: set[int] = set()
"""The process groups of the sessions that are open."""


@dataclass(frozen=True)
class Mismatch:
    """The first output byte that differs from the reference: which input, which byte, and both values."""

    case: int
    index: int
    expected: int
    got: int


@dataclass(frozen=True)
class SelftestResult:
    """What apps/selftest found.

    One inference takes `instructions` (sim boards) or else `microseconds`, the least of all cases; `stack_bytes` is the
    highest high-water mark of an inference; `clock_hz` is None where it means nothing.
    """

    model: str
    match: bool
    cases: int
    first_mismatch: Mismatch | None
    instructions: int | None
    microseconds: int | None
    arena_bytes: int
    stack_bytes: int
    clock_hz: int | None


class Session:
    """A terminal whose shell has answered; made by `session()`."""

    def __init__(self, board: Any) -> None:
        """Take over a riotctrl.ctrl.RIOTCtrl whose terminal is started."""
        self._board = board
        self._pending = ""
        self._recent: tuple[str, ...] = ()

    def run(self, command: str, timeout: float, silence: float | None = None) -> list[dict[str, Any]]:
        """Run one shell command and return its JSON objects, the last of which is of kind "result" or bears its name.

        Raises RunError when that takes longer than `timeout` seconds, when nothing at all comes for `silence` seconds
        (default: `timeout`), when the terminal ends, when a line is garbled, and when the command is not known.
        """
        deadline = time.monotonic() + timeout
        self._send(command)
        objects = []
        while True:
            line = self._line(deadline, timeout if silence is None else silence)
            if f"command not found: {command.split()[0]}" in line:
                raise self._error(f"does not know '{command}': is another application flashed?")
            found = self._object_in(line)
            if found is None:
                continue
            objects.append(found)
            if found["msf"] in (RESULT, command):
                with contextlib.suppress(TimeoutError):
                    self._skip_past(PROMPT, time.monotonic() + PROMPT_SECONDS)
                return objects

    def sample(self, data: bytes, line: int, timeout: float) -> tuple[bytes, dict[str, Any]]:
        """Send a sample to apps/evaluate in frames of up to `line` characters; its output and the object it came in.

        Raises RunError when a frame or an answer stays garbled however often it is sent, and as `run` does.
        """
        self._board.term.delaybeforesend = None  # pexpect waits for a password to be asked for otherwise
        self._send("sample")
        size = line // 4 * 3 - 8
        taken = self._taken()  # the console keeps one line: it must have read the command
        failures = 0
        place = 0
        while place < len(data):
            body = place.to_bytes(4, "little") + data[place : place + size]
            self._send(base64.b64encode(body + zlib.crc32(body).to_bytes(4, "little")).decode())
            end = min(place + size, len(data))
            while (taken := self._taken()) is not None and taken < place:
                pass  # an answer to a frame before, sent twice
            failures = 0 if taken == end else failures + 1
            if failures == FRAME_ATTEMPTS:
                raise self._error(f"takes no frame of a sample, {FRAME_ATTEMPTS} times over: is the line disturbed?")
            place = end if taken == end else place
        deadline = time.monotonic() + timeout
        while (found := self._object_in(self._line(deadline, timeout))) is None or found["msf"] != "sample":
            pass
        with contextlib.suppress(TimeoutError):
            self._skip_past(PROMPT, time.monotonic() + PROMPT_SECONDS)
        try:
            output = base64.b64decode(found["output"], validate=True)
        except (KeyError, TypeError, ValueError):
            output = b""
        if zlib.crc32(output) != found.get("crc"):
            raise self._error("sent an output whose checksum is wrong")
        return output, found

    def _taken(self) -> int | None:
        """How many bytes of a sample the board says it has; None where it refuses a frame, or says nothing."""
        deadline = time.monotonic() + FRAME_SECONDS
        while "\n" not in self._pending or not ANSWER.search(self._pending.split("\n", 1)[0]):
            if "\n" in self._pending:
                self._line(deadline, FRAME_SECONDS)
                continue
            try:
                self._receive(deadline, FRAME_SECONDS)
            except TimeoutError:
                self._send("")  # ends a line of which a part was lost
                return None
        found = ANSWER.search(self._line(deadline, FRAME_SECONDS))
        assert found is not None
        return int(found[2]) if found[1] == "+" else None

    def synchronize(self, timeout: float) -> None:
        """Get the shell to answer a word that no one else can have sent, and take in the prompt that follows.

        A board that is silent for half of `timeout` seconds is reset once. Raises RunError when it stays so.
        """
        # A board that starts with its terminal comes to its prompt by itself. QEMU's FE310 goes deaf for good when it
        # is spoken to before RIOT has set up its UART: one start in twenty.
        with contextlib.suppress(TimeoutError):
            self._skip_past(PROMPT, time.monotonic() + min(BOOT_SECONDS, timeout / 4))
        deadline = time.monotonic() + timeout
        reset_at = time.monotonic() + timeout / 2
        while True:
            word = "msf" + secrets.token_hex(4)
            self._send(word)
            try:
                self._skip_past(f"command not found: {word}", min(deadline, time.monotonic() + ANSWER_SECONDS))
                self._skip_past(PROMPT, time.monotonic() + PROMPT_SECONDS)
                return
            except TimeoutError:
                now = time.monotonic()
            if now >= deadline:
                raise self._error(
                    f"did not answer within {timeout:g} s: is it connected, powered and flashed with this application?"
                )
            if now >= reset_at:
                reset_at = deadline
                self._reset()

    def _reset(self) -> None:
        # `make reset` of an emulated RIOT board would reset a real one that happens to be attached.
        if self._board.env.get("EMULATE") == "1":
            return
        with contextlib.suppress(RunError):
            _reset(self._board)

    def _send(self, line: str) -> None:
        try:
            self._board.term.sendline(line)
        except OSError:
            raise self._ended() from None

    def _receive(self, deadline: float, silence: float) -> None:
        """Take in what has arrived, after waiting for it; TimeoutError at the deadline."""
        wait = min(deadline - time.monotonic(), silence)
        if wait <= 0:
            raise TimeoutError
        try:
            self._pending += self._board.term.read_nonblocking(4096, timeout=wait)
        except pexpect.TIMEOUT:
            raise TimeoutError from None
        except (pexpect.EOF, OSError):
            raise self._ended() from None
        if len(self._pending) > MAX_PENDING:
            raise self._error("sends without end, and no line of it: is the baud rate right?")

    def _line(self, deadline: float, silence: float) -> str:
        while "\n" not in self._pending:
            try:
                self._receive(deadline, silence)
            except TimeoutError:
                raise self._error("stopped answering: give it more time, or look at it with make term") from None
        line, self._pending = self._pending.split("\n", 1)
        self._remember(line)
        return line

    def _skip_past(self, text: str, deadline: float) -> None:
        while text not in self._pending:
            self._receive(deadline, deadline - time.monotonic())
        skipped, self._pending = self._pending.split(text, 1)
        for line in skipped.splitlines():
            self._remember(line)

    def _object_in(self, line: str) -> dict[str, Any] | None:
        """Return the firmware's object on the line, whatever stands around it; None where there is none."""
        start = line.find('{"msf"')
        if start < 0:
            return None
        try:
            found, _ = json.JSONDecoder().raw_decode(line, start)
        except (ValueError, RecursionError):
            raise self._error(f"sent a garbled line: {line.strip()[:200]!r}") from None
        return dict(found)

    def _remember(self, line: str) -> None:
        if line.strip():
            self._recent = (*self._recent, line.strip()[:200])[-3:]

    def _ended(self) -> RunError:
        for line in self._pending.splitlines():
            self._remember(line)
        return self._error("ended the session: the program crashed, or the terminal could not be started")

    def _error(self, what: str) -> RunError:
        said = f" (it said last: {' | '.join(self._recent)})" if self._recent else " (it said nothing)"
        return RunError(f"board {self._board.env.get('BOARD', '?')} {what}{said}")


@contextlib.contextmanager
def session(
    application: Path,
    environment: Mapping[str, str],
    timeout: float = HANDSHAKE_SECONDS,
    log: TextIO | None = None,
) -> Iterator[Session]:
    """Start the terminal of the board named in `environment` and wait at most `timeout` seconds for its shell.

    `environment` holds make's variables, added to this process's. `log` gets every character that comes. Whatever was
    started is gone at the end. Raises RunError.
    """
    board = riotctrl.ctrl.RIOTCtrl(str(application), dict(environment))
    board.TERM_STARTED_DELAY = 0  # the handshake waits for what is there, not for a while
    board.logger.addHandler(logging.NullHandler())
    try:
        board.start_term()
    except (pexpect.ExceptionPexpect, OSError) as error:
        raise RunError(f"no terminal for board {board.env.get('BOARD', '?')}: {str(error).splitlines()[0]}") from None
    board.term.logfile_read = log
    group = board.term.pid
    _terminals.add(group)
    try:
        running = Session(board)
        running.synchronize(timeout)
        yield running
    finally:
        board.stop_term()
        # What neither hung up nor let itself be interrupted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        _terminals.discard(group)


def hang_up() -> None:
    """Ends every terminal of this process, whatever its session waits for: that raises RunError."""
    for group in tuple(_terminals):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def flash(application: Path, environment: Mapping[str, str], log: Path) -> None:
    """Write the built application to the board (`make flash-only`), its output to `log`. Raises RunError."""
    board = riotctrl.ctrl.RIOTCtrl(str(application), dict(environment))
    name = board.env.get("BOARD", "?")
    with log.open("w") as output:
        try:
            done = board.make_run(
                ("flash-only",),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=FLASH_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise RunError(f"flashing board {name} took more than {FLASH_SECONDS:g} s: see {log}") from None
    if done.returncode != 0:
        said = log.read_text(errors="replace").strip().splitlines()
        lines = [line for line in said if not line.startswith("make")] or said
        raise RunError(f"flashing board {name} failed: {lines[-1] if lines else 'no output'} (see {log})")


def reset(application: Path, environment: Mapping[str, str]) -> None:
    """Reset the board (`make reset`). Raises RunError."""
    _reset(riotctrl.ctrl.RIOTCtrl(str(application), dict(environment)))


def _reset(board: Any) -> None:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        done = board.make_run(board.RESET_TARGETS, timeout=RESET_SECONDS, **quiet)
    except subprocess.TimeoutExpired:
        raise RunError(f"resetting took more than {RESET_SECONDS:g} s") from None
    if done.returncode != 0:
        raise RunError("make reset failed")


def run_selftest(application: Path, environment: Mapping[str, str], timeout: float) -> SelftestResult:
    """Run the selftest that is on the board and return its result.

    `timeout` is in seconds and counts from the shell's first answer. Raises RunError as `session` and
    `selftest_result` do.
    """
    with session(application, environment, min(timeout, HANDSHAKE_SECONDS)) as running:
        return selftest_result(running.run("selftest", timeout)[-1], environment.get("BOARD", "?"))


def selftest_result(answer: Mapping[str, Any], board: str) -> SelftestResult:
    """What the last object of the command `selftest` says.

    Raises RunError where that is not what belongs there, or that the inference overran its arena or its stack.
    """
    if answer.get("error") is not None:
        raise RunError(f"board {board}: the selftest stopped, {answer['error']}")
    try:
        return _result(answer)
    except (KeyError, TypeError, ValueError):
        raise RunError(f"board {board} sent a result without what belongs there: {json.dumps(answer)[:300]}") from None


def _result(answer: Mapping[str, Any]) -> SelftestResult:
    mismatch = answer["first_mismatch"]
    return SelftestResult(
        model=_typed(answer["model"], str),
        match=_typed(answer["match"], bool),
        cases=_typed(answer["cases"], int),
        first_mismatch=None if mismatch is None else Mismatch(**{key: _typed(mismatch[key], int) for key in mismatch}),
        instructions=_optional_count(answer, "instructions"),
        microseconds=_optional_count(answer, "microseconds"),
        arena_bytes=_typed(answer["arena_bytes"], int),
        stack_bytes=_typed(answer["stack_bytes"], int),
        clock_hz=_optional_count(answer, "clock_hz"),
    )


def _typed(value: Any, kind: type[Kind]) -> Kind:
    if type(value) is not kind:
        raise TypeError(value)
    return value


def _optional_count(answer: Mapping[str, Any], key: str) -> int | None:
    return _typed(answer[key], int) if key in answer else None
