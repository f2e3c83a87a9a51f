"""Schedule -> a RIOT package directory: C sources, weights and the files that RIOT's make system reads.

Files are only touched where their text changes, so that make rebuilds what must be rebuilt; generating twice gives
identical bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from msf_riot.codegen.names import Names
from msf_riot.codegen.stack import stack_bytes
from msf_riot.codegen.stages import StageWriter
from msf_riot.codegen.text import c_float, c_string, comment
from msf_riot.errors import MsfError
from msf_riot.ir import Graph, Int8Array, Tensor
from msf_riot.kernels import Array
from msf_riot.scheduler import Schedule

LINE_WIDTH = 100


def _initializer(array: Array) -> str:
    """The values of an array, wrapped at the line width."""
    suffix = "u" if array.ctype == "uint32_t" else ""
    lines, line = [], "   "
    for value in array.values.ravel().tolist():
        # INT32_MIN is an expression in C, whose literals have no sign
        text = "INT32_MIN" if value == -(1 << 31) else f"{value}{suffix}"
        if len(line) + len(text) + 2 > LINE_WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text},"
    return "\n".join([*lines, line])


def _code(lines: Sequence[str], indent: int = 0) -> str:
    """Lines of C, indented; calls that are too long are broken after their arguments' commas and aligned."""
    wrapped: list[str] = []
    for line in lines:
        rest = " " * indent + line if line else ""
        align = rest.find("(") + 1
        while len(rest) > LINE_WIDTH and (cut := _break(rest, align)) > 0:
            wrapped.append(rest[:cut])
            rest = " " * align + rest[cut:].lstrip()
        wrapped.append(rest)
    return "\n".join(wrapped)


def _break(line: str, align: int) -> int:
    """Where to break a line: behind the last comma that is outside inner parentheses and fits; 0 for nowhere."""
    depth = 0
    best = 0
    for position in range(align, min(len(line), LINE_WIDTH)):
        character = line[position]
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            best = position + 1
    return best


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("msf_riot.codegen"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters["initializer"] = _initializer
_ENVIRONMENT.filters["code"] = _code
_ENVIRONMENT.filters["c_string"] = c_string
_ENVIRONMENT.filters["comment"] = comment


def package_name(schedule: Schedule) -> str:
    """Name of the model's package and header, as in msf_model_vww."""
    return Names.of(schedule.graph.name).package


def _refuse_other_model(package: Path, model: str) -> None:
    """Raises MsfError where the folder is the package of a model that another file gave, of a name that reads alike."""
    try:
        found = re.search(r"_network = \{\n    \.name = (\".*\"),\n", (package / "arena.c").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if found and found[1] != c_string(model):
        raise MsfError(
            f"{package} is the package of another model, {found[1]}, and '{model}' would have the same names in C: "
            "choose others with --name, or remove that folder"
        )


def _write(directory: Path, files: Mapping[str, str]) -> Path:
    """Makes `directory` hold just these files, touching only what differs."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.iterdir():
            if old.is_file() and old.name not in files:
                old.unlink()
        for name, text in files.items():
            path = directory / name
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MsfError(f"cannot write the package to {directory}: {error.strerror or error}") from error
    return directory


def _interfaces(graph: Graph, head: str, names: Sequence[str], rule: str) -> list[dict[str, Any]]:
    """What the header says about the inputs or outputs; `head` is "input" or "output"."""
    several = len(names) > 1
    return [
        {
            **_interface(graph.tensor(name), rule),
            "head": head,
            "macro": f"{head}_{number}".upper() if several else head.upper(),
            "several": several,
            "offset": graph.place(name),
        }
        for number, name in enumerate(names)
    ]


def _interface(tensor: Tensor, rule: str) -> dict[str, Any]:
    origin = tensor.origin
    label = tensor.name if origin is None else origin.name
    return {
        "tensor": tensor,
        "name": label,
        "label": comment(label),
        "rule": rule,
        "scale": c_float(tensor.quantization.scale),
        "transposed": origin is not None and origin.axes != (0, 1, 2) and not _one_order(tensor),
        "file_shape": " x ".join(map(str, origin.shape)) if origin is not None else "",
        "shifted": origin is not None and origin.element == "uint8" and origin.normalization is None,
        "pixels": origin is not None and origin.normalization is not None,
    }


def _one_order(tensor: Tensor) -> bool:
    """True where HWC and any other order of the axes are the same bytes."""
    return sum(size > 1 for size in tensor.shape) <= 1


_RULES = {
    "whole": "whole in the caller's buffer",
    "rows": "row by row, each row once and in order",
    "windows": "in pieces of rows, any of them again and again",
}


def generate_package(schedule: Schedule, directory: Path) -> Path:
    """Writes the package `directory`/msf_model_<model>/ and returns its path.

    Raises MsfError where it cannot be written, and where the package of a model with another name is in that place.
    """
    graph = schedule.graph
    names = Names.of(graph.name)
    package = names.package
    _refuse_other_model(directory / package, graph.name)
    writers = [StageWriter(schedule, stage, names.symbol("op") + "_") for stage in schedule.stages]
    arrays = [array for writer in writers for _, constants in writer.operators for array in constants.arrays]
    outputs = _interfaces(graph, "output", graph.outputs, "")
    plan = schedule.plan
    summary = (
        f"{len(graph.operators)} operators in {len(writers)} stages, arena {schedule.arena_bytes:,} bytes, "
        f"F = {plan.overhead:.3f}, input {plan.input_mode}"
    )
    what = f"Generated by msf-riot from the model '{comment(graph.name)}': {summary}."
    shared: dict[str, object] = {
        "notice": f"/* {what}\n * Do not edit: change the model or the plan and generate again. */",
        "hash_notice": f"# {what}",
        "package": package,
        "prefix": f"{package}_",
        "macro": package.upper(),
        "schedule": schedule,
        "stages": schedule.stages,
        "stack_bytes": stack_bytes(schedule),
        "labels": graph.labels,
        "arrays": arrays,
        "bytes": sum(array.values.size * int(array.ctype.strip("uint_")) // 8 for array in arrays),
        "inputs": _interfaces(graph, "input", graph.inputs, _RULES[plan.input_mode]),
        "outputs": outputs,
        "labelled": next((each for each in outputs if each["tensor"].channels == len(graph.labels)), None),
        "license": "proprietary",
        "license_text": "The weights are those of the model and keep its license; the generated code adds no terms.",
        "needs": schedule.network.kernel_set.packages,
        "headers": schedule.network.kernel_set.headers,
        "brief": summary,
        "directories": "<the folder that holds this package> <msf-riot>/riot_pkg",
        "usage": f'`#include "{package}.h"` declares `{package}_invoke()` and what its buffers hold.',
    }

    def render(template: str, **more: object) -> str:
        return _ENVIRONMENT.get_template(template).render(**shared, **more)

    files = {
        "Makefile": render("Makefile.j2"),
        "Makefile.include": render("Makefile.include.j2"),
        "Makefile.dep": render("Makefile.dep.j2"),
        "doc.md": render("doc.md.j2"),
        f"{package}.h": render("model.h.j2"),
        "internal.h": render("internal.h.j2"),
        "weights.c": render("weights.c.j2"),
        "invoke.c": render("invoke.c.j2"),
        "arena.c": render("arena.c.j2"),
    }
    if graph.labels:
        files["labels.c"] = render("labels.c.j2")
    for writer in writers:
        files[f"stage_{writer.stage.number:02d}.c"] = render("stage.c.j2", stage=writer)
    return _write(directory / package, files)


def generate_vectors(schedule: Schedule, inputs: Int8Array, outputs: Int8Array, directory: Path) -> Path:
    """Writes the package `directory`/msf_vectors/: inputs and expected outputs, [n, ...]."""
    model = package_name(schedule)
    notice = (
        f"Generated by msf-riot: {len(inputs)} inputs of the model '{comment(schedule.graph.name)}' and its outputs."
    )
    shared: dict[str, object] = {
        "notice": f"/* {notice} Do not edit. */",
        "hash_notice": f"# {notice}",
        "package": "msf_vectors",
        "model_package": model,
        "prefix": f"{model}_",
        "macro": model.upper(),
        "inputs": Array("inputs", "int8_t", np.asarray(inputs), ""),
        "outputs": Array("outputs", "int8_t", np.asarray(outputs), ""),
        "count": len(inputs),
        "schedule": schedule,
        "license": "proprietary",
        "license_text": "The data is the user's.",
        "needs": (model,),
        "brief": f"Test vectors of {model}",
        "directories": "<the folder that holds this package> <msf-riot>/riot_pkg",
        "usage": '`#include "msf_vectors.h"` declares `msf_vectors`.',
    }
    files = {
        "Makefile": "Makefile.j2",
        "Makefile.include": "Makefile.include.j2",
        "Makefile.dep": "Makefile.dep.j2",
        "doc.md": "doc.md.j2",
        "msf_vectors.h": "vectors.h.j2",
        "vectors.c": "vectors.c.j2",
        "stages.c": "stages.c.j2",
    }
    rendered = {name: _ENVIRONMENT.get_template(template).render(**shared) for name, template in files.items()}
    return _write(directory / "msf_vectors", rendered)
