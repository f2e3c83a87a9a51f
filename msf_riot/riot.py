"""Where RIOT is: RIOTBASE, else the pinned release in the user's cache, which `msf-riot riot` clones there.

Takes nothing but the environment, gives the path of a RIOT checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

from msf_riot.errors import BoardError

RELEASE = "2026.07"
"""The release that this project is developed and tested with, a tag of RIOT's repository."""

URL = "https://github.com/RIOT-OS/RIOT"


def find_riot() -> Path:
    """The RIOT checkout that RIOTBASE names, else the one in the user's cache.

    Raises BoardError where there is none or where what is there is not RIOT.
    """
    named = os.environ.get("RIOTBASE")
    if named:
        return _checked(Path(named).expanduser().resolve(), "RIOTBASE names it: point it at a RIOT checkout")
    cached = cached_riot()
    if not cached.exists():
        raise BoardError(f"no RIOT found: set RIOTBASE to a checkout, or run `msf-riot riot` to clone {RELEASE}")
    return _checked(cached, "remove it and run `msf-riot riot`")


def cached_riot() -> Path:
    """Where clone_riot() puts RIOT: in the user's cache, which XDG_CACHE_HOME moves."""
    return platformdirs.user_cache_path("msf-riot") / f"RIOT-{RELEASE}"


def riot_version(checkout: Path) -> str | None:
    """The release that a checkout says it is, "" for a development checkout, None where it is not RIOT."""
    if not (checkout / "Makefile.include").is_file() or not (checkout / "core" / "thread.c").is_file():
        return None
    version = checkout / "VERSION"
    found = re.search(r"^RIOT_VERSION\s*=\s*(\S+)", version.read_text(), re.MULTILINE) if version.is_file() else None
    return found[1] if found else ""


def clone_riot() -> Path:
    """Clones the pinned release into the user's cache and returns its path; one that is there is kept.

    The clone is made beside its place and then renamed, so that an interrupted one is never taken for RIOT; git shows
    its progress on standard error. Raises BoardError where git is absent or fails, or the cache cannot be written.
    """
    target = cached_riot()
    if target.exists():
        return _checked(target, "remove it and run `msf-riot riot` again")
    if shutil.which("git") is None:
        raise BoardError("git is missing, which clones RIOT: apt install git")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="RIOT-", dir=target.parent) as directory:
            _clone(Path(directory) / "RIOT").rename(target)
    except OSError as error:
        if not target.exists():  # else another process was faster, and its clone is as good
            raise BoardError(f"cannot put RIOT at {target}: {error.strerror}") from error
    return target


def _clone(directory: Path) -> Path:
    command = ["git", "-c", "advice.detachedHead=false", "clone", "--depth=1", f"--branch={RELEASE}"]
    if subprocess.run([*command, URL, str(directory)], check=False).returncode != 0:
        raise BoardError(f"git could not clone {URL} ({RELEASE}), see above: check the network, or set RIOTBASE")
    if riot_version(directory) != RELEASE:
        raise BoardError(f"what git cloned from {URL} is not RIOT {RELEASE}")
    return directory


def _checked(checkout: Path, remedy: str) -> Path:
    if riot_version(checkout) is None:
        raise BoardError(f"{checkout} is not a RIOT checkout; {remedy}")
    return checkout
