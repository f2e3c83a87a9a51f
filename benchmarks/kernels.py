"""Model -> instructions per MAC of each of its convolutions and dense layers, on the dsp kernels and the portable ones.

    ./with-env python benchmarks/kernels.py [--board sim-m4] [--pixels N] MODEL ...

Every layer runs alone on a random input, its whole output, a row a call as in a layer-by-layer plan; with --pixels N it
is computed N pixels a call. The outputs of both kernels are compared with reference.py.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from dsp_program import Case, run

from msf_riot import zoo
from msf_riot.importer import import_model
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph
from msf_riot.kernels.dsp import cost
from msf_riot.kernels.dsp.constants import supported

FLASH = 3 << 20  # bytes of constants in one program


def cases(graph: Graph, pixels: int) -> tuple[list[Case], list[str]]:
    rng = np.random.default_rng(0)
    result, left = [], []
    for index, operator in enumerate(graph.operators):
        if not isinstance(operator, Conv2D | DepthwiseConv2D | Dense):
            continue
        if not supported(graph, operator):
            left.append(operator.name)
            continue
        source = graph.tensor(operator.inputs[0])
        x = rng.integers(-128, 128, source.shape).astype(np.int8)
        step = min(pixels, graph.tensor(operator.output).width)
        result.append(Case(f"operator{index}", graph, operator, x, step))
    return result, left


def size(case: Case) -> int:
    operator = case.operator
    return int(2 * operator.weights.size + case.x.size + case.graph.tensor(operator.output).size)


def batches(listed: list[Case]) -> list[list[Case]]:
    result: list[list[Case]] = [[]]
    room = FLASH
    for case in listed:
        if result[-1] and size(case) > room:
            result.append([])
            room = FLASH
        result[-1].append(case)
        room -= size(case)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--board", default="sim-m4")
    parser.add_argument("--pixels", type=int, default=1 << 20)
    arguments = parser.parse_args()
    for model in arguments.models:
        graph = import_model(zoo.resolve(model))
        listed, left = cases(graph, arguments.pixels)
        total = {"dsp": 0, "s8": 0, "macs": 0, "estimate": 0.0}
        print(model)
        for batch in batches(listed):
            with tempfile.TemporaryDirectory() as folder:
                results = run(batch, arguments.board, Path(folder))
            for case, result in zip(batch, results, strict=True):
                source, target = (case.graph.tensor(n) for n in (case.operator.inputs[0], case.operator.output))
                estimate = cost.instructions(case.operator, source, target, case.step)
                kernel = "x".join(map(str, getattr(case.operator, "kernel", ())))
                stride = getattr(case.operator, "stride", (1, 1))[1]
                wrong = result.dsp_wrong + result.dsp_guards + result.s8_wrong
                print(
                    f"  {type(case.operator).__name__:16} {kernel:5} /{stride} "
                    f"{source.channels:4} -> {target.height:3}x{target.width:3}x{target.channels:4} "
                    f"{result.dsp:10,} dsp {result.dsp / case.macs:6.3f}/MAC {result.dsp / target.size:6.1f}/output"
                    f"  portable {result.s8 / case.macs:6.2f}/MAC  estimate {estimate / result.dsp:5.2f}"
                    f"{'  WRONG' if wrong else ''}"
                )
                total["dsp"] += result.dsp
                total["s8"] += result.s8
                total["macs"] += case.macs
                total["estimate"] += estimate
        print(
            f"  total {total['macs']:,} MACs, dsp {total['dsp']:,} ({total['dsp'] / total['macs']:.3f}/MAC), "
            f"portable {total['s8']:,} ({total['s8'] / total['macs']:.2f}/MAC), estimate {total['estimate']:,.0f}"
            + (f"; without a dsp kernel: {', '.join(left)}" if left else "")
        )


if __name__ == "__main__":
    main()
