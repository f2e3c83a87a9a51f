"""What .ci/run makes of skipped tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / ".ci/skipped.py"


def judge(folder: Path, reason: str) -> subprocess.CompletedProcess[str]:
    """Runs the script on a pytest run of one skipped and one passed test, on a machine without RIOT."""
    (folder / "test_it.py").write_text(
        f"import pytest\n\n@pytest.mark.skip(reason={reason!r})\ndef test_one(): pass\n\ndef test_two(): pass\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "RIOT"))}
    environment["XDG_CACHE_HOME"] = str(folder / "cache")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir=.", "--junitxml=results.xml", "test_it.py"],
        cwd=folder, env=environment, capture_output=True, check=True,
    )  # fmt: skip
    return subprocess.run(
        [sys.executable, str(SCRIPT), "results.xml"], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_absent_riot_explains_a_skip_in_one_line(tmp_path: Path) -> None:
    result = judge(tmp_path, "no RIOT found: set RIOTBASE to a checkout")
    assert result.returncode == 0, result.stderr
    assert "no RIOT at RIOTBASE or in the user's cache: 1 tests that need it were skipped\n" in result.stdout


def test_any_other_skip_fails(tmp_path: Path) -> None:
    result = judge(tmp_path, "arm-none-eabi-gcc is not installed")
    assert result.returncode == 1, result.stderr
    assert "test_it::test_one: arm-none-eabi-gcc is not installed" in result.stdout
