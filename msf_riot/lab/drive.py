"""One attempt at a job on one board: power, flash, ready, run, read; what it said, and where it failed."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msf_riot.errors import MsfError, RunError
from msf_riot.lab.description import LabBoard
from msf_riot.lab.firmware import Firmware
from msf_riot.testbed import session as terminal
from msf_riot.testbed.session import Session
from msf_riot.verify import SELFTEST

Phase: TypeAlias = Literal["power", "flash", "ready", "run", "read"]
Rung: TypeAlias = Literal["first", "again", "reset", "flash", "power"]

POWER_SECONDS = 60.0
READY_SECONDS = 30.0
MODEL_SECONDS = 10.0


class AttemptError(RunError):
    """An attempt failed in `phase`."""

    def __init__(self, phase: Phase, message: str) -> None:
        super().__init__(message)
        self.phase = phase


@dataclass(frozen=True)
class Outcome:
    """What the board said: the numbers of one selftest, and whether it had to be flashed."""

    result: Mapping[str, Any]
    flashed: bool


def rungs(board: LabBoard) -> tuple[Rung, ...]:
    """What is tried with a board, one after the other, until something works."""
    if board.emulated:
        return ("first", "again", "again")
    return ("first", "again", "reset", "flash", *(("power",) if board.power else ()))


def attempt(
    board: LabBoard,
    firmware: Firmware,
    rung: Rung,
    timeout: float,
    log: Path,
    tell: Callable[[Phase], None] = lambda phase: None,
) -> Outcome:
    """Runs the selftest of `firmware` on the board once, `timeout` in seconds; all that came over the line goes to
    `log`, compressed. Raises AttemptError.
    """
    phase: Phase = "power"

    def enter(next_: Phase) -> None:
        nonlocal phase
        phase = next_
        tell(next_)

    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(gzip.open(log, "wt", encoding="utf-8", errors="replace", newline=""))
        try:
            enter("power")
            settings = {**firmware.settings, **board.reaching()}
            if rung == "power" and board.power:
                _shell(board.power.cycle(), settings)
            if rung == "reset":
                terminal.reset(SELFTEST, settings)
            enter("flash")
            flashed = _flash_if_needed(board, firmware, settings, rung, lines, log)
            enter("ready")
            with terminal.session(SELFTEST, settings, READY_SECONDS, lines) as running:
                _check_build(running, board, firmware)
                enter("run")
                answer = running.run("selftest", timeout)[-1]
            enter("read")
            result = terminal.selftest_result(answer, board.id)
            if result.model != firmware.model:
                raise RunError(f"board {board.id} sent a result of {result.model}, not of {firmware.model}")
            if result.arena_bytes != (planned := firmware.arena_bytes):
                raise RunError(
                    f"board {board.id} has an arena of {result.arena_bytes} bytes, the plan one of {planned}"
                )
            return Outcome(asdict(result), flashed)
        except MsfError as error:
            raise AttemptError(phase, str(error)) from error
        except OSError as error:
            raise AttemptError(phase, f"board {board.id}: {error}") from error


def _flash_if_needed(
    board: LabBoard, firmware: Firmware, settings: Mapping[str, str], rung: Rung, lines: Any, log: Path
) -> bool:
    if board.emulated:
        return False
    if rung != "flash":
        with contextlib.suppress(RunError), terminal.session(SELFTEST, settings, READY_SECONDS / 3, lines) as running:
            if _build_of(running) == firmware.build_id:
                return False
    terminal.flash(SELFTEST, settings, log.with_suffix(".flash"))
    return True


def _check_build(running: Session, board: LabBoard, firmware: Firmware) -> None:
    found = _build_of(running)
    if found != firmware.build_id:
        raise RunError(
            f"board {board.id} runs the firmware {found or 'without a build id'}, not {firmware.build_id}: was another "
            "board plugged in in its place?"
        )


def _build_of(running: Session) -> str | None:
    found = running.run("model", MODEL_SECONDS)[-1].get("build")
    return found if isinstance(found, str) else None


def _shell(command: str, settings: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=POWER_SECONDS,
            env={**os.environ, **settings},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"'{command}' took more than {POWER_SECONDS:g} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise RunError(f"'{command}' failed: {said[-1][:200] if said else f'status {done.returncode}'}")
    time.sleep(1)
