"""The page of a plan: what it shows is what the plan costs, and it needs nothing but itself."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from msf_riot import importer, planner, scheduler, zoo
from msf_riot.errors import PlanError
from msf_riot.ir import Graph
from msf_riot.report.plan_plot import plan_page, write_plan_plot
from msf_riot.report.stage_rows import PARTS, ram_parts, stage_rows
from msf_riot.stage import InputMode

SMALL = ("zoo:tiny-vww", "zoo:tiny-residual", "zoo:tiny-squeeze-excite", "zoo:tiny-concat-pool", "zoo:resnet8")
SVG = "{http://www.w3.org/2000/svg}"


def graph_of(model: str) -> Graph:
    return importer.import_model(zoo.resolve(model))


def page_of(
    graph: Graph, plan: planner.Plan, *, ram_limit: int | None = None, board: str | None = None, compared: bool = True
) -> str:
    found = planner.candidates(graph, plan.input_mode)
    return plan_page(
        scheduler.schedule(graph, plan),
        front=planner.pareto_front(found) if compared else (),
        strategies=planner.strategies(graph) if compared else (),
        ram_limit=ram_limit,
        board=board,
    )


def pictures(page: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def titles(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}title")]


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("mode", ["whole", "rows", "windows"])
def test_parts_of_every_stage_add_up_to_its_bytes(model: str, mode: InputMode) -> None:
    graph = graph_of(model)
    plans = (*planner.pareto_front(planner.candidates(graph, mode)), planner.layer_by_layer(graph))
    for plan in plans:
        schedule = scheduler.schedule(graph, plan)
        found = [ram_parts(schedule.network, stage.layout) for stage in schedule.stages]
        assert [sum(parts.values()) for parts in found] == [stage.layout.bytes for stage in schedule.stages]
        assert all(size >= 0 for parts in found for size in parts.values())
        assert max(sum(parts.values()) for parts in found) == plan.peak_ram
        assert all(parts.keys() == PARTS.keys() for parts in found)


def test_rows_of_the_table_cover_every_operator_and_every_mac() -> None:
    graph = graph_of("zoo:tiny-residual")
    plan = planner.pareto_front(planner.candidates(graph, "windows"))[-1]
    rows = stage_rows(scheduler.schedule(graph, plan))
    assert [name for row in rows for name in row.names] == [operator.name for operator in graph.operators]
    assert sum(row.macs for row in rows) == plan.macs
    assert sum(row.macs for row in rows) / sum(row.plain_macs for row in rows) == pytest.approx(plan.overhead)


def test_hover_names_operators_strategies_and_bytes() -> None:
    graph = graph_of("zoo:tiny-vww")
    plan = planner.least_ram(planner.candidates(graph), 1.0)
    timeline, front = pictures(page_of(graph, plan))
    said = "\n".join(titles(timeline))
    for operator in graph.operators:
        assert operator.name in said
    assert f"of {plan.peak_ram:,}" in said
    assert f"layer by layer: {planner.layer_by_layer(graph).peak_ram:,} bytes" in said
    points = titles(front)
    for strategy in planner.strategies(graph):
        assert f"{strategy.name}: {strategy.peak_ram:,} bytes at F = {strategy.overhead:.2f}" in points
    assert f"the plan: {plan.peak_ram:,} bytes at F = {plan.overhead:.2f}" in points


def test_limit_is_named_and_drawn() -> None:
    graph = graph_of("zoo:tiny-vww")
    plan = planner.layer_by_layer(graph)
    with_limit = page_of(graph, plan, ram_limit=plan.peak_ram + 100, board="microbit")
    text = f"left on microbit: {plan.peak_ram + 100:,} bytes"
    assert text in with_limit
    assert "stroke-dasharray" in with_limit
    assert "far above" not in with_limit
    far = page_of(graph, plan, ram_limit=100 * plan.peak_ram, board=None)
    assert f"limit: {100 * plan.peak_ram:,} bytes, far above" in far


class Needs(HTMLParser):
    """Everything that the page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object"):
            self.found.append(tag)
        self.found += [f"{name}={value}" for name, value in attrs if name in ("src", "href") or name.startswith("on")]
        self.found += [f"{n}={v}" for n, v in attrs if n.endswith(":href") and not (v or "").startswith("#")]


def test_page_needs_no_network_and_no_script() -> None:
    graph = graph_of("zoo:tiny-vww")
    page = page_of(graph, planner.layer_by_layer(graph))
    needs = Needs()
    needs.feed(page)
    assert needs.found == []
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []


def test_every_marker_and_clip_of_the_pictures_is_in_them() -> None:
    graph = graph_of("zoo:tiny-vww")
    page = page_of(graph, planner.layer_by_layer(graph), ram_limit=5000)
    defined = re.findall(r'\bid="([^"]+)"', page)
    used = re.findall(r'xlink:href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    assert len(used) > 10
    assert set(used) <= set(defined)
    assert len(defined) == len(set(defined))


def test_hostile_names_are_text() -> None:
    graph = graph_of("zoo:tiny-residual")
    evil = "<script>alert(1)</script>&$x_$"
    first = dataclasses.replace(graph.operators[0], name=evil)
    graph = dataclasses.replace(graph, name=evil, operators=(first, *graph.operators[1:]))
    page = page_of(graph, planner.layer_by_layer(graph))
    assert "<script" not in page
    assert any(evil in title for title in titles(pictures(page)[0]))


def test_same_plan_gives_the_same_page(tmp_path: Path) -> None:
    graph = graph_of("zoo:tiny-residual")
    plan = planner.layer_by_layer(graph)
    assert page_of(graph, plan) == page_of(graph, plan)
    schedule = scheduler.schedule(graph, plan)
    write_plan_plot(tmp_path / "plan.html", schedule, front=(), strategies=(), ram_limit=None, board=None)
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == page_of(graph, plan, compared=False)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.html"]


def test_a_plot_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    graph = graph_of("zoo:tiny-residual")
    schedule = scheduler.schedule(graph, planner.layer_by_layer(graph))
    with pytest.raises(PlanError, match="cannot write plot"):
        write_plan_plot(tmp_path / "no" / "p.html", schedule, front=(), strategies=(), ram_limit=None, board=None)
