"""docs/troubleshooting.md has every error message of the code, and none that the code no longer says."""

from __future__ import annotations

import ast
import re

from msf_riot import errors
from msf_riot.places import CODE, ROOT

ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
REFUSAL = "node '…' (…): "
"""What `unsupported` begins its messages with."""


def fixed(node: ast.expr) -> str:
    """The text of a string with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(fixed(value) for value in node.values)
    if isinstance(node, ast.BinOp):
        return fixed(node.left) + fixed(node.right)
    return "…"


def messages() -> set[str]:
    """Of every place that raises one of the project's errors; those that hand on another's message have no words."""
    found = set()
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            function = node.exc.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if name == "unsupported":
                found.add(REFUSAL)
            elif name in ERRORS and node.exc.args:
                found.add(" ".join(fixed(node.exc.args[0]).split()))
    return {message for message in found if re.search(r"[a-z]{3}", message)}


def phrases() -> dict[str, re.Pattern[str]]:
    """What stands in backquotes in the first column of a table, or begins an item, as patterns."""
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    listed = [phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row)]
    listed += ["is none of model=MODEL"]
    return {phrase: re.compile(".*".join(map(re.escape, phrase.split("…")))) for phrase in listed}


def test_every_message_is_explained() -> None:
    known = phrases()
    missing = [message for message in sorted(messages()) if not any(p.search(message) for p in known.values())]
    assert not missing


def test_every_explanation_has_its_message() -> None:
    said = messages()
    assert len(said) > 100
    gone = [phrase for phrase, pattern in phrases().items() if not any(pattern.search(message) for message in said)]
    assert not gone
