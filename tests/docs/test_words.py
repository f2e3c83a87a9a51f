"""Documents and comments speak of the project alone, and every path and link that a document names is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from msf_riot.places import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("apps/*/*.md"), *ROOT.glob("sim/*.md"))
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_nothing_speaks_of_an_issue_by_its_number() -> None:
    found = [
        f"{path}: {words}"
        for path in tracked()
        if path.suffix in (".md", ".py", ".c", ".h", ".S", ".j2", ".yaml", ".toml", ".mk", "")
        for words in re.findall(r"\b[Ii]ssue \d+", path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert not found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert re.match(r"[a-z]+:", target) or (folder / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_a_document_are_there(document: str) -> None:
    """Names in backquotes that begin with a folder of this repository."""
    tops = {path.relative_to(ROOT).parts[0] for path in tracked()}
    for name in re.findall(r"`([\w.-]+/[\w./-]*)`", (ROOT / document).read_text()):
        if name.split("/")[0] in tops:
            assert (ROOT / name).exists(), name
