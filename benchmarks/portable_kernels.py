"""Model -> executed instructions of each operator on the portable kernels, layer by layer, per MAC and per output.

    ./with-env python benchmarks/portable_kernels.py [--board sim-rv32] [--optimize speed] MODEL ...

Each operator is a stage of its own, so rows are computed whole, borders included. That outputs are right is for
`msf-riot verify` to say; here they are not looked at.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from msf_riot import codegen, kernels, planner, scheduler, zoo
from msf_riot.codegen.package import package_name
from msf_riot.importer import import_model
from msf_riot.ir import Dense, GlobalAveragePool, Operator, macs_per_pixel
from msf_riot.scheduler import Schedule

ROOT = Path(__file__).parents[1]

MAKEFILE = """APPLICATION = msf_portable_kernels
SRC = main.c
EXTERNAL_PKG_DIRS = {root}/riot_pkg {packages}
USEPKG += {package}
include {root}/sim/Makefile.include
"""

MAIN = """#include <stdio.h>
#include "{package}_internal.h"
#include "sim.h"

static int8_t input[{input_bytes}], output[{output_bytes}];

static void print(uint32_t value)
{{
    char text[12];
    int i = sizeof(text) - 1;
    text[i--] = 0;
    text[i--] = '\\n';
    do {{
        text[i--] = (char)('0' + value % 10);
    }} while (value /= 10);
    sim_write(text + i + 1);
}}

int main(void)
{{
    const msf_run_t run = {{ .arena = {package}_model.arena, .input = input, .output = output }};
    uint64_t start;
    for (unsigned i = 0; i < sizeof(input); i++) {{
        input[i] = (int8_t)(i * 2654435761u >> 13);
    }}
{stages}
    return 0;
}}
"""


def measure(schedule: Schedule, board: str, optimize: str, folder: Path) -> list[int]:
    """Instructions of each stage."""
    package = package_name(schedule)
    codegen.generate_package(schedule, folder)
    calls = []
    for stage in schedule.stages:
        calls += [f"memmove(run.arena + {m.destination}, run.arena + {m.source}, {m.size});" for m in stage.moves]
        calls.append(
            f"start = sim_count(); {package}_stage_{stage.number}(&run); print((uint32_t)(sim_count() - start));"
        )
    main = MAIN.format(
        package=package,
        input_bytes=schedule.input_bytes,
        output_bytes=schedule.output_bytes,
        stages="\n".join(f"    {call}" for call in calls),
    ).replace("<stdio.h>", "<string.h>")
    application = folder / "application"
    application.mkdir()
    (application / "main.c").write_text(main)
    (application / "Makefile").write_text(MAKEFILE.format(root=ROOT, packages=folder, package=package))
    make = ["make", "-C", str(application), f"BOARD={board}", f"OPTIMIZE={optimize}"]
    subprocess.run([*make, "all"], check=True, stdout=subprocess.DEVNULL)
    run = subprocess.run([*make, "term"], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ)
    return [int(line) for line in run.stdout.split() if line.isdigit()]


def estimate(schedule: Schedule, operator: Operator) -> float:
    """What the planner takes the operator for."""
    source, target = (schedule.graph.tensor(name) for name in (operator.inputs[0], operator.output))
    count = source if isinstance(operator, Dense | GlobalAveragePool) else target
    each = kernels.instructions_per_pixel(kernels.PORTABLE, operator, source, target, target.width)
    return each * count.height * count.width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--board", default="sim-rv32")
    parser.add_argument("--optimize", default="speed", choices=("speed", "size"))
    arguments = parser.parse_args()
    for model in arguments.models:
        graph = import_model(zoo.resolve(model))
        schedule = scheduler.schedule(graph, planner.layer_by_layer(graph))
        with tempfile.TemporaryDirectory() as folder:
            counts = measure(schedule, arguments.board, arguments.optimize, Path(folder))
        print(f"{model} on {arguments.board}")
        by_kind: dict[str, list[float]] = {}
        for operator, count in zip(graph.operators, counts, strict=True):
            source, target = (graph.tensor(name) for name in (operator.inputs[0], operator.output))
            macs = macs_per_pixel(operator) * target.height * target.width
            kernel = "x".join(map(str, getattr(operator, "kernel", ())))
            kind = f"{type(operator).__name__} {kernel}".strip()
            guess = estimate(schedule, operator)
            print(
                f"  {kind:22} {source.height:3}x{source.width:3}x{source.channels:4} -> "
                f"{target.height:3}x{target.width:3}x{target.channels:4} {count:11,} "
                f"{count / macs if macs else 0:6.2f}/MAC {count / target.size:7.1f}/output  "
                f"estimate {guess / count:5.2f}"
            )
            sums = by_kind.setdefault(kind, [0, 0, 0.0])
            sums[0] += count
            sums[1] += macs
            sums[2] += guess
        for kind, (count, macs, guess) in by_kind.items():
            each = f"{count / macs:6.2f}/MAC" if macs else ""
            print(f"  {kind:22} {count:12,} {each:11} {count / sum(counts):6.1%}  estimate {guess / count:5.2f}")
        print(f"  total {sum(counts):,}, {sum(counts) / schedule.macs:.2f}/MAC")


if __name__ == "__main__":
    main()
