"""Operators that no shared network has, under QEMU on every core: misaligned reads, narrow multiplications."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msf_riot import boards, build, scheduler, verify
from msf_riot.ir import (
    ArgMax,
    ChannelLookup,
    Concat,
    DepthToSpace,
    Gather,
    GatherChannels,
    GlobalAveragePool,
    Graph,
    LogSoftmax,
    Maximum,
    Minimum,
    Mul,
    Padding,
    PRelu,
    ResizeBilinear,
    SpaceToDepth,
    TransposedConv2D,
)
from msf_riot.planner import choose_plan, layer_by_layer, make_plan
from msf_riot.stage import Network
from tests.execution.random_networks import Builder

BOARDS = [
    "host",
    *(pytest.param(f"sim-{core}", marks=pytest.mark.cross) for core in ("m0", "m4", "xtensa")),
    pytest.param("sim-rv32", marks=[pytest.mark.cross, pytest.mark.long]),
]


def network() -> Graph:
    """Every new operator once, with odd channels, and three outputs."""
    build_ = Builder(11, 6, 5, 3)
    random, x = build_.random, build_.input
    table = random.integers(-128, 128, (3, 256)).astype(np.int8)
    x = build_.add(ChannelLookup, (x,), build_.tensor(6, 5, 3), table=table)
    fields = build_.weighted((5, 3, 2, 3), 5, 18)
    pads = {"upsampling": (2, 3), "dilation": (1, 2), "padding": Padding(1, 1, 2, 0)}
    up = build_.add(TransposedConv2D, (x,), build_.tensor(12, 12, 5), **pads, **fields)
    slopes = random.integers(-300, 300, 5).astype(np.int16)
    multipliers = {"multipliers": (3 << 29, 5 << 28), "shifts": (31, 37)}
    up = build_.add(PRelu, (up,), build_.tensor(12, 12, 5), slopes=slopes, **multipliers)
    parts = [
        build_.add(GatherChannels, (up,), build_.tensor(12, 12, 4), channels=(4, -1, 0, 2), value=17),
        build_.add(GatherChannels, (up,), build_.tensor(12, 12, 4), channels=(1, 2, 3, 4)),
    ]
    largest = build_.add(Maximum, tuple(parts), build_.tensor(12, 12, 4))
    least = build_.add(Minimum, tuple(parts), build_.tensor(12, 12, 4))
    tall = build_.add(Concat, (largest, least), build_.tensor(24, 12, 4), axis=0)
    wide = build_.add(Concat, (largest, parts[0]), build_.tensor(12, 24, 4), axis=1)
    small = build_.add(SpaceToDepth, (tall,), build_.tensor(12, 6, 16), block=2)
    large = build_.add(DepthToSpace, (wide,), build_.tensor(24, 48, 1), block=2, steps=(2, 1, 4))
    places = {
        "rows": tuple(range(11, -1, -2)),
        "columns": (5, 0, 0, 3, 1),
    }
    turned = build_.add(Gather, (small,), build_.tensor(6, 5, 16), **places)
    for rounding, center in (("even", 3), ("away", 0), ("zero", -128)):
        between = {
            "rows": (0, 1, 2, 4, 5),
            "row_weights": (1024, 1, 2047, 512, 0),
            "columns": (0, 0, 1, 3),
            "column_weights": (0, 1024, 1024, 2047),
        }
        shape = (5, 4, 16)
        one = build_.add(ResizeBilinear, (turned,), build_.tensor(*shape), center=center, rounding=rounding, **between)
        build_.outputs.append(build_.add(ArgMax, (one,), build_.tensor(5, 4, 1), last=rounding == "away"))
    product = build_.add(Mul, (turned, turned), build_.tensor(6, 5, 16), multiplier=1 << 30, shift=36)
    build_.operators[-1] = type(build_.operators[-1])(**{**vars(build_.operators[-1]), "rounding": "odd"})
    build_.outputs.append(product)
    build_.outputs.append(large)
    exponentials = np.rint(2.0**19 * np.exp(-0.1 * np.arange(256))).astype(np.int32)
    differences = np.rint(2.0**26 * 0.1 * np.arange(256)).astype(np.int32)
    fields = {"exponentials": exponentials, "differences": differences, "log_shift": 0, "multiplier": 5, "shift": 25}
    build_.outputs.append(build_.add(LogSoftmax, (turned,), build_.tensor(6, 5, 16), **fields))
    mean = build_.add(GlobalAveragePool, (turned,), build_.tensor(1, 1, 16), multiplier=1 << 30, shift=33)
    build_.operators[-1] = type(build_.operators[-1])(**{**vars(build_.operators[-1]), "rounding": "even"})
    assert mean == build_.operators[-1].output
    return build_.graph()


@pytest.mark.parametrize("board", BOARDS)
def test_every_core_gives_the_bytes_of_the_reference(board: str, tmp_path: Path) -> None:
    chosen = boards.load(board)
    if reason := build.obstacle(chosen):
        pytest.skip(reason)
    graph = network()
    plain = layer_by_layer(graph)
    by_layer = make_plan(Network(graph, chosen.kernels), plain.stages, plain.input_mode, plain.overlap)
    plans = {"fused": choose_plan(graph, kernels=chosen.kernels), "by_layer": by_layer}
    for name, plan in plans.items() if board == "host" else [("fused", plans["fused"])]:
        folder = tmp_path / name
        verify.generate(scheduler.schedule(graph, plan), verify.default_inputs(graph), folder / "packages")
        built = build.build(chosen, verify.SELFTEST, folder / "packages", folder / "build", jobs=2)
        result = verify.selftest(built)
        assert result.match, verify.first_mismatch(result)
        assert result.arena_bytes == plan.peak_ram
