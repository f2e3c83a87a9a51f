"""Executed instructions of one inference, for models and simulated boards, against the committed baseline.

    ./with-env python benchmarks/instructions.py [--board BOARD ...] [--check | --update] [MODEL ...]

Takes the zoo and the models of ../shared/models, or those that are named, and the sim boards. Each gets the default
plan for an input that comes row by row, or lies in a buffer as scons has it (`--input whole`), is generated, built and
run as `msf-riot verify` does, and once more layer by layer, which reads a buffer. `--check` fails where a count rose by
more than 2 %, `--update` writes what was measured into instructions.json beside this file.

Code is that of the generated package and of the kernels, by the linker's map; what they call in the C library
(memcpy, memset) is left out. Constants are what they keep in flash beside the int8 weights of convolutions and dense
layers: per output channel those of these layers (bias, multiplier, shift, and zeros that fill up packed weights), and
all the others, which do not grow with channels: descriptions of operators and of the model, tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from msf_riot import boards, build, importer, passes, planner, scheduler, verify, zoo
from msf_riot.boards import Board
from msf_riot.build import Optimize
from msf_riot.codegen.names import operator_name
from msf_riot.codegen.package import package_name
from msf_riot.codegen.stack import stack_bytes
from msf_riot.errors import MismatchError, MsfError
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph
from msf_riot.planner import Plan
from msf_riot.scheduler import Schedule
from msf_riot.stage import InputMode
from msf_riot.terminal import show, table

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "models"
BASELINE = Path(__file__).with_suffix(".json")

LARGEST_RISE = 1.02
"""Of instructions against the baseline."""

TFLM_CMSIS_NN: Mapping[str, int] = {
    "mlperf_vww_mobilenetv1_96_int8": 24_101_520,
    "mlperf_kws_dscnn_int8": 7_697_160,
    "mlperf_ic_resnet8_int8": 29_858_720,
    "mlperf_ad_autoencoder_int8": 582_840,
    "mcunet_vww_80_int8": 48_531_880,
    "zoo:mbv2-w0.35": 99_401_640,
}
"""Instructions of one inference with TensorFlow Lite Micro and CMSIS-NN -O2 on QEMU's mps2-an386 (Cortex-M4F), measured
outside this repository the same way. They are compared with sim-m4 alone."""

QUICK = ("zoo:tiny-residual", "zoo:tiny-unary", "zoo:ds-cnn", "mlperf_ad_autoencoder_int8")


MOST_CODE_BYTES: dict[Optimize, int] = {"speed": 24 << 10, "size": 12 << 10}
"""What the header of a generated package says of its code."""


@dataclass(frozen=True)
class Measurement:
    """One model on one board. Bytes as the ELF and the selftest have them; `layered` are the instructions layer by
    layer, None where that plan was left out."""

    instructions: int
    layered: int | None
    macs: int
    arena_bytes: int
    stack_bytes: int
    text_bytes: int
    """Without weights and test vectors; the selftest, shell and console in it take some 6 KiB of themselves."""
    code_bytes: int
    """Of the generated package and the kernels."""
    channel_bytes: float
    """Of constants per output channel of convolutions and dense layers, beside their weights."""
    other_bytes: int
    """Of all other constants."""


def models() -> dict[str, Path]:
    """Every int8 model: zoo:NAME, or a shared file's name without its ending."""
    shared = {path.stem: path for path in sorted(SHARED.glob("*_int8.onnx"))}
    return {**{f"{zoo.PREFIX}{name}": zoo.resolve(f"{zoo.PREFIX}{name}") for name in zoo.names()}, **shared}


def sim_boards() -> tuple[str, ...]:
    """The simulated boards whose tools are here."""
    every = [boards.load(name) for name in boards.names()]
    return tuple(board.name for board in every if board.kind == "sim" and build.obstacle(board) is None)


def measure(
    graph: Graph, board: Board, optimize: Optimize, with_layered: bool, input_mode: InputMode = "rows"
) -> Measurement:
    """Raises MismatchError where an output differs from the reference: a wrong program's speed is no news."""
    kernels = board.kernels
    fused = run(graph, planner.choose_plan(graph, input_mode, kernels=kernels), board, optimize)
    if with_layered:
        plain = planner.named_plan(graph, planner.LAYER_BY_LAYER, kernels)
        layered = run(graph, plain, board, optimize).instructions
        return Measurement(**{**asdict(fused), "layered": layered})
    return fused


def run(graph: Graph, plan: Plan, board: Board, optimize: Optimize) -> Measurement:
    """Generates, builds and runs the selftest."""
    schedule = scheduler.schedule(graph, plan)
    inputs = verify.default_inputs(graph)[:2]
    with tempfile.TemporaryDirectory(prefix="msf-riot-bench-") as place:
        directory = Path(place)
        verify.generate(schedule, inputs, directory / "packages")
        built = build.build(
            board, verify.SELFTEST, directory / "packages", directory / "build", jobs=2, optimize=optimize
        )
        result = verify.selftest(built)
        layers, weights, channels = layer_bytes(schedule, built.elf)
    if not result.match or result.instructions is None:
        raise MismatchError(f"{graph.name} on {board.name}: {verify.first_mismatch(result)}")
    for what, measured, bound in (
        ("stack", result.stack_bytes, stack_bytes(schedule)),
        ("code", built.code_bytes, MOST_CODE_BYTES[optimize]),
    ):
        if measured > bound:
            raise MsfError(f"{graph.name} on {board.name}: {measured} bytes of {what}, its header promises {bound}")
    vectors = len(inputs) * (schedule.input_bytes + schedule.output_bytes)
    return Measurement(
        instructions=result.instructions,
        layered=None,
        macs=schedule.macs,
        arena_bytes=built.arena_bytes,
        stack_bytes=result.stack_bytes,
        text_bytes=built.text_bytes - built.weights_bytes - vectors,
        code_bytes=built.code_bytes,
        channel_bytes=round((layers - weights) / channels, 2),
        other_bytes=built.constant_bytes - layers,
    )


def layer_bytes(schedule: Schedule, elf: Path) -> tuple[int, int, int]:
    """Bytes of the constants of all convolutions and dense layers in the ELF, of their int8 weights alone, and how many
    output channels they have."""
    network = schedule.network
    layers = [
        (index, operator)
        for index, operator in enumerate(network.operators)
        if isinstance(operator, Conv2D | DepthwiseConv2D | Dense)
    ]
    names = tuple(f"{package_name(schedule)}_op_{operator_name(network, index)}_" for index, _ in layers)
    return (
        sum(size for name, size in build.objects(elf).items() if name.startswith(names)),
        sum(operator.weights.size for _, operator in layers),
        sum(schedule.graph.tensor(operator.output).channels for _, operator in layers),
    )


def key(model: str, board: str, arguments: argparse.Namespace) -> str:
    """Name of a measurement in the baseline."""
    kept = " constant-channels" if arguments.keep_constant_channels else ""
    given = "" if arguments.input == "rows" else f" {arguments.input}"
    return f"{model} {board} {arguments.optimize}{kept}{given}"


def row(model: str, board: str, found: Measurement, base: Mapping[str, Any] | None) -> tuple[object, ...]:
    """One line of the table."""
    rival = TFLM_CMSIS_NN.get(model) if board == "sim-m4" else None
    return (
        model,
        board,
        found.instructions,
        f"{found.instructions / found.macs:.2f}",
        None if base is None else f"{found.instructions / base['instructions']:.3f}",
        None if found.layered is None else f"{found.instructions / found.layered:.3f}",
        None if rival is None else f"{found.instructions / rival:.2f}",
        found.arena_bytes,
        found.stack_bytes,
        found.text_bytes,
        found.code_bytes,
        f"{found.channel_bytes:.2f}",
        found.other_bytes,
    )


COLUMNS = (
    *("model", "board", "instructions", "per MAC", "of baseline", "of layer by layer", "of TFLM + CMSIS-NN"),
    *("arena", "stack", "text", "code", "constants per channel", "others"),
)


def chosen(names: list[str], quick: bool) -> dict[str, Path]:
    """The models that are named, all without names; those of QUICK that are here with `quick`."""
    known = models()
    if quick and not names:
        return {name: known[name] for name in QUICK if name in known}
    return {name: known[name] if name in known else zoo.resolve(name) for name in names or known}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="zoo:NAME, a name in ../shared/models, or a file")
    parser.add_argument("--board", action="append", help="a sim board; default: all")
    parser.add_argument("--optimize", choices=get_args(Optimize), default="speed")
    parser.add_argument("--keep-constant-channels", action="store_true", help="do every MAC")
    parser.add_argument("--input", choices=("rows", "whole"), default="rows", help="how the input arrives")
    parser.add_argument("--no-layered", action="store_true", help="leave out the layer-by-layer plan")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}, no layer-by-layer plan")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="fail where instructions rose by more than 2 %%")
    what.add_argument("--update", action="store_true", help="write the baseline")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    baseline: dict[str, dict[str, Any]] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    rows, problems = [], []
    for model, path in chosen(arguments.models, arguments.quick).items():
        graph = importer.import_model(path)
        if not arguments.keep_constant_channels:
            graph, _ = passes.fold_constant_channels(graph)
        for name in arguments.board or sim_boards():
            label = key(model, name, arguments)
            layered = not (arguments.no_layered or arguments.quick)
            found = measure(graph, boards.load(name), arguments.optimize, layered, arguments.input)
            base = baseline.get(label)
            rows.append(row(model, name, found, base))
            print(*(str(cell) for cell in rows[-1]), file=sys.stderr, flush=True)
            if base is None:
                problems.append(f"{label}: not in the baseline")
            elif found.instructions > LARGEST_RISE * base["instructions"]:
                problems.append(f"{label}: {base['instructions']:,} -> {found.instructions:,} instructions")
            if arguments.update:
                baseline[label] = asdict(found)
                BASELINE.write_text(json.dumps(dict(sorted(baseline.items())), indent=1) + "\n")
    show(table("", COLUMNS, rows))
    if arguments.check and problems:
        print("against the baseline (2 % more is too much):", *problems, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MsfError as error:
        sys.exit(f"instructions.py: error: {error}")
