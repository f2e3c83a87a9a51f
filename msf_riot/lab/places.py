"""Where a lab keeps what must outlive a run: $MSF_TESTBED, else the user's folder for such things."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from msf_riot.errors import LabError


def state(*below: str) -> Path:
    """That folder, or one below it, made where it is missing. Raises LabError."""
    named = os.environ.get("MSF_TESTBED")
    path = Path(named).expanduser().absolute() if named else platformdirs.user_state_path("msf-riot") / "testbed"
    path = path.joinpath(*below)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make {path} ({error.strerror}): set MSF_TESTBED to a folder") from error
    return path
