"""A Schedule and what to compare it with -> one HTML file: RAM over the run, the Pareto front, a table of the stages.

The pictures are matplotlib's SVG, inline; names and figures appear on hover (SVG titles). No script, no network. Colors
are those of Okabe and Ito (2008), told apart with any kind of color vision; ink and paper follow the reader's theme.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, StrMethodFormatter

from msf_riot import ir
from msf_riot.errors import PlanError
from msf_riot.planner import Plan, Strategy, layer_by_layer
from msf_riot.report.stage_rows import PARTS, StageRow, stage_rows
from msf_riot.scheduler import Schedule, schedule

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its font cache on standard error

COLORS: Mapping[str, str] = {
    "kept": "#0072b2",
    "input": "#56b4e9",
    "output": "#009e73",
    "lines": "#e69f00",
    "delays": "#f0e442",
    "sums": "#cc79a7",
    "scratch": "#d55e00",
}
INK, MUTED, GRID, GHOST, PAPER = "#101112", "#606162", "#d0d1d2", "#b8b9ba", "#fefdfc"
THEMED = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", GHOST: "var(--ghost)", PAPER: "var(--paper)"}
"""Colors in the pictures that the style sheet of the page decides."""

MARKERS = "s^vDPXp<>"
WIDTH = 11.0
"""Inches of 72 pixels, stretched to the page."""

STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}

SVG = "http://www.w3.org/2000/svg"

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("msf_riot.report"),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def write_plan_plot(
    path: Path,
    plan: Schedule,
    *,
    front: Sequence[Plan],
    strategies: Sequence[Strategy],
    ram_limit: int | None,
    board: str | None,
) -> None:
    """Writes the page at once or not at all. Raises PlanError where it cannot be written.

    `ram_limit` (bytes) is drawn as a line, named after `board` where one is given; `front` may be empty.
    """
    page = plan_page(plan, front=front, strategies=strategies, ram_limit=ram_limit, board=board)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PlanError(f"cannot write plot {path}: {error.strerror or error}") from error


def plan_page(
    plan: Schedule,
    *,
    front: Sequence[Plan],
    strategies: Sequence[Strategy],
    ram_limit: int | None,
    board: str | None,
) -> str:
    """The HTML page."""
    rows = stage_rows(plan)
    limit = None if ram_limit is None else (ram_limit, f"left on {board}" if board else "limit")
    plain = schedule(plan.graph, layer_by_layer(plan.graph))
    return _ENVIRONMENT.get_template("plan.html.j2").render(
        graph=plan.graph,
        plan=plan.plan,
        plain=plain.plan,
        rows=rows,
        parts={name: meaning for name, meaning in PARTS.items() if any(row.parts[name] for row in rows)},
        meanings=PARTS,
        colors=COLORS,
        limit=limit,
        input_bytes=plan.input_bytes,
        timeline=_timeline(plan, rows, plain, limit),
        front=_front(plan.plan, front, strategies, limit),
        strategies=sorted(strategies, key=lambda each: each.peak_ram),
        pareto=front,
    )


Limit = tuple[int, str]


def _timeline(plan: Schedule, rows: Sequence[StageRow], plain: Schedule, limit: Limit | None) -> str:
    """RAM over the run: beside layer by layer, and where that dwarfs the plan, once more by itself."""
    close = 2.5 * plan.arena_bytes >= plain.arena_bytes
    with matplotlib.rc_context(STYLE):
        figure = Figure((WIDTH, 3.7 if close else 6.4), layout="constrained")
        axes = figure.subplots(1 if close else 2, 1, sharex=True, squeeze=False)[:, 0]
        titles: dict[str, str] = {}
        _draw_plain(axes[0], plan.graph, plain, titles)
        for index, each in enumerate(axes):
            _draw_stages(each, rows, f"p{index}", titles)
            top = plain.arena_bytes if index == 0 and plain.arena_bytes > plan.arena_bytes else plan.arena_bytes
            _draw_limit(each, limit, top, remark=index == 0)
            each.set_ylabel("RAM (bytes)")
            each.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            each.grid(axis="y")
        axes[0].set_title("The plan (colors) before layer-by-layer execution (gray)", pad=18 if close else None)
        if not close:
            axes[1].set_title("The plan by itself, with the numbers of its stages", pad=18)
        _number_stages(axes[-1], rows)
        axes[-1].set_xlabel("operator, in the order of execution")
        count = len(plan.graph.operators)
        numbers = [
            int(n) for n in MaxNLocator(24, integer=True, steps=[1, 2, 5, 10]).tick_values(0, count) if n < count
        ]
        axes[-1].set_xticks([number + 0.5 for number in numbers], [str(number) for number in numbers])
        axes[-1].set_xlim(0, count)
        return _svg(figure, titles, "timeline")


def _draw_plain(axes: Axes, graph: ir.Graph, plain: Schedule, titles: dict[str, str]) -> None:
    for stage in plain.stages:
        operator = graph.operators[stage.number]
        shape = "x".join(map(str, graph.tensor(operator.output).shape))
        bar = axes.bar(stage.number, stage.layout.bytes, width=1, align="edge", color=GHOST, edgecolor=PAPER, lw=0.3)
        name = f"plain{stage.number}"
        bar[0].set_gid(name)
        titles[name] = (
            f"operator {stage.number}: {operator.name} ({type(operator).__name__}) -> {shape}\n"
            f"layer by layer: {stage.layout.bytes:,} bytes"
        )


def _draw_stages(axes: Axes, rows: Sequence[StageRow], prefix: str, titles: dict[str, str]) -> None:
    for row in rows:
        bottom = 0
        for part, size in row.parts.items():
            if not size:
                continue
            color = COLORS[part]
            bar = axes.bar(
                row.begin, size, row.end - row.begin, bottom, align="edge", color=color, edgecolor=PAPER, lw=0.5
            )
            name = f"{prefix}-{row.number}-{part}"
            bar[0].set_gid(name)
            titles[name] = (
                f"stage {row.number}: {', '.join(row.names)}\n"
                f"{PARTS[part]}: {size:,} bytes of {row.bytes:,}\n"
                f"{row.strips} strip{'s' * (row.strips > 1)}, {row.width} columns wide"
            )
            bottom += size


def _number_stages(axes: Axes, rows: Sequence[StageRow]) -> None:
    """Stage numbers above the picture, left out where they would run into each other."""
    reached = -1.0
    spacing = rows[-1].end / 50
    for row in rows:
        middle = (row.begin + row.end) / 2
        if middle - reached >= spacing:
            place = ("data", "axes fraction")
            axes.annotate(str(row.number), (middle, 1), (0, 3), place, "offset points", ha="center", color=MUTED)
            reached = middle


def _draw_limit(axes: Axes, limit: Limit | None, top: int, remark: bool) -> None:
    """A line where it is not so far above the picture that this would be flattened, else perhaps a remark."""
    axes.set_ylim(0, 1.08 * top)
    if limit is None:
        return
    size, name = limit
    text = f"{name}: {size:,} bytes"
    if size <= 1.5 * top:
        axes.set_ylim(0, 1.08 * max(top, size))
        axes.axhline(size, color=INK, lw=1.4, ls=(0, (5, 3)))
        axes.annotate(
            text, (1, size), (-2, 3), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right"
        )
    elif remark:
        axes.annotate(f"{text}, far above", (1, 1), (-2, -2), "axes fraction", "offset points", ha="right", va="top")


def _front(plan: Plan, front: Sequence[Plan], strategies: Sequence[Strategy], limit: Limit | None) -> str:
    """Peak RAM against F: the Pareto front, the strategies, and the plan."""
    with matplotlib.rc_context(STYLE):
        figure = Figure((WIDTH, 4.3), layout="constrained")
        axes = figure.subplots()
        titles: dict[str, str] = {}
        shown: tuple[Plan | Strategy, ...] = (*front, *strategies, plan)
        rightmost = max(1.05, *(each.overhead for each in shown))
        least, most = min(each.peak_ram for each in shown), max(each.peak_ram for each in shown)
        axes.set_yscale("log")
        axes.set_ylim(least / 1.25, most * 1.25)
        axes.set_xscale("function", functions=(_spread, _gather))
        margin = (rightmost - 1) * 0.06
        axes.set_xlim(1 - margin / 12, rightmost + margin)
        if front:
            overheads = [each.overhead for each in front]
            sizes = [each.peak_ram for each in front]
            axes.step([*overheads, rightmost + margin], [*sizes, sizes[-1]], where="post", color=INK, lw=1.2)
            for number, each in enumerate(front):
                label = f"Pareto front, plans: {len(front)}" if number == 0 else None
                text = f"Pareto front: {each.peak_ram:,} bytes at F = {each.overhead:.3f}"
                _point(axes, each, "o", 5.5, INK, label, text, titles)
        for number, strategy in enumerate(strategies):
            text = f"{strategy.name}: {strategy.peak_ram:,} bytes at F = {strategy.overhead:.2f}"
            _point(axes, strategy, MARKERS[number % len(MARKERS)], 8, COLORS["scratch"], text, text, titles)
        text = f"the plan: {plan.peak_ram:,} bytes at F = {plan.overhead:.2f}"
        _point(axes, plan, "*", 17, COLORS["output"], text, text, titles)
        if limit is not None and limit[0] <= most * 1.25:
            axes.axhline(limit[0], color=INK, lw=1.4, ls=(0, (5, 3)), label=f"{limit[1]}: {limit[0]:,} bytes")
        axes.set_xlabel("overhead factor F (MACs executed / MACs of layer-by-layer execution), spread near 1")
        axes.set_ylabel("peak RAM (bytes), logarithmic")
        axes.xaxis.set_major_locator(FixedLocator(_overhead_ticks(rightmost)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_locator(FixedLocator(_size_ticks(least / 1.25, most * 1.25)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid()
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        return _svg(figure, titles, "front")


Floats = npt.NDArray[np.float64]


def _spread(overhead: Floats) -> Floats:
    """F -> place on the axis: the square root of what is above 1."""
    above = np.asarray(overhead) - 1
    return np.sign(above) * np.sqrt(np.abs(above))


def _gather(place: Floats) -> Floats:
    """The inverse of `_spread`."""
    return 1 + np.sign(place) * np.square(place)


def _overhead_ticks(rightmost: float) -> list[float]:
    found = [1.0]
    for tick in (1.01, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000):
        if tick <= rightmost and (tick - 1) ** 0.5 - (found[-1] - 1) ** 0.5 > (rightmost - 1) ** 0.5 / 18:
            found.append(tick)
    return found


def _size_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times the powers of ten; finer where that leaves too few."""
    for digits in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), tuple(np.arange(1, 10, 0.25)), tuple(np.arange(1, 10, 0.05))):
        found = [d * 10.0**power for power in range(10) for d in digits if low <= d * 10.0**power <= high]
        if len(found) >= 4:
            break
    return found


def _point(
    axes: Axes,
    at: Plan | Strategy,
    marker: str,
    size: float,
    color: str,
    label: str | None,
    title: str,
    titles: dict[str, str],
) -> None:
    name = f"point{len(titles)}"
    titles[name] = title
    style = {"marker": marker, "ms": size, "color": color, "mec": PAPER, "mew": 0.8, "ls": "none", "clip_on": False}
    axes.plot([at.overhead], [at.peak_ram], label=label, gid=name, zorder=5, **style)  # type: ignore[arg-type]


def _svg(figure: Figure, titles: Mapping[str, str], name: str) -> str:
    """The figure as an SVG element for a page: hover titles set in, colors and fonts left to the page."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(text.getvalue())
    for group in root.iter(f"{{{SVG}}}g"):
        title = titles.get(group.attrib.pop("id", ""))
        if title is not None:
            element = ElementTree.Element(f"{{{SVG}}}title")
            element.text = title
            group.insert(0, element)
    for size in ("width", "height"):
        root.attrib.pop(size)
    drawn = ElementTree.tostring(root, encoding="unicode")
    for color, variable in THEMED.items():
        drawn = drawn.replace(color, variable)
    return drawn
