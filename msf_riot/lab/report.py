"""The results and attempts of a run -> one HTML file that needs nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("msf_riot.lab"),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)

MEASURES = ("instructions", "microseconds")
UNITS = {"instructions": "instructions", "microseconds": "µs"}


def page(run: Mapping[str, Any], results: Sequence[Mapping[str, Any]], attempts: Sequence[Mapping[str, Any]]) -> str:
    """HTML. Texts that came over a serial line or from a file's name are escaped."""
    boards = sorted({row["board"] for row in results})
    by_cell = {(row["model"], row["plan"], row["optimize"], row["board"]): row for row in results}
    rows = []
    for model, plan, optimize in dict.fromkeys(cell[:3] for cell in by_cell):
        line = [by_cell.get((model, plan, optimize, board)) for board in boards]
        rows.append(
            {
                "model": _short(model),
                "plan": _short(plan),
                "optimize": optimize,
                "cells": [_cell(row, line) if row else None for row in line],
            }
        )
    names = {row["job"]: f"{_short(row['model'])} {_short(row['plan'])} {row['optimize']}" for row in results}
    failures = [
        {**attempt, "name": names.get(attempt["job"], attempt["job"])}
        for attempt in attempts
        if attempt["outcome"] != "result"
    ]
    counts = Counter(_kind(row) for row in results)
    facts = [f"began {run['began']}", f"ended {run['ended']}" if run["ended"] else "not ended"]
    facts += [f"on {run['machine']}", f"msf-riot {run['tool']}", f"testbed {run['lab']}"]
    return _ENVIRONMENT.get_template("report.html.j2").render(
        run=run["run"],
        facts=", ".join(facts),
        counts=", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(counts.items()))
        + f"; {len(attempts)} attempts, {len(failures)} of which failed",
        boards=boards,
        rows=rows,
        failures=failures,
        firmware=_firmware(results),
    )


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _kind(row: Mapping[str, Any]) -> str:
    if row["outcome"] == "done":
        return "match" if row["match"] else "mismatch"
    return row["outcome"] or "open"


def _cell(row: Mapping[str, Any], line: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    kind = _kind(row)
    if row["outcome"] != "done":
        return {"kind": kind, "text": kind.replace("_", " "), "below": "", "title": row["reason"] or "", "color": ""}
    measure = next((name for name in MEASURES if row[name] is not None), None)
    text = f"{row[measure]:,.0f} {UNITS[measure]}" if measure else "-"
    spread = row[f"{measure}_spread"] if measure else None
    title = f"{row['repetitions']} repetitions, spread {spread:,.0f}" if spread is not None else ""
    color = ""
    if kind == "match" and measure:
        others = [each[measure] for each in line if each and each["match"] and each[measure] is not None]
        share = row[measure] / max(*others, 1)
        color = f"hsl(140 45% {88 - 33 * share:.0f}%)"
    return {"kind": kind, "text": text, "below": f"{row['arena_bytes']:,} bytes", "title": title, "color": color}


def _firmware(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    shown = {}
    for row in results:
        if row["firmware"] is not None:
            numbers = {
                name: "-" if row[name] is None else f"{row[name]:,}"
                for name in ("text_bytes", "weights_bytes", "stack_bytes", "macs")
            }
            named = {"model": _short(row["model"]), "plan": _short(row["plan"]), "riot": row["riot"] or "-"}
            shown[row["firmware"]] = {**row, **numbers, **named}
    return list(shown.values())
