"""Plan files: what is written is read again, what does not suit is refused by name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msf_riot.errors import PlanError
from msf_riot.ir import Graph
from msf_riot.planner import candidates, least_ram, paper_graph, read_plan, write_plan
from tests.execution.random_networks import networks, plans

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=50, **SLOW)
@given(st.data())
def test_a_plan_is_read_as_it_was_written(data: st.DataObject) -> None:
    graph = data.draw(networks())
    plan = data.draw(plans(graph))
    with tempfile.TemporaryDirectory() as folder:
        write_plan(plan, graph, Path(folder) / "plan.json")
        assert read_plan(Path(folder) / "plan.json", graph) == plan


@pytest.fixture(scope="module")
def graph() -> Graph:
    return paper_graph("paper:mcunetv2-vww-5fps-r80")


@pytest.fixture
def path(graph: Graph, tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    write_plan(least_ram(candidates(graph, max_overhead=1.1), 1.1), graph, path)
    return path


def edit(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_costs_of_an_edited_plan_are_counted_anew(graph: Graph, path: Path) -> None:
    before = read_plan(path, graph)

    def narrow(content: Any) -> None:
        content["peak_ram"] = 1
        content["stages"][0]["width"] = 1

    edit(path, narrow)
    after = read_plan(path, graph)
    assert after.stages[0].width == 1
    assert after.macs > before.macs
    assert after.peak_ram > 1


EDITS: dict[str, tuple[Callable[[Any], None], str]] = {
    "gap": (lambda c: c["stages"].pop(1), "stage 1 leaves operators out before it"),
    "overlap": (lambda c: c["stages"].insert(1, c["stages"][0]), "stage 1 overlaps the one before"),
    "end missing": (lambda c: c["stages"].pop(), "the last stage ends at operator"),
    "past the end": (lambda c: c["stages"][-1].update(last=99), "ends past the 45 operators"),
    "too wide": (lambda c: c["stages"][0].update(width=1000), "stage 0: strip width 1000 is not within 1 to"),
    "no width": (lambda c: c["stages"][0].pop("width"), "stage 0: 'width' is None"),
    "width is text": (lambda c: c["stages"][0].update(width="8"), "stage 0: 'width' is '8'"),
    "negative": (lambda c: c["stages"][0].update(first=-1), "stage 0: 'first' is -1"),
    "zero wide": (lambda c: c["stages"][0].update(width=0), "strip width 0"),
    "scratch": (lambda c: c["stages"][0].update(shared=-3), "stage 0: 'shared' is -3"),
    "stage is a number": (lambda c: c["stages"].__setitem__(0, 7), "stage 0 is not an object"),
    "no stages": (lambda c: c.update(stages=[]), "'stages' a list with at least one stage"),
    "input": (lambda c: c.update(input="column"), "'input' is 'column', expected one of whole, rows, windows"),
    "version": (lambda c: c.update(msf_riot_plan=99), "plan version 99"),
    "not a plan": (lambda c: c.pop("msf_riot_plan"), "not a plan of msf-riot"),
    "hash": (lambda c: c.update(model_sha256="0" * 64), "made for another model"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_does_not_suit_is_refused_by_name(name: str, graph: Graph, path: Path) -> None:
    change, message = EDITS[name]
    edit(path, change)
    with pytest.raises(PlanError, match=message) as caught:
        read_plan(path, graph)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_strips_in_a_stage_whose_input_comes_by_rows_are_refused(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan(least_ram(candidates(graph, "rows", max_overhead=1.0), 1.0), graph, path)
    edit(path, lambda content: content["stages"][0].update(width=1))
    with pytest.raises(PlanError, match="stage 0 cannot run in strips"):
        read_plan(path, graph)


def test_a_plan_for_another_model_is_refused(path: Path) -> None:
    other = paper_graph("paper:mcunet-320kb-r176")
    with pytest.raises(PlanError, match=r"made for another model.*not for 'paper:mcunet-320kb-r176'"):
        read_plan(path, other)


def test_files_that_are_no_json_or_not_there_are_refused(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot read plan"):
        read_plan(tmp_path / "absent.json", graph)
    for content in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"3"):
        (tmp_path / "broken.json").write_bytes(content)
        with pytest.raises(PlanError):
            read_plan(tmp_path / "broken.json", graph)


def test_a_plan_that_cannot_be_written_leaves_nothing_behind(graph: Graph, path: Path, tmp_path: Path) -> None:
    plan = read_plan(path, graph)
    with pytest.raises(PlanError, match="cannot write plan"):
        write_plan(plan, graph, tmp_path / "absent" / "plan.json")
    assert list(tmp_path.iterdir()) == [path]
