"""./with-env python .ci/riot_tree.py [FOLDER] [--quick]: a RIOT tree that has these packages under pkg/ and an example
under tests/pkg/, as one commit; then RIOT's own static tests over that commit, and the example's test on native64.

Without FOLDER the tree is a temporary one. Prints what each check says: passed, failed, or skipped where its tool is
missing here. Ends non-zero where one failed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from msf_riot import planner, scheduler, verify
from msf_riot.places import ROOT
from msf_riot.riot import find_riot
from msf_riot.source import ModelSource

EXAMPLE = Path(__file__).with_name("riot_tree")
BASE = "base"

CHECKS: dict[str, tuple[str | None, list[str]]] = {
    "whitespacecheck": (None, ["dist/tools/whitespacecheck/check.sh", BASE]),
    "licenses": ("pcregrep", ["dist/tools/licenses/check.sh"]),
    "externc": (None, ["dist/tools/externc/check.sh"]),
    "headerguards": (None, ["dist/tools/headerguards/check.sh"]),
    "buildsystem_sanity_check": (None, ["dist/tools/buildsystem_sanity_check/check.sh"]),
    "codespell": ("codespell", ["dist/tools/codespell/check.sh"]),
    "flake8": ("flake8", ["dist/tools/flake8/check.sh"]),
    "doccheck": ("doxygen", ["dist/tools/doccheck/check.sh"]),
    "test on native64": (None, ["make", "-C", "tests/pkg/msf_runtime", "BOARD=native64", "all", "test"]),
}
"""Name -> the program that it needs beside RIOT's, and the command."""


SLOW = ("buildsystem_sanity_check",)
"""Reads the whole of RIOT, for minutes; of what it says counts what names these packages."""


def make_tree(folder: Path) -> None:
    """Clones RIOT to `folder` and commits the packages, a generated model and the example to it."""
    git("-c", "advice.detachedHead=false", "clone", "--quiet", "--shared", str(find_riot()), str(folder))
    git("checkout", "--quiet", "-b", "packages", cwd=folder)
    git("branch", "--force", BASE, cwd=folder)
    shutil.copytree(ROOT / "riot_pkg" / "msf_runtime", folder / "pkg" / "msf_runtime")
    graph = ModelSource("zoo:tiny-residual", name="tiny").graph()
    verify.generate(scheduler.schedule(graph, planner.choose_plan(graph)), verify.default_inputs(graph), folder / "pkg")
    shutil.copytree(EXAMPLE, folder / "tests" / "pkg" / "msf_runtime")
    kconfig = folder / "pkg" / "Kconfig"
    if "msf_runtime" not in kconfig.read_text():
        lines = kconfig.read_text().splitlines()
        last = max(number for number, line in enumerate(lines) if line.startswith("rsource"))
        lines.insert(last + 1, 'rsource "msf_runtime/Kconfig"')
        kconfig.write_text("\n".join(lines) + "\n")
    git("add", "pkg", "tests", cwd=folder)
    identity = ("-c", "user.name=msf-riot", "-c", "user.email=msf-riot@example.invalid")
    git(*identity, "commit", "--quiet", "-m", "pkg/msf_runtime: neural networks", cwd=folder)


def git(*arguments: str, cwd: Path | None = None) -> None:
    """Runs git; an error ends the program with git's own words."""
    if subprocess.run(["git", *arguments], cwd=cwd, check=False).returncode != 0:
        sys.exit(f"riot_tree: git {' '.join(arguments)} failed, see above")


def check(folder: Path, quick: bool) -> int:
    """Runs every check, or the quick ones, and returns how many failed."""
    failed = 0
    for name, (tool, command) in CHECKS.items():
        if quick and name in SLOW:
            continue
        if tool is not None and shutil.which(tool) is None:
            print(f"{name}: skipped, {tool} is not installed", flush=True)
            continue
        settings = {"RIOTBASE": str(folder), "BASE_BRANCH": BASE}
        result = subprocess.run(
            command, cwd=folder, env=os.environ | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        said = (result.stdout + result.stderr).strip().replace(f"{folder}/", "")
        ours = [line for line in said.splitlines() if "msf" in line] if name in SLOW else said.splitlines()
        passed = result.returncode == 0 or (name in SLOW and not ours)
        failed += not passed
        print(f"{name}: {'passed' if passed else 'failed'}", flush=True)
        if not passed:
            print("\n".join(f"    {line}" for line in ours[-20:]), flush=True)
    return failed


def main() -> int:
    """Makes the tree and checks it."""
    parser = argparse.ArgumentParser(description="RIOT's static tests over a tree with these packages")
    parser.add_argument("folder", type=Path, nargs="?", help="where to leave the tree; default: a temporary folder")
    parser.add_argument("--quick", action="store_true", help=f"without {', '.join(SLOW)}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="msf-riot-tree-") as temporary:
        folder = (arguments.folder or Path(temporary) / "RIOT").absolute()
        make_tree(folder)
        return 1 if check(folder, arguments.quick) else 0


if __name__ == "__main__":
    sys.exit(main())
