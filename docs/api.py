"""Public docstrings and headers -> docs/api.md: ./with-env python docs/api.py [--check]

--check writes nothing and ends with 1 where the file is not what it would write.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "api.md"

PYTHON = {
    "The graph": ("ir.py",),
    "From a file to a graph": ("source.py", "importer/__init__.py", "importer/labels.py", "zoo/__init__.py"),
    "What it computes": ("reference.py",),
    "Passes": ("passes/constant_channels.py",),
    "Plans": ("planner/choice.py", "planner/search.py", "planner/plan.py", "planner/files.py", "planner/strategies.py"),
    "Places in the arena": ("scheduler.py",),
    "Kernel sets": ("kernels/__init__.py", "kernels/interface.py"),
    "RIOT packages": ("codegen/package.py",),
    "Boards and builds": ("boards.py", "build.py", "riot.py", "application.py"),
    "The whole way, and what it took": ("verify.py", "profile.py"),
    "Errors": ("errors.py",),
}
HEADERS = ("network.h", "stage.h", "profile.h", "kernels.h", "kernels_dsp.h")

HEAD = """# API

Written by `./with-env python docs/api.py` from the docstrings and the headers; a test holds it against them.
"""


def public(node: ast.stmt) -> bool:
    """Functions and classes without a leading underscore."""
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def signature(node: ast.FunctionDef) -> str:
    """As in the source, without self."""
    arguments = ast.unparse(node.args)
    arguments = re.sub(r"^self(, )?", "", arguments)
    return f"{node.name}({arguments})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def paragraph(node: ast.FunctionDef | ast.ClassDef | ast.Module) -> str:
    """The docstring, its lines joined within paragraphs."""
    text = ast.get_docstring(node) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def module(path: Path) -> list[str]:
    """A section for one module: what it is for, then its functions and classes."""
    tree = ast.parse(path.read_text())
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    lines = [f"### {name}", "", paragraph(tree).split("\n\n")[0], ""]
    for node in filter(public, tree.body):
        if isinstance(node, ast.FunctionDef):
            lines += [f"- `{signature(node)}`: {paragraph(node)}".replace("\n\n", " ")]
        elif isinstance(node, ast.ClassDef):
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            lines += [f"- class `{node.name}{f'({bases})' if bases else ''}`: {paragraph(node)}".replace("\n\n", " ")]
            fields = [ast.unparse(each) for each in node.body if isinstance(each, ast.AnnAssign)]
            lines += [f"  - fields: `{'`, `'.join(fields)}`"] if fields else []
            for each in filter(public, node.body):
                if isinstance(each, ast.FunctionDef):
                    lines += [f"  - `{signature(each)}`: {paragraph(each)}".replace("\n\n", " ")]
    return [*lines, ""]


def header(path: Path) -> list[str]:
    """A section for one header: its functions and types, each with the comment before it."""
    text = path.read_text()
    brief = re.search(r"@brief\s+(.+)", text)
    lines = [f"### msf/{path.name}", "", f"{brief[1] if brief else ''}".strip() + ".", ""]
    declared = r"^/\*\*(?!<)((?:(?!\*/).)*)\*/\n((?:typedef struct|typedef|void|int8_t|uint32_t)\b[^;{]*)"
    for found in re.finditer(declared, text, re.DOTALL | re.MULTILINE):
        comment, what = found[1], " ".join(found[2].split())
        if "@" in comment:
            continue
        if what.startswith("typedef struct"):
            name = re.compile(r"^\}\s*(\w+);", re.MULTILINE).search(text, found.end())
            what = name[1] if name else what
        said = " ".join(re.sub(r"^\s*\*", "", comment, flags=re.MULTILINE).split())
        lines.append(f"- `{what}`: {said}")
    return [*lines, ""]


def document() -> str:
    """All of api.md."""
    lines = [HEAD, "## Python", ""]
    for title, names in PYTHON.items():
        lines += [f"**{title}**", ""]
        for name in names:
            lines += module(ROOT / "msf_riot" / name)
    lines += ["## C", "", "A generated package's own header says the rest: shapes, scales, macros, the plan.", ""]
    for name in HEADERS:
        lines += header(ROOT / "riot_pkg" / "msf_runtime" / "include" / "msf" / name)
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Writes the file, or compares it."""
    parser = argparse.ArgumentParser(description="docs/api.md from the docstrings and headers")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the file is stale")
    text = document()
    if parser.parse_args().check:
        return int(not TARGET.is_file() or TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
