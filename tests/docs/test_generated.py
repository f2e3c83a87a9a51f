"""What is written by commands is up to date: docs/api.md, docs/pictures."""

import subprocess
import sys

from msf_riot.places import ROOT


def test_the_api_document_is_up_to_date() -> None:
    result = subprocess.run([sys.executable, str(ROOT / "docs" / "api.py"), "--check"], check=False)
    assert result.returncode == 0, "run ./with-env python docs/api.py"


def test_the_pictures_show_what_the_planner_finds() -> None:
    result = subprocess.run([sys.executable, str(ROOT / "docs" / "pictures.py"), "--check"], check=False)
    assert result.returncode == 0, "run ./with-env python docs/pictures.py, and read docs/how-it-plans.md again"
