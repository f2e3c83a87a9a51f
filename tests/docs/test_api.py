"""docs/api.md is what the docstrings and headers say."""

import subprocess
import sys

from msf_riot.places import ROOT


def test_the_api_document_is_up_to_date() -> None:
    result = subprocess.run([sys.executable, str(ROOT / "docs" / "api.py"), "--check"], check=False)
    assert result.returncode == 0, "run ./with-env python docs/api.py"
