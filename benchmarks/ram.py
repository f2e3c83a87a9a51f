"""RAM of plans, predicted and built: the tables in docs/results.md.

    ./with-env python benchmarks/ram.py [--quick] [MODEL ...]

For the zoo's networks and the models of ../shared/models, or those that are named: the peak RAM of the planner's plans,
beside it the size of the arena in an ELF built for the host, and the strategies of others. `--quick` builds nothing.
Without names the page is written, with names it is printed.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from msf_riot import boards, zoo
from msf_riot.build import build
from msf_riot.codegen import generate_package, generate_vectors
from msf_riot.importer import import_model
from msf_riot.ir import Graph
from msf_riot.planner import (
    Plan,
    candidates,
    layer_by_layer,
    least_ram,
    paper_graph,
    paper_names,
    pareto_front,
    strategies,
)
from msf_riot.reference import execute
from msf_riot.scheduler import schedule

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "models"
PAGE = ROOT / "docs" / "results.md"
LIMITS = (1.1, 1.3, math.inf)

TARGETS = {
    "zoo:mcunet-vww0": (15_000, 8_400, 8_200),
    "zoo:mcunet-vww1": (16_000, 12_600, 12_200),
    "zoo:mcunet-vww2": (42_000, 41_000, 34_500),
    "zoo:mcunet-in2": (56_500, 47_000, 42_000),
    "zoo:mcunet-in3": (59_500, 59_500, 53_500),
    "zoo:mcunet-in4": (79_000, 64_000, 64_000),
    "zoo:mbv2-w0.35": (27_000, 17_000, 11_800),
    "zoo:proxyless-w0.3": (49_500, 33_000, 24_500),
    "mlperf_vww_mobilenetv1_96_int8": (14_600, 9_700, 9_300),
    "mlperf_kws_dscnn_int8": (5_000, 5_000, 5_000),
    "mlperf_ic_resnet8_int8": (12_300, 11_400, 10_700),
}
"""Bytes of the prototype that this planner came from, F = 1.0, <= 1.1, <= 1.3; none is to be exceeded."""

PAPER = {
    "paper:mbv2-w0.35-r144": ((181_440, 67_996, 21_389, 8_560), (21_500, 11_700, 8_400, 7_700)),
    "paper:mcunetv2-vww-5fps-r80": ((89_600, 45_283, 20_568, 15_368), (15_500, 12_200, 11_700, 11_700)),
    "paper:mcunet-320kb-r176": ((247_808, 217_891, 217_891, 51_164), (59_000, 59_000, 52_000, 40_600)),
}
"""What the paper reports, and what the prototype needed; F = 1, <= 1.1, <= 1.3, any."""

HEAD = """# RAM

Written by `./with-env python benchmarks/ram.py`. Bytes of the arena, in which everything is: tensors, line buffers,
scratch, sums of the head. The caller's output vector is not in it, nor is the input: the plans with F = 1.0 take it row
by row (`--input rows`), those with more F in pieces that they may ask for again (`--input windows`); layer by layer and
the strategies read it from the caller's buffer. F is MACs executed / MACs of layer-by-layer execution.

Graphs are as imported, with every channel that the ONNX file has, as with `--keep-constant-channels`; kernels are the
portable ones. Folding constant channels, which is the default elsewhere, needs less.

*Layer by layer* counts residual tensors that stay alive meanwhile. So it is more than the usual figure, which
counts the two tensors of an operator, for resnet8 (49,152 against 32,768), vww2 (269,568; 248,832), in2 (332,800;
307,200), in3 (340,736; 309,760) and in4 (422,400; 409,600). The autoencoder has nothing to fuse: its input of 640 bytes
is in the arena where it comes by rows.
"""


def row(cells: list[object]) -> str:
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells) + " |\n"


def head(*titles: str) -> str:
    return row(list(titles)) + row(["---", *["---:"] * (len(titles) - 1)])


def cell(ram: int, most: int | None) -> str:
    """Bytes, and in parentheses what they are not to exceed; bold where they do."""
    if most is None:
        return f"{ram:,}"
    return f"{ram:,} (<= {most:,})" if ram <= most else f"**{ram:,}** (<= {most:,})"


def built_arena(graph: Graph, plan: Plan) -> int:
    """Size of the arena's symbol in the ELF of apps/selftest for the host."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        scheduled = schedule(graph, plan)
        shape = graph.input_shape
        inputs = np.zeros((1, *shape), np.int8)
        generate_package(scheduled, directory / "packages")
        expected = np.stack([execute(graph, inputs[0])])
        generate_vectors(scheduled, inputs, expected, directory / "packages")
        done = build(boards.load("host"), ROOT / "apps/selftest", directory / "packages", directory / "build")
        return done.arena_bytes


def network_lines(label: str, graph: Graph, quick: bool) -> tuple[str, str]:
    """Its row of the table of plans, and its rows of the table of strategies."""
    began = time.process_time()
    windows = candidates(graph, "windows")
    plans = [layer_by_layer(graph), least_ram(candidates(graph, "rows"), 1.0)]
    plans += [least_ram(windows, limit) for limit in LIMITS]
    seconds = time.process_time() - began
    front = len(pareto_front(windows))
    with_front = time.process_time() - began
    limits = (None, *TARGETS.get(label, (None, None, None)), None)
    cells = [cell(plan.peak_ram, most) for plan, most in zip(plans, limits, strict=True)]
    if not quick:
        built = [built_arena(graph, plan) for plan in plans]
        equal = all(arena == plan.peak_ram for arena, plan in zip(built, plans, strict=True))
        cells.append("equal" if equal else "**" + ", ".join(f"{arena:,}" for arena in built) + "**")
    line = row([label, *cells, f"{plans[-1].overhead:.2f}", front, f"{seconds:.1f}", f"{with_front:.1f}"])
    return line, strategy_lines(label, graph)


def strategy_lines(label: str, graph: Graph) -> str:
    found = strategies(graph)
    return row([label, *(f"{each.peak_ram:,} (F {each.overhead:.2f})" for each in found)])


def paper_lines() -> Iterator[str]:
    for name in paper_names():
        graph = paper_graph(name)
        published, most = PAPER[name]
        shared, apart = candidates(graph), candidates(graph, overlap=False)
        ours = [least_ram(shared, limit) for limit in (1.0, *LIMITS)]
        cells = [cell(plan.peak_ram, limit) for plan, limit in zip(ours, most, strict=True)]
        disjoint = [least_ram(apart, limit).peak_ram for limit in (1.0, *LIMITS)]
        others = ", ".join(
            f"{ram:,}" if ram <= limit else f"**{ram:,}**" for ram, limit in zip(disjoint, most, strict=True)
        )
        yield row([name, *published, *cells, f"{ours[-1].overhead:.2f}", others])


def models(named: list[str]) -> Iterator[tuple[str, Graph]]:
    names = [zoo.PREFIX + name for name in zoo.names()] + [str(path) for path in sorted(SHARED.glob("*_int8.onnx"))]
    for model in named or names:
        label = model if model.startswith(zoo.PREFIX) else Path(model).stem
        yield label, import_model(zoo.resolve(model))


def page(named: list[str], quick: bool) -> str:
    titles = ["network", "layer by layer", "F = 1.0", "F <= 1.1", "F <= 1.3", "any F"]
    titles += [] if quick else ["ELF for the host"]
    lines, others = [], []
    for label, graph in models(named):
        line, other = network_lines(label, graph, quick)
        print(line, end="", flush=True)
        lines.append(line)
        others.append(other)
    text = (
        HEAD
        + """
In parentheses the limit that the planner was set before it was written, a few per cent above what a prototype of it
needed; bold what is above."""
    )
    if not quick:
        text += " *ELF* says whether the arena's symbol has just these bytes in all five."
    text += """
*F* is that of the leanest plan, *front* the plans on its Pareto front, then CPU seconds to all plans and to the front:
two searches, one for each way in which the input arrives.

"""
    text += head(*titles, "F", "front", "s", "s, front") + "".join(lines)
    text += """
## Strategies of others

As modelled in msf_riot/planner/strategies.py, all on the same footing. They read the input from the caller's buffer,
which is not counted; ours with F = 1.0 keep its rows in the arena, so StreamNet is lower than these for resnet8, ds-cnn
and some of the tiny networks.

"""
    text += head("network", "layer by layer", "MCUNetV2", "StreamNet", *(f"msf-CNN, F <= {x}" for x in LIMITS))
    text += "".join(others)
    if not named:
        text += """
## Chains of the msf-CNN paper

Residual-free, headless, input whole and the caller's. *disjoint*: our plans where no stage's output overlaps its input,
in the order F = 1, <= 1.1, <= 1.3, any; bold where that is more than the limit, which is for overlapping ones.

"""
        ours = [f"ours, {limit}" for limit in ("F = 1", "<= 1.1", "<= 1.3", "any")]
        text += head("chain", "paper, F = 1", "<= 1.1", "<= 1.3", "any", *ours, "F", "ours, disjoint")
        text += "".join(paper_lines())
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="predictions only, nothing is built")
    parser.add_argument("models", nargs="*")
    arguments = parser.parse_args()
    text = page(arguments.models, arguments.quick)
    if arguments.models or arguments.quick:
        print(text)
    else:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
