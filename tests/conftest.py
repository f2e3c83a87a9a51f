"""What tests of several rooms ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from msf_riot.errors import BoardError
from msf_riot.riot import RELEASE, find_riot, riot_version


@pytest.fixture(scope="session")
def riot() -> Path:
    """RIOT as a user has it: RIOTBASE, or the release in the cache. Without it, a test skips and says why."""
    try:
        checkout = find_riot()
    except BoardError as error:
        pytest.skip(str(error))
    if riot_version(checkout) != RELEASE:
        pytest.skip(f"{checkout} is not RIOT {RELEASE}")
    return checkout
