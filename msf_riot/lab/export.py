"""Results -> a file for other tools."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msf_riot.errors import LabError


def write(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """By the file's ending: .csv, .json or .xml (JUnit). Raises LabError."""
    writers = {".csv": _csv, ".json": _json, ".xml": _junit}
    if file.suffix not in writers:
        raise LabError(f"{file}: results are written to files that end in {', '.join(writers)}")
    new = file.with_name(f"{file.name}.new")
    try:
        writers[file.suffix](rows, new)
        new.replace(file)
    except OSError as error:
        raise LabError(f"cannot write {file}: {error.strerror}") from error


def _csv(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, rows[0].keys() if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def _json(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    file.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _junit(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """A suite for each run, a case for each job; what never ran or does not fit is skipped."""
    suites = ET.Element("testsuites")
    by_run: dict[str, ET.Element] = {}
    for row in rows:
        suite = by_run.get(row["run"])
        if suite is None:
            suite = by_run[row["run"]] = ET.SubElement(suites, "testsuite", name=row["run"])
        name = f"{row['model']} {row['plan']} {row['optimize']}"
        case = ET.SubElement(suite, "testcase", classname=row["board"], name=_printable(name))
        if row["outcome"] == "done" and not row["match"]:
            ET.SubElement(case, "failure", message="the outputs differ from the reference's")
        elif row["outcome"] == "given_up":
            ET.SubElement(case, "error", message=_printable(row["reason"] or ""))
        elif row["outcome"] != "done":
            ET.SubElement(case, "skipped", message=_printable(row["reason"] or "not run"))
    for suite in by_run.values():
        suite.set("tests", str(len(suite)))
        for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(plural, str(len(suite.findall(f"testcase/{kind}"))))
    ET.ElementTree(suites).write(file, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """XML has no way to write most control characters, which a board may well send."""
    return re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
