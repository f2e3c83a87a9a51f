"""The names of a network's classes: from a file of the user's, or from the metadata of the model's own file."""

from __future__ import annotations

import ast
import dataclasses
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

from msf_riot.errors import ModelError
from msf_riot.ir import Graph

KEYS = ("labels", "classes", "class_names", "names", "label_names", "categories")
"""Of a model's metadata, as exporters write them; the first that names every class is taken."""

LONGEST = 1 << 16
"""Characters of a list of labels: a thousand classes with long names are half of it."""


def with_labels(graph: Graph, file: Path) -> Graph:
    """The graph with the labels in a text file: one a line, a JSON list, or a JSON object from number to label.

    Raises ModelError where the file cannot be read or does not name each channel of the output.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{file}: cannot read the labels: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: the labels are not UTF-8 text") from error
    labels = parse(text)
    wanted = graph.tensor(graph.output).channels
    if labels is None or len(labels) != wanted:
        found = "no list of labels" if labels is None else f"{len(labels)} labels"
        raise ModelError(f"{file}: {found}, but the output of {graph.name} has {wanted} channels: write one a line")
    return dataclasses.replace(graph, labels=labels)


def labels_in(metadata: Mapping[str, str], channels: int) -> tuple[str, ...]:
    """The labels that a model's own metadata has for its output of so many channels; none where it has not as many."""
    for key in KEYS:
        labels = parse(metadata.get(key, ""))
        if labels is not None and len(labels) == channels:
            return labels
    return ()


def parse(text: str) -> tuple[str, ...] | None:
    """A list in JSON or Python notation, an object with the keys 0, 1, 2, ..., or one a line; None for none of them."""
    text = text.lstrip("\ufeff").strip()
    if not text or len(text) > LONGEST:
        return None
    if text[0] not in "[{(":
        lines = text.splitlines() if "\n" in text else text.split(",")
        return tuple(line.strip() for line in lines)
    for read in (json.loads, ast.literal_eval):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python about its own notation in the file, such as '\\d'
                value = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return _as_labels(value)
    return None


def _as_labels(value: object) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        numbered = {str(key): label for key, label in value.items()}
        value = [numbered.get(str(number)) for number in range(len(numbered))]
    if not isinstance(value, list | tuple) or not all(isinstance(label, str | int | float) for label in value):
        return None
    return tuple(str(label).encode("utf-8", "replace").decode() for label in value)  # JSON may hold half a character
