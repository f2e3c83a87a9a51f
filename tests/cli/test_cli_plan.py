"""`msf-riot plan`, and the plan that everything else runs without being told."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from command import answer, run

from msf_riot import boards, importer, planner, zoo
from msf_riot.ir import Graph, macs
from msf_riot.places import ROOT

MODEL = "zoo:tiny-residual"


def refusal(*arguments: object, **settings: str) -> str:
    result = run(*arguments, **settings)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("msf-riot: error: ")
    return line


def graph_of(model: str) -> Graph:
    return importer.import_model(zoo.resolve(model))


@pytest.fixture(scope="module")
def front() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer("plan", MODEL, "--input", "windows", "--pareto")
    return found


def test_without_limits_nothing_is_computed_twice_and_ram_is_next_to_least() -> None:
    graph = graph_of(MODEL)
    found = answer("plan", MODEL)
    assert found.keys() == {"peak_ram", "overhead", "macs", "stages"}
    assert found["overhead"] == 1.0
    assert found["macs"] == macs(graph)
    least = answer("plan", MODEL, "--max-overhead", "1")["peak_ram"]
    assert least == planner.least_ram(planner.candidates(graph), 1.0).peak_ram
    assert least <= found["peak_ram"] <= 1.2 * least
    assert found["peak_ram"] < planner.layer_by_layer(graph).peak_ram
    assert max(stage["bytes"] for stage in found["stages"]) == found["peak_ram"]
    assert sum(stage["macs"] for stage in found["stages"]) == found["macs"]
    assert [name for stage in found["stages"] for name in stage["names"]] == [op.name for op in graph.operators]


def test_default_of_generate_and_verify_is_that_plan(tmp_path: Path) -> None:
    peak = answer("plan", MODEL)["peak_ram"]
    plain = answer("plan", MODEL, "--strategy", "layer-by-layer")["peak_ram"]
    generated = answer("generate", MODEL, "-o", tmp_path)
    assert (generated["arena_bytes"], generated["layer_by_layer_bytes"]) == (peak, plain)
    verified = answer("verify", MODEL, "--board", "host")
    assert (verified["arena_bytes"], verified["plan"], verified["match"]) == (peak, "default", True)
    named = answer("verify", MODEL, "--board", "host", "--plan", "layer-by-layer")
    assert (named["arena_bytes"], named["plan"], named["match"]) == (plain, "layer-by-layer", True)


def test_front_falls_from_the_fastest_plan_to_the_leanest(front: list[dict[str, Any]]) -> None:
    assert front[0]["peak_ram"] == answer("plan", MODEL, "--input", "windows", "--max-overhead", "1")["peak_ram"]
    assert front[-1]["peak_ram"] == answer("plan", MODEL, "--input", "windows", "--max-overhead", "inf")["peak_ram"]
    assert len(front) > 1
    for fast, lean in itertools.pairwise(front):
        assert fast["peak_ram"] > lean["peak_ram"]
        assert fast["macs"] < lean["macs"]


def test_limit_of_ram_takes_the_fastest_plan_below_it(front: list[dict[str, Any]]) -> None:
    for plan in front:
        assert answer("plan", MODEL, "--input", "windows", "--ram", plan["peak_ram"]) == plan
        assert answer("plan", MODEL, "--input", "windows", "--max-overhead", plan["overhead"]) == plan


def test_limits_choose_from_the_front(front: list[dict[str, Any]]) -> None:
    last = front[-1]
    limits = ("--input", "windows", "--pareto", "--ram", front[0]["peak_ram"] - 1)
    assert answer("plan", MODEL, *limits) == front[1:]
    assert "within the limits" in refusal("plan", MODEL, *limits, "--max-overhead", "1")
    assert f"{last['peak_ram']:,} bytes" in refusal("plan", MODEL, *limits[:-1], last["peak_ram"] - 1)


def test_what_is_beyond_the_limits_is_refused_with_both_numbers(front: list[dict[str, Any]]) -> None:
    line = refusal("plan", MODEL, "--input", "windows", "--ram", front[-1]["peak_ram"] - 1)
    assert f"{front[-1]['peak_ram'] - 1:,}" in line
    assert f"{front[-1]['peak_ram']:,}" in line
    fast = front[0]["peak_ram"]
    line = refusal("plan", MODEL, "--input", "windows", "--ram", fast - 1, "--max-overhead", "1.0")
    assert f"{fast - 1:,}" in line
    assert f"{fast:,}" in line
    plain = planner.layer_by_layer(graph_of(MODEL)).peak_ram
    line = refusal("plan", MODEL, "--strategy", "layer-by-layer", "--ram", plain - 1)
    assert f"{plain - 1:,}" in line
    assert f"{plain:,}" in line


@pytest.mark.parametrize(
    ("size", "limit"),
    [("20000", 20000), ("20000B", 20000), ("16KiB", 16384), ("16 kib", 16384), ("0.5MB", 500000), ("1MiB", 1 << 20)],
)
def test_sizes_have_units(size: str, limit: int) -> None:
    assert f"{limit:,} bytes" in run("plan", MODEL, "--ram", size).stdout


@pytest.mark.parametrize("size", ["16K", "-1", "lots", "1e5", "", "0x10"])
def test_sizes_without_sense_are_refused(size: str) -> None:
    assert "--ram" in refusal("plan", MODEL, f"--ram={size}")


@pytest.mark.parametrize("factor", ["0.9", "-1", "nan", "much"])
def test_factors_below_one_are_refused(factor: str) -> None:
    assert "--max-overhead" in refusal("plan", MODEL, f"--max-overhead={factor}")


def test_board_leaves_its_ram_without_system_and_result(tmp_path: Path) -> None:
    board = boards.load("microbit")
    assert board.ram_bytes is not None
    assert board.overhead is not None
    output = graph_of(MODEL).tensor(graph_of(MODEL).output).size
    taken = board.overhead.all_ram_bytes + boards.MARGIN
    left = board.ram_bytes - taken - output
    assert f"{left:,} bytes left on microbit" in run("plan", MODEL, "--board", "microbit").stdout
    assert "limit" not in run("plan", MODEL, "--board", "host").stdout
    tight = tmp_path / "boards.yaml"
    needed = answer("plan", MODEL, "--max-overhead", "inf")["peak_ram"]
    entry = (ROOT / "boards.yaml").read_text()
    start = entry.index("  microbit:")
    text = entry[start : entry.index("\n\n", start)].replace("ram_bytes: 16384", f"ram_bytes: {taken + needed}")
    tight.write_text("boards:\n" + text.replace("  microbit:", "  tight:", 1) + "\n")
    line = refusal("plan", MODEL, "--board", "tight", MSF_BOARDS=str(tight))
    assert f"{needed:,}" in line
    assert f"{needed - output:,}" in line


def test_kernels_are_those_of_the_board_unless_named(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.json" for name in ("portable", "m4", "named")}
    run("plan", MODEL, "-o", files["portable"])
    run("plan", MODEL, "--board", "sim-m4", "-o", files["m4"])
    run("plan", MODEL, "--board", "sim-m4", "--kernels", "portable", "-o", files["named"])
    found = {name: json.loads(path.read_text())["kernels"] for name, path in files.items()}
    assert found == {"portable": "portable", "m4": "dsp", "named": "portable"}
    assert "DSP extension" in refusal("verify", MODEL, "--board", "host", "--plan", files["m4"])


def test_least_instructions_within_the_ram_take_more_ram_at_most(tmp_path: Path) -> None:
    free = answer("plan", MODEL, "--objective", "instructions")
    least = answer("plan", MODEL, "--max-overhead", "1")
    assert free["macs"] == least["macs"]
    assert free["peak_ram"] >= least["peak_ram"]
    tight = answer("plan", MODEL, "--objective", "instructions", "--ram", least["peak_ram"])
    assert tight["peak_ram"] <= least["peak_ram"]


def test_least_ram_has_no_other_objective() -> None:
    assert "--objective" in refusal("plan", MODEL, "--max-overhead", "1.1", "--objective", "instructions")


@pytest.mark.parametrize("name", ["layer-by-layer", "mcunetv2", "streamnet", "msf-cnn"])
def test_strategies_cost_more_ram_than_the_plan_with_their_overhead(name: str) -> None:
    strategy = answer("plan", "zoo:tiny-vww", "--strategy", name)
    assert strategy.keys() == {"peak_ram", "overhead", "macs", "stages"}
    ours = answer("plan", "zoo:tiny-vww", "--max-overhead", strategy["overhead"])
    assert ours["peak_ram"] < strategy["peak_ram"]
    assert strategy["macs"] == pytest.approx(strategy["overhead"] * macs(graph_of("zoo:tiny-vww")))


def test_strategies_are_refused_what_they_cannot_do(tmp_path: Path) -> None:
    assert "--input rows" in refusal("plan", MODEL, "--strategy", "streamnet", "--input", "rows")
    assert "--pareto" in refusal("plan", MODEL, "--strategy", "streamnet", "--pareto")
    assert "--pareto" in refusal("plan", MODEL, "--pareto", "-o", tmp_path / "plan.json")
    assert "no -o" in refusal("plan", "zoo:tiny-vww", "--strategy", "mcunetv2", "-o", tmp_path / "plan.json")
    assert list(tmp_path.iterdir()) == []


def test_chains_of_the_paper_are_planned_and_never_generated(tmp_path: Path) -> None:
    name = "paper:mcunetv2-vww-5fps-r80"
    found = answer("plan", name, "--strategy", "layer-by-layer")
    assert (found["peak_ram"], found["macs"]) == (96000, 11_578_496)
    for command in (("generate", name, "-o", tmp_path), ("verify", name)):
        assert "no weights" in refusal(*command)
    assert "did you mean" in refusal("plan", "paper:mbv2")


def test_plot_is_a_page_that_names_the_plan_and_the_board(tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    found = answer("plan", MODEL, "--board", "microbit", "--plot", page)
    text = page.read_text()
    assert f"{found['peak_ram']:,}" in text
    assert "left on microbit" in text
    assert "MCUNetV2" in text
    assert str(page) in run("plan", MODEL, "--plot", page).stdout
    assert "cannot write plot" in refusal("plan", MODEL, "--plot", tmp_path / "no" / "plan.html")
