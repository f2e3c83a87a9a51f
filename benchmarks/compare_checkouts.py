"""What two checkouts generate: ./with-env python benchmarks/compare_checkouts.py BEFORE [AFTER] [--quick] [--models M]

For each model, kernel set and way of input both checkouts make the default plan and the one with the least RAM, and the
package of each. Plan files have to be the same value; the sources of a package the same text but for names (NAMES) and
line breaks; its headers may say more, never something else. Prints what differs, ends with 1 where anything does.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared/models"
QUICK = ("zoo:tiny-vww", "zoo:tiny-residual", "zoo:tiny-1d", "zoo:ds-cnn", "zoo:mcunet-vww0")
KERNELS = ("portable", "dsp")
INPUTS = ("whole", "rows", "windows")
LIMITS = {"default": (), "least": ("--max-overhead", "inf")}

GENERATE = """
import json, sys
from msf_riot.cli import main
for arguments in json.load(sys.stdin):
    status = main(arguments)
    if status:
        print("failed", status, *arguments)
"""

NAMES = (
    (r"@_op_", "@_"),
    (r"@_network\b", "@_model"),
    (r"\bmsf_network_t\b", "msf_model_t"),
    (r"msf/network\.h", "msf/model.h"),
    (r'"internal\.h"', '"@_internal.h"'),
    (r"#pragma once", ""),
    (r"#(ifndef|define) @(_INTERNAL)?_H\b", ""),
    (r"#endif /\* @(_INTERNAL)?_H \*/", ""),
)
"""(pattern, replacement) for each name that may differ; @ stands for the package's own."""


def commands(models: Sequence[str], directory: Path) -> list[list[str]]:
    """The command lines of msf-riot that write plans and packages below `directory`."""
    made: list[list[str]] = []
    for model in models:
        for kernels in KERNELS:
            for arrives in INPUTS:
                for name, limits in LIMITS.items():
                    place = directory / re.sub(r"\W+", "-", Path(model).stem) / f"{kernels}-{arrives}-{name}"
                    place.mkdir(parents=True)
                    plan = str(place / "plan.json")
                    made.append(["plan", model, "--kernels", kernels, "--input", arrives, *limits, "-o", plan])
                    made.append(["generate", model, "--plan", plan, "-o", str(place)])
    return made


def generate(checkout: Path, models: Sequence[str], directory: Path) -> None:
    """Everything that `checkout` makes of the models; what its command line says goes to standard error."""
    process = subprocess.run(
        [sys.executable, "-c", GENERATE],
        input=json.dumps(commands(models, directory)),
        env={**os.environ, "PYTHONPATH": str(checkout)},
        cwd=directory,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    failed = [line for line in process.stdout.splitlines() if line.startswith("failed")]
    if process.returncode or failed:
        sys.exit("\n".join([f"{checkout}: cannot generate", *failed]))


def contents(directory: Path) -> dict[str, str]:
    """Path -> text without what may differ; the folder of a package is called @."""
    found: dict[str, str] = {}
    for path in sorted(file for file in directory.rglob("*") if file.is_file()):
        place = path.relative_to(directory)
        if path.name == "plan.json":
            plan = json.loads(path.read_text())
            found[str(place)] = json.dumps(plan, indent=1, sort_keys=True)
            continue
        package = path.parent.name
        text = re.sub(rf"(?i){package}(?![0-9a-z])", "@", path.read_text())
        name = "@_internal.h" if path.name == "internal.h" else path.name.replace(package, "@")
        for pattern, replacement in NAMES:
            text = re.sub(pattern, replacement, text)
        found[str(place.parent.parent / "@" / name)] = text
    return found


def statements(text: str) -> list[str]:
    """What the text says, whatever its line breaks: a line for each statement, macro or comment."""
    joined = re.sub(r"(?<=[,(=])\s+", " ", text)
    lines = (re.sub(r"\s+", " ", line).replace("( ", "(").strip() for line in joined.splitlines())
    return [line for line in lines if line]


def declarations(text: str) -> list[str]:
    """The statements of a header without its comments."""
    return statements(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


def differences(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """A few lines for each file that is not the same."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"{name}: only {'before' if name in before else 'after'}"
            continue
        if name.endswith(("/@.h", "/@_internal.h")):
            there = set(declarations(after[name]))
            missing = [line for line in declarations(before[name]) if line not in there]
            if missing:
                yield "\n".join([f"{name}: the header no longer says", *missing[:8]])
            continue
        old, new = statements(before[name]), statements(after[name])
        if old != new:
            yield "\n".join([name, *list(difflib.unified_diff(old, new, lineterm="", n=0))[2:12]])


def main() -> int:
    """Exit status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="?", default=ROOT)
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--models", nargs="+", help="only these")
    arguments = parser.parse_args()
    models = arguments.models or (list(QUICK) if arguments.quick else every_model())
    with tempfile.TemporaryDirectory() as directory:
        folders = [Path(directory) / side for side in ("before", "after")]
        for folder in folders:
            folder.mkdir()
        with ThreadPoolExecutor() as pool:
            sides = (arguments.before.resolve(), arguments.after.resolve())
            list(pool.map(generate, sides, [models] * 2, folders))
        before, after = map(contents, folders)
    found = list(differences(before, after))
    print("\n".join(found[:20]))
    plans = sum(name.endswith("plan.json") for name in before)
    print(f"{len(models)} models, {plans} plans and packages, {len(before)} files: {len(found)} differ")
    return 1 if found or not plans else 0


def every_model() -> list[str]:
    """Every network of the zoo, and every quantized model in shared/, where that is."""
    from msf_riot import zoo

    return [*(zoo.PREFIX + each.name for each in zoo.summaries()), *map(str, sorted(SHARED.glob("*int8.onnx")))]


if __name__ == "__main__":
    sys.exit(main())
