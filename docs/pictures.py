"""The pictures of docs/how-it-plans.md, and the figures behind them: ./with-env python docs/pictures.py [--check]

Writes docs/pictures/*.svg and docs/pictures/figures.json. --check draws nothing and ends with 1 where the figures are
not those of the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from msf_riot import planner, scheduler
from msf_riot.report.stage_rows import stage_rows
from msf_riot.source import ModelSource

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch

FOLDER = Path(__file__).with_name("pictures")
FIGURES = FOLDER / "figures.json"
SMALL, LARGE = "zoo:tiny-residual", "zoo:mcunet-vww0"
LIMIT = 1000
"""Bytes of RAM in the picture of the graph."""

BLUE, GREY, RED = "#1f5fa8", "#b8b8b8", "#b3261e"


def figures() -> dict[str, Any]:
    """All numbers that are drawn."""
    small = ModelSource(SMALL, keep_constant_channels=True).graph()
    found = planner.candidates(small)
    cheapest: dict[tuple[int, int], int] = {}
    for begin, end, size in zip(found.begin, found.end, found.bytes, strict=True):
        key = (int(begin), int(end))
        cheapest[key] = min(cheapest.get(key, 1 << 30), int(size))
    path = planner.least_macs(found, LIMIT)
    large = ModelSource(LARGE, keep_constant_channels=True).graph()
    streamed = planner.candidates(large, "windows")
    best = planner.least_ram(streamed, 1.3)
    plain = planner.layer_by_layer(large)
    return {
        "graph": {
            "operators": len(small.operators),
            "edges": [[*key, size] for key, size in sorted(cheapest.items())],
            "path": [[row.begin, row.end, row.bytes] for row in stage_rows(scheduler.schedule(small, path))],
            "peak_ram": path.peak_ram,
        },
        "front": [[plan.overhead, plan.peak_ram] for plan in planner.pareto_front(streamed)],
        "stages": {
            "fused": [[row.begin, row.end, row.bytes] for row in stage_rows(scheduler.schedule(large, best))],
            "plain": [[row.begin, row.end, row.bytes] for row in stage_rows(scheduler.schedule(large, plain))],
            "overhead": best.overhead,
        },
    }


def draw_graph(data: dict[str, Any]) -> None:
    """Positions between operators as nodes, stages as arcs; the arcs within the limit, and the path."""
    figure, axes = plt.subplots(figsize=(9, 3.4))
    path = {(begin, end): size for begin, end, size in data["path"]}
    for begin, end, size in data["edges"]:
        chosen, fits = (begin, end) in path, size <= LIMIT
        color = BLUE if chosen else GREY if fits else RED
        style = {"linewidth": 2.4 if chosen else 0.9, "linestyle": "-" if fits else ":", "alpha": 1 if chosen else 0.6}
        shape = {"connectionstyle": "arc3,rad=-0.42", "arrowstyle": "-|>", "mutation_scale": 9}
        axes.add_patch(FancyArrowPatch((begin, 0), (end, 0), color=color, **shape, **style))
        if chosen:
            axes.text(
                (begin + end) / 2,
                0.21 * (end - begin) + 0.12,
                f"{path[begin, end]:,} B",
                ha="center",
                color=BLUE,
                fontsize=9,
            )
    axes.plot(range(data["operators"] + 1), [0] * (data["operators"] + 1), "o", color="black", markersize=5)
    for position in range(data["operators"] + 1):
        axes.text(position, -0.28, str(position), ha="center", fontsize=9)
    axes.set_xlim(-0.5, data["operators"] + 0.5)
    axes.set_ylim(-0.5, 2.2)
    axes.axis("off")
    save(figure, "graph.svg")


def draw_front(front: list[list[float]]) -> None:
    """RAM against recomputation."""
    figure, axes = plt.subplots(figsize=(7, 3.4))
    overhead, ram = np.array(front).T
    axes.step(overhead, ram, where="post", color=GREY)
    axes.plot(overhead, ram, "o", color=BLUE)
    axes.set_xlabel("overhead factor F: MACs executed / MACs layer by layer")
    axes.set_ylabel("peak RAM (bytes)")
    axes.set_ylim(0, None)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, "front.svg")


def draw_stages(data: dict[str, Any]) -> None:
    """What is in RAM while each operator runs: layer by layer, and in fused stages."""
    figure, axes = plt.subplots(figsize=(9, 3.4))
    for rows, color, label in ((data["plain"], GREY, "layer by layer"), (data["fused"], BLUE, "fused stages")):
        for number, (begin, end, size) in enumerate(rows):
            name = {"label": label} if number == 0 else {}
            axes.bar(
                begin, size, width=end - begin, align="edge", color=color, edgecolor="white", linewidth=0.5, **name
            )
    axes.set_xlabel("operator")
    axes.set_ylabel("arena bytes while it runs")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save(figure, "stages.svg")


def save(figure: plt.Figure, name: str) -> None:
    """The same bytes every time."""
    with plt.rc_context({"svg.hashsalt": "msf-riot", "svg.fonttype": "none"}):
        figure.savefig(FOLDER / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main() -> int:
    """Draws, or compares the figures."""
    parser = argparse.ArgumentParser(description="the pictures of docs/how-it-plans.md")
    parser.add_argument("--check", action="store_true", help="draw nothing; 1 where the figures are stale")
    data = figures()
    if parser.parse_args().check:
        return int(json.loads(FIGURES.read_text()) != data)
    FOLDER.mkdir(exist_ok=True)
    draw_graph(data["graph"])
    draw_front(data["front"])
    draw_stages(data["stages"])
    FIGURES.write_text(json.dumps(data, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
