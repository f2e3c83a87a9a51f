"""Two runs -> what became slower, larger or wrong, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MEASURES = ("instructions", "microseconds", "arena_bytes", "stack_bytes", "text_bytes")
CELL = ("model", "plan", "board", "optimize")


@dataclass(frozen=True)
class Difference:
    """Of one measure of one cell; `ratio` is after / before, None where a result is missing or wrong."""

    model: str
    plan: str
    board: str
    optimize: str
    measure: str
    before: float | str | None
    after: float | str | None
    ratio: float | None
    regression: bool


def compare(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], threshold: float
) -> list[Difference]:
    """Every measure that differs; a regression is a rise by more than `threshold` (0.02 = 2 %), or a lost result."""
    old = {tuple(row[name] for name in CELL): row for row in before}
    found = []
    for row in after:
        cell = tuple(row[name] for name in CELL)
        if cell not in old:
            continue
        was = old[cell]
        for measure in ("outcome", "match"):
            if was[measure] != row[measure]:
                good = "done" if measure == "outcome" else True
                worse = was[measure] == good
                found.append(_difference(row, measure, was[measure], row[measure], None, worse))
        for measure in MEASURES:
            one, other = was[measure], row[measure]
            if one is None or other is None or one == other:
                continue
            ratio = other / one if one else float("inf")
            found.append(_difference(row, measure, one, other, ratio, ratio > 1 + threshold))
    return found


def _difference(
    row: Mapping[str, Any], measure: str, before: Any, after: Any, ratio: float | None, worse: bool
) -> Difference:
    model, plan, board, optimize = (row[name] for name in CELL)
    return Difference(model, plan, board, optimize, measure, before, after, ratio, worse)
