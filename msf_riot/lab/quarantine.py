"""Boards that gave up too often, until a person releases them; in files, so that every process sees it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from msf_riot.errors import LabError
from msf_riot.lab.description import Lab, LabBoard
from msf_riot.lab.places import state


def reason(lab: Lab, board: LabBoard) -> str:
    """Why the board is kept from work; "" where it is not."""
    if board.quarantine:
        return board.quarantine
    try:
        found = json.loads(_file(lab, board).read_text())
        return f"{found['reason']} ({found['since']})"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "its file says so"


def quarantine(lab: Lab, board: LabBoard, why: str) -> None:
    """Keeps the board from work."""
    file = _file(lab, board)
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"board": board.id, "reason": why, "since": datetime.now(UTC).isoformat("T", "seconds")}))
    new.replace(file)


def release(lab: Lab, board: LabBoard) -> bool:
    """Lets the board work again; False where it was not kept from it. Raises LabError where testbed.yaml keeps it."""
    if board.quarantine:
        raise LabError(f"board {board.id} is kept from work by {lab.file}: take `quarantine:` away there")
    try:
        _file(lab, board).unlink()
    except FileNotFoundError:
        return False
    return True


def _file(lab: Lab, board: LabBoard) -> Path:
    own = hashlib.sha256(str(lab.file).encode()).hexdigest()[:8]
    return state("quarantine") / f"{board.id}-{own}.json"
