"""Generated names meet no others: not the runtime's, not those of another model, whatever a file is called."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msf_riot import importer, planner, scheduler, zoo
from msf_riot.codegen import generate_package, package_name
from msf_riot.codegen.names import HEADS, LONGEST, PREFIX, Names, checked_name, identifier
from msf_riot.codegen.text import c_string, comment
from msf_riot.errors import MsfError
from msf_riot.scheduler import Schedule
from tests.execution.harness import ROOT, RUNTIME, WARNINGS, run_on_host, runtime_objects

RUNTIME_WORDS = ("model", "stage", "profile", "port", "runtime", "vectors", "kernels", "network", "json", "shell")
AWKWARD = (
    *RUNTIME_WORDS,
    *("int", "while", "NULL", "main", "9lives", "0", "_internal", "op", "t", "h", "c"),
    *("漢字", "é", "Größe", "a b", "it's", 'q"uote', "back\\slash", "new\nline", "$(touch pwned)", "${HOME}", "`id`"),
    *("*", "%", "#x", "-o", "??!", "??", "--", "a" * 200, "漢" * 60),
)


def schedule_called(name: str, network: str = "zoo:tiny-1d") -> Schedule:
    graph = dataclasses.replace(importer.import_model(zoo.resolve(network)), name=name)
    return scheduler.schedule(graph, planner.named_plan(graph, None, "portable"))


def names_in(text: str) -> set[str]:
    """The identifiers of C in a source without its comments and strings."""
    bare = re.sub(r'/\*.*?\*/|"[^"\n]*"', " ", text, flags=re.DOTALL)
    return set(re.findall(r"\b[A-Za-z_]\w*", bare))


@pytest.mark.parametrize("name", AWKWARD)
def test_a_model_of_any_name_compiles_without_a_warning_and_runs(name: str) -> None:
    schedule = schedule_called(name)
    inputs = np.zeros((1, *schedule.graph.tensor(schedule.graph.input).shape), np.int8)
    plain = run_on_host(schedule_called("plain"), inputs, ("-O0",))
    assert np.array_equal(run_on_host(schedule, inputs, ("-O0",)), plain)


def test_no_name_of_the_runtime_or_its_packages_begins_as_a_models_do() -> None:
    sources = [path for folder in ("riot_pkg", "apps", "sim") for path in (ROOT / folder).rglob("*.[chS]")]
    assert len(sources) > 40
    for path in sources:
        assert not [name for name in names_in(path.read_text()) if name.lower().startswith(PREFIX)], path
        assert not any(part.startswith(PREFIX) for part in path.parts)
    assert not Names.of("x").package.startswith(("msf_vectors", "msf_port", "msf_runtime"))


def test_everything_that_a_package_lets_others_see_bears_the_models_name(tmp_path: Path) -> None:
    schedule = schedule_called("kws")
    package = generate_package(schedule, tmp_path)
    subprocess.run(
        ["gcc", "-c", f"-I{RUNTIME}/include", f"-I{package}", *map(str, package.glob("*.c"))], cwd=tmp_path, check=True
    )
    table = subprocess.run(
        ["nm", "--defined-only", "--extern-only", *map(str, tmp_path.glob("*.o"))], capture_output=True, text=True
    )
    symbols = re.findall(r"^[0-9a-f]+ \w (\w+)$", table.stdout, re.MULTILINE)
    assert len(symbols) > 10
    header = (package / "msf_model_kws.h").read_text()
    macros = re.findall(r"#define (\w+)", header)
    assert len(macros) > 15
    for name in (*symbols, *(macro.lower() for macro in macros)):
        words = name.removeprefix("msf_model_kws_").split("_")
        assert name.startswith("msf_model_kws_")
        assert words[0] in HEADS and HEADS.isdisjoint(words[1:]), name


def test_models_whose_names_end_as_others_symbols_do_link_together(tmp_path: Path) -> None:
    kinds = [
        "m",
        *(f"m_{head}" for head in sorted(HEADS)),
        "m_op_conv2d_0",
        "m_op_depthwise",
        "m_stage_0",
        "m_input_bytes",
    ]
    schedules = [schedule_called(name, "zoo:tiny-residual") for name in kinds]
    folders = [generate_package(schedule, tmp_path) for schedule in schedules]
    calls = "".join(f"    {package_name(s)}_invoke({package_name(s)}_arena, in, out);\n" for s in schedules)
    includes = "".join(f'#include "{package_name(s)}.h"\n' for s in reversed(schedules))
    main = tmp_path / "main.c"
    main.write_text(
        f"{includes}static int8_t in[1 << 16], out[1 << 16];\nint main(void)\n{{\n{calls}    return 0;\n}}\n"
    )
    paths = [f"-I{folder}" for folder in folders]
    sources = [str(path) for folder in folders for path in sorted(folder.glob("*.c"))]
    command = ["gcc", *WARNINGS, "-O0", f"-I{RUNTIME}/include", *paths, str(main), *sources, *runtime_objects(("-O0",))]
    linked = subprocess.run([*command, "-o", str(tmp_path / "program")], capture_output=True, text=True, check=False)
    assert linked.returncode == 0, linked.stderr
    assert subprocess.run([tmp_path / "program"], check=False).returncode == 0


def test_a_package_of_a_model_whose_name_reads_alike_is_not_written_over(tmp_path: Path) -> None:
    package = generate_package(schedule_called("a-b"), tmp_path)
    before = {path: path.read_bytes() for path in package.iterdir()}
    with pytest.raises(MsfError, match=r"package of another model, \"a-b\", and 'a b'.*--name"):
        generate_package(schedule_called("a b"), tmp_path)
    assert {path: path.read_bytes() for path in package.iterdir()} == before
    assert generate_package(schedule_called("a-b"), tmp_path) == package


@pytest.mark.parametrize("name", ["", "A", "a__b", "_a", "a-b", "a b", "漢", "a" * (LONGEST + 1)])
def test_a_chosen_name_that_is_no_identifier_is_refused_with_one_that_is(name: str) -> None:
    with pytest.raises(MsfError) as refused:
        checked_name(name)
    assert checked_name(identifier(name)) in str(refused.value)


@given(st.text(max_size=300))
def test_every_name_gives_an_identifier_that_is_kept(name: str) -> None:
    found = identifier(name)
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", found) and len(found) <= LONGEST
    assert identifier(found) == found


@given(st.text(max_size=40))
def test_any_text_is_a_c_string_and_a_comment(text: str) -> None:
    literal = c_string(text)
    octals = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), literal[1:-1])
    assert octals.encode("latin-1") == text.encode("utf-8", "surrogateescape")
    assert "\n" not in literal and "??" not in literal
    shown = comment(text)
    assert shown.isprintable() and shown.isascii() and "*/" not in shown and "\\" not in shown
