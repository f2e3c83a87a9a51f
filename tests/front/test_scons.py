"""SConstruct in a copy of the working tree: what it prints, what it builds again and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from msf_riot import boards, build, front

ROOT = Path(__file__).resolve().parents[2]
SCONS = Path(sys.executable).with_name("scons")
MODEL = "MODEL=zoo:tiny-residual"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of its own, so that tests may change any file and nothing built before is there."""
    copy = tmp_path_factory.mktemp("tree") / "msf-riot"
    ignored = shutil.ignore_patterns("__pycache__", ".*", "build", "bin", "*.egg-info")
    copy.mkdir()
    for name in ("SConstruct", "boards.yaml", "README.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("msf_riot", "riot_pkg", "apps", "sim"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    return copy


def scons(tree: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCONS), *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"} | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


def steps(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The first words of the steps that were taken."""
    assert result.returncode == 0, result.stdout + result.stderr
    return re.findall(r"^(generate|build|run|flash)\b", result.stdout, re.MULTILINE)


def rows(result: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    """The table that was printed last; its columns are two blanks apart."""
    lines = [line for line in result.stdout.splitlines() if "  " in line]
    start = max(index for index, line in enumerate(lines) if "board" in line and ("ELF" in line or "match" in line))
    names = re.split(r"\s{2,}", lines[start].strip())
    return [dict(zip(names, re.split(r"\s{2,}", line.strip()), strict=False)) for line in lines[start + 1 :]]


def test_no_argument_runs_the_default_model_on_this_machine(tree: Path) -> None:
    result = scons(tree)
    assert steps(result) == ["generate", "build", "run"]
    (row,) = rows(result)
    assert (row["model"], row["board"], row["match"]) == ("zoo:mcunet-vww1", "host", "yes")
    assert row["operators"] == "55"
    assert int(row["stages"]) < 25
    assert row["layer by layer"] == "96,000"
    assert int(row["arena"].replace(",", "")) <= 15_000
    assert row["MACs"] == "11,578,816"
    assert all(row[column] for column in ("arena", "flash"))


@pytest.mark.long
def test_nothing_is_made_again_without_a_cause(tree: Path) -> None:
    assert steps(scons(tree, MODEL)) == ["generate", "build", "run"]
    assert steps(scons(tree, MODEL)) == ["run"]
    assert steps(scons(tree, MODEL, "build")) == []
    (tree / "README.md").write_text("changed")
    for path in [*(tree / "msf_riot").rglob("*.py"), *(tree / "riot_pkg").rglob("*.c")]:
        path.touch()
    assert steps(scons(tree, MODEL, "build")) == []


def test_what_changed_is_made_again_and_no_more(tree: Path) -> None:
    scons(tree, MODEL, "build")
    elf = next((tree / "build").glob("tiny-residual*/selftest/bin/host/*.elf"))

    def change(name: str, old: str, new: str) -> list[str]:
        path = tree / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return steps(scons(tree, MODEL, "build"))

    template = "msf_riot/codegen/templates/arena.c.j2"
    assert change(template, "{", "/* changed */ {") == ["generate", "build"]
    assert change("msf_riot/planner/strategies.py", '"""', '"""Changed. ') == ["generate"]  # generates the same bytes
    assert change("riot_pkg/msf_runtime/portable/add_s8.c", "#include", "/* changed */\n#include") == ["build"]
    assert change("apps/selftest/main.c", "#include", "/* changed */\n#include") == ["build"]
    elf.unlink()
    assert steps(scons(tree, MODEL, "build")) == ["build"]
    assert elf.is_file()
    weights = next((tree / "build").glob("tiny-residual*/packages/msf_model_tiny_residual/weights.c"))
    original = weights.read_text()
    weights.write_text(original.replace("1", "2"))
    assert steps(scons(tree, MODEL, "build"))[0] == "generate"
    assert weights.read_text() == original
    assert steps(scons(tree, MODEL, "OPTIMIZE=size", "build")) == ["build"]


def test_model_and_plan_files_are_dependencies(tree: Path, tmp_path: Path) -> None:
    from msf_riot import importer, planner, zoo

    model, plan = tmp_path / "mine.onnx", tmp_path / "plan.json"
    shutil.copy(zoo.resolve("zoo:tiny-residual"), model)
    graph = importer.import_model(model)
    planner.write_plan(planner.layer_by_layer(graph), graph, plan)
    arguments = (f"MODEL={model}", f"PLAN={plan}", "build")
    assert steps(scons(tree, *arguments)) == ["generate", "build"]
    assert steps(scons(tree, *arguments)) == []
    planner.write_plan(planner.least_ram(planner.candidates(graph)), graph, plan)
    assert steps(scons(tree, *arguments)) == ["generate", "build"]
    shutil.copy(zoo.resolve("zoo:tiny-1d"), model)
    result = scons(tree, *arguments)
    assert result.returncode == 2
    assert "plan.json" in result.stderr


@pytest.mark.long
def test_layer_by_layer_can_be_asked_for(tree: Path) -> None:
    plain = rows(scons(tree, MODEL, "PLAN=layer-by-layer"))[0]
    assert (plain["stages"], plain["arena"], plain["match"]) == (plain["operators"], plain["layer by layer"], "yes")
    fused = rows(scons(tree, MODEL))[0]
    assert int(fused["arena"].replace(",", "")) < int(plain["arena"].replace(",", ""))
    assert (fused["MACs"], fused["layer by layer"]) == (plain["MACs"], plain["arena"])


def test_plan_with_kernels_that_the_board_lacks_is_refused(tree: Path, tmp_path: Path) -> None:
    from msf_riot import importer, planner, zoo

    graph = importer.import_model(zoo.resolve("zoo:tiny-residual"))
    planner.write_plan(planner.choose_plan(graph, kernels="dsp"), graph, tmp_path / "plan.json")
    result = scons(tree, MODEL, f"PLAN={tmp_path / 'plan.json'}", "build")
    assert result.returncode == 2
    assert "DSP extension" in result.stderr
    assert "BOARD=host" in result.stderr


def test_mismatch_ends_non_zero_and_says_where(tree: Path) -> None:
    kernel = tree / "riot_pkg/msf_runtime/portable/add_s8.c"
    right = kernel.read_text()
    wrong = re.sub(r"^( +\S*out\S* = .*);$", r"\1 ^ 1;", right, flags=re.MULTILINE)
    assert wrong != right
    kernel.write_text(wrong)
    try:
        result = scons(tree, MODEL)
        verified = subprocess.run(
            [str(SCONS.with_name("msf-riot")), "verify", "zoo:tiny-residual", "--json"],
            env=os.environ | {"PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        kernel.write_text(right)
    assert result.returncode == 2
    assert rows(result)[0]["match"].startswith("NO: input 0, output byte")
    assert result.stderr.splitlines()[-1].startswith("scons: *** [run] zoo:tiny-residual: the output differs")
    assert verified.returncode == 5
    assert json.loads(verified.stdout)["match"] is False
    assert "zoo:tiny-residual on host: not what the reference computes; input 0" in verified.stderr


def test_help_names_every_variable_with_its_default(tree: Path) -> None:
    shown = scons(tree, "-h").stdout
    for name, (default, _) in front.VARIABLES.items():
        line = next(line for line in shown.splitlines() if line.split()[:1] == [name])
        assert f"(default: {default or 'none'})" in line
    for name in (*front.TARGETS, *front.RIOT_VARIABLES):
        assert re.search(rf"^  {name}\b", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["BOARD=nrf5284dk"], "unknown board 'nrf5284dk': did you mean nrf52840dk"),
        (["BAORD=host"], "unknown variable BAORD"),
        (["OPTIMIZE=fast"], "OPTIMIZE=fast is neither"),
        (["MODEL=zoo:mcunet-vww7"], "no network 'mcunet-vww7'"),
        (["MODEL=nowhere.onnx"], "MODEL=nowhere.onnx: no such file"),
        (["PLAN=nowhere.json"], "PLAN=nowhere.json: no such file"),
        (["APP=nothing"], "APP=nothing"),
        (["INPUT_PIXELS=uint8", "MEAN=1,2", "DEVIATION=x"], "DEVIATION: 'x' are no numbers"),
        (["MODEL=README.md"], "not an ONNX file"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_errors_are_one_line(tree: Path, arguments: list[str], says: str) -> None:
    result = scons(tree, *arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stdout + result.stderr


def small_board(name: str, kind: str, ram_bytes: int, tmp_path: Path) -> dict[str, str]:
    """The environment with a board of so little RAM, with the compiler of this machine."""
    entry = {
        "kind": kind, "core": "none", "isa": "native", "clock_hz": None, "ram_bytes": ram_bytes, "flash_bytes": 1 << 20,
        "fpu": False, "dsp": False, "toolchain": "cc", "stack_bytes": 512, "flashing": "none",
    }  # fmt: skip
    (tmp_path / "boards.yaml").write_text(json.dumps({"boards": {name: entry}}))
    return {"MSF_BOARDS": str(tmp_path / "boards.yaml")}


@pytest.fixture
def pebble(tmp_path: Path) -> dict[str, str]:
    """A board of half a kilobyte."""
    return small_board("pebble", "sim", 512, tmp_path)


def test_a_plan_is_found_that_fits_the_board(tree: Path, tmp_path: Path) -> None:
    (default,) = rows(scons(tree, MODEL, "BOARD=host"))
    needed = int(default["arena"].replace(",", ""))
    (found,) = rows(scons(tree, MODEL, "BOARD=host", **small_board("host", "host", needed, tmp_path)))
    assert found["match"] == "yes"
    assert int(found["arena"].replace(",", "")) < needed


def test_what_cannot_fit_is_refused_before_compiling_with_both_numbers(tree: Path, pebble: dict[str, str]) -> None:
    result = scons(tree, MODEL, "BOARD=pebble", "build", **pebble)
    assert result.returncode == 2
    manifests = (tree / "build").glob("tiny-residual*/generated.json")
    needs = {json.loads(manifest.read_text())["needs"]["ram_bytes"] for manifest in manifests}
    assert any(f"needs {needed} bytes of RAM" in result.stderr for needed in needs)
    assert " 512 " in result.stderr
    assert not list((tree / "build").glob("tiny-residual*/selftest/bin/pebble/*"))


def test_a_board_that_is_too_small_keeps_no_other_from_its_turn(tree: Path, pebble: dict[str, str]) -> None:
    result = scons(tree, MODEL, "BOARD=pebble,host", **pebble)
    assert result.returncode == 2
    assert [row["match"] for row in rows(result) if row.get("board") == "host"] == ["yes"]
    assert "failed for BOARD=pebble" in result.stderr.splitlines()[-1]


def test_jobs_reach_make(tree: Path, tmp_path: Path) -> None:
    make = shutil.which("make")
    (tmp_path / "make").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexec {make} "$@"\n')
    (tmp_path / "make").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "build" in steps(scons(tree, "MODEL=zoo:tiny-1d", "-j3", "build", PATH=path))
    assert " -j3 " in (tmp_path / "calls").read_text().splitlines()[0]


def test_application_outside_the_project(tree: Path, tmp_path: Path) -> None:
    application = tmp_path / "mine"
    application.mkdir()
    (application / "main.c").write_text(
        '#include "msf_vectors.h"\n#include "sim.h"\n'
        "int main(void)\n{\n    sim_write(msf_vectors.model->name);\n    return 0;\n}\n"
    )
    (application / "Makefile").write_text(
        f"APPLICATION = mine\nUSEPKG += msf_vectors\ninclude {tree}/sim/Makefile.include\n"
    )
    assert steps(scons(tree, MODEL, f"APP={application}", "size"))[-1:] == ["build"]
    result = scons(tree, MODEL, f"APP={application}", "term")
    assert "tiny-residual" in result.stdout


@pytest.mark.cross
def test_boards_of_a_list_are_built_run_and_told_of_together(tree: Path) -> None:
    names = ("sim-m0", "sim-rv32")
    for board in map(boards.load, names):
        if board.toolchain.find() is None or board.emulator is None or board.emulator.find() is None:
            pytest.skip(f"{board.name} needs its cross compiler and QEMU")
    result = scons(tree, MODEL, f"BOARD={','.join(names)}", "-j2")
    found = {row["board"]: row for row in rows(result)}
    assert found.keys() == set(names)
    assert all(row["match"] == "yes" and "instructions" in row["one inference"] for row in found.values())


@pytest.mark.riot
def test_riot_board_is_built_and_its_memory_told(tree: Path) -> None:
    if reason := build.obstacle(boards.load("nrf52840dk")):
        pytest.skip(f"needs RIOT and a compiler: {reason}")
    result = scons(tree, MODEL, "BOARD=nrf52840dk")
    assert steps(result)[-1] == "build"
    (row,) = rows(result)
    assert row["board"] == "nrf52840dk"
    assert result.stdout.count("262,144") == result.stdout.count("1,048,576") == 1
    assert row["ELF"].endswith(".elf")


@pytest.mark.long
def test_a_name_and_labels_make_another_package(tree: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class {n}" for n in range(4)))
    asked = (MODEL, "NAME=door", f"LABELS={labels}")
    assert steps(scons(tree, *asked)) == ["generate", "build", "run"]
    assert [path.parent.name for path in tree.glob("build/*/packages/msf_model_door")] == ["packages"]
    labels.write_text(labels.read_text().replace("class 3", "another"))
    assert steps(scons(tree, *asked)) == ["generate", "build", "run"]
    assert steps(scons(tree, *asked)) == ["run"]
    pixels = ("INPUT_PIXELS=uint8", "MEAN=127.5", "DEVIATION=127.5")
    assert steps(scons(tree, *asked, *pixels)) == ["generate", "build", "run"]
    assert "is no name for a model" in scons(tree, MODEL, "NAME=Door").stderr


def test_an_application_in_a_folder_with_a_space_is_refused_before_anything_is_generated(
    tree: Path, tmp_path: Path
) -> None:
    shutil.copytree(tree / "apps" / "selftest", tmp_path / "two words" / "selftest")
    before = set(tree.glob("build/*"))
    result = scons(tree, "MODEL=zoo:tiny-unary", f"APP={tmp_path / 'two words' / 'selftest'}")
    assert result.returncode == 2
    assert result.stderr.startswith("scons: error: the application selftest is in a folder that make cannot work with")
    assert set(tree.glob("build/*")) == before


def test_all_boards_where_none_can_be_built(tree: Path, tmp_path: Path) -> None:
    result = scons(tree, MODEL, "BOARD=all", PATH=str(tmp_path), RIOTBASE=str(tmp_path))
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("scons: error: BOARD=all: none can be built here; for BOARD=host: ")
