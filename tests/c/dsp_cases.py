"""Operators with random but sensible constants, for the programs of dsp_program.py."""

from __future__ import annotations

import numpy as np

from benchmarks.dsp_program import Case
from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Padding, Quantization, Tensor
from msf_riot.kernels.dsp.constants import supported


def graph_of(operator, shape, out_shape, zeros) -> Graph:
    tensors = {
        "x": Tensor("x", *shape, Quantization(1.0, zeros[0])),
        "y": Tensor("y", *out_shape, Quantization(1.0, zeros[1])),
    }
    return Graph("one", tensors, (operator,), ("x",), ("y",))


def requantization(rng, spread, channels, spread_shifts, steps):
    """Outputs of some 2^steps for sums of that standard deviation."""
    multiplier = rng.integers(1 << 30, 1 << 31, channels).astype(np.int32)
    shift = 30 + int(np.ceil(np.log2(spread))) - steps + rng.integers(0, spread_shifts, channels)
    return {"multiplier": multiplier, "shift": np.maximum(shift, 33).astype(np.int32)}


def same(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def build(kind, rng, shape, outputs=0, kernel=(1, 1), stride=1, padding="same", extreme=False, zeros=None, **options):
    """(graph, operator, x) of a convolution, depthwise convolution or dense layer."""
    height, width, channels = shape
    zeros = zeros or (int(rng.integers(-128, 128)), int(rng.integers(-128, 128)))
    names = {"name": "under test", "inputs": ("x",), "output": "y"}
    values = (
        (lambda s: rng.choice(np.array([-128, 127], dtype=np.int8), s))
        if extreme
        else (lambda s: rng.integers(-127, 128, s).astype(np.int8))
    )
    x = (
        (rng.choice(np.array([-128, 127], dtype=np.int8), shape))
        if extreme
        else rng.integers(-128, 128, shape).astype(np.int8)
    )
    if kind == "dense":
        weights = values((outputs, height * width * channels))
        taps, out_shape = weights.shape[1], (1, 1, outputs)
    else:
        if padding == "same":
            top, bottom = same(height, kernel[0], stride)
            left, right = same(width, kernel[1], stride)
        else:
            top, left, bottom, right = padding
        names |= {"padding": Padding(top, left, bottom, right), "stride": (stride, stride)}
        out_h = (height + top + bottom - kernel[0]) // stride + 1
        out_w = (width + left + right - kernel[1]) // stride + 1
        if kind == "depthwise":
            outputs = channels
            weights, taps = values((*kernel, channels)), kernel[0] * kernel[1]
        else:
            weights, taps = values((outputs, *kernel, channels)), kernel[0] * kernel[1] * channels
        out_shape = (out_h, out_w, outputs)
    spread = 73.0 * 73.0 * np.sqrt(taps)
    constants = {
        "bias": (options.pop("bias", 1) * rng.integers(-int(spread), int(spread) + 1, outputs)).astype(np.int32),
        **requantization(rng, spread, outputs, options.pop("spread_shifts", 3), options.pop("steps", 5)),
    }
    make = {"dense": Dense, "depthwise": DepthwiseConv2D, "conv": Conv2D}[kind]
    operator = make(**names, weights=weights, **constants, **options)
    return graph_of(operator, shape, out_shape, zeros), operator, x


def case(name, kind, rng, shape, step=1 << 20, offset=0, planned=0, tile=4, **options):
    graph, operator, x = build(kind, rng, shape, **options)
    return Case(name, graph, operator, x, min(step, graph.tensor("y").width), offset, planned, tile)


def edge_cases() -> list[Case]:
    """Shapes at the edges of the kernels: every tail of pixels, channels, taps; padding all around; numbers too."""
    rng = np.random.default_rng(20)
    cases = []

    def add(kind, shape, **options):
        cases.append(case(f"{kind}{len(cases)}", kind, rng, shape, offset=len(cases) % 4, **options))

    for taps, outputs, width in [(1, 1, 1), (3, 2, 5), (4, 3, 2), (7, 5, 11), (8, 4, 3), (33, 6, 7), (36, 7, 4)]:
        add("conv", (2, width, taps), outputs=outputs)
    for taps in (32, 36, 40, 64, 68, 72, 100):  # around a whole chain of unrolled taps
        add("conv", (1, 7, taps), outputs=6)
    add("conv", (2, 7, 16), outputs=18, low=-20, high=100)
    add("conv", (2, 7, 9), outputs=3, low=127, high=127)
    for taps in (1, 8, 11, 16, 20, 64, 129):  # all weights -128 or 127: no room for accumulators times 256
        add("conv", (1, 7, taps), outputs=7, extreme=True)
        add("dense", (1, 1, taps), outputs=7, extreme=True)
    for elements, outputs in [(1, 1), (3, 2), (5, 3), (16, 4), (30, 6), (64, 9), (130, 11)]:
        add("dense", (1, 1, elements), outputs=outputs)
    for step in (1, 2, 3, 4, 5):
        add("conv", (5, 7, 5), outputs=3, kernel=(3, 5), step=step)
        add("conv", (5, 9, 3), outputs=4, kernel=(3, 3), stride=2, step=step)
        add("depthwise", (5, 9, 8), kernel=(5, 5), step=step)
        for stride in (1, 2):
            add("depthwise", (5, 9, 8), kernel=(3, 3), stride=stride, step=step)
            add("depthwise", (4, 30, 4), kernel=(3, 3), stride=stride, step=step)
    add("conv", (2, 3, 5), outputs=4, kernel=(3, 5), stride=2, padding=(2, 4, 2, 4))
    add("conv", (3, 2, 1), outputs=2, kernel=(10, 4), padding=(9, 3, 9, 3))
    add("conv", (4, 6, 6), outputs=4, kernel=(3, 3), extreme=True)
    add("conv", (7, 7, 4), outputs=4, kernel=(1, 1), stride=3, padding=(0, 0, 0, 0))
    # by columns: widths, pixels a call, paddings; around whole chains of taps; a common shift and one a channel
    for tile in (1, 2, 3, 4):
        for stride in (1, 2):
            add("conv", (3, 7 * stride, 8), outputs=5, kernel=(3, 3), stride=stride, tile=tile)
            add("conv", (5, 7 * stride, 4), outputs=2, kernel=(5, 5), stride=stride, tile=tile)
            add("conv", (3, 7 * stride, 3), outputs=3, kernel=(3, 3), stride=stride, tile=tile)
        add("conv", (1, 7, 8), outputs=5, tile=tile)
    for size, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
        options = {"kernel": (size, size), "stride": stride}
        for width in range(1, 12):
            add("conv", (3, width * stride, 4), outputs=width % 4 + 1, step=width % 5 + 1, **options)
            add("conv", (2, width * stride - stride // 2, 8), outputs=3, steps=9, **options)
        for step in range(1, 6):
            for around in ((0, 0, 0, 0), (1, 0, 2, 3), (0, 2, 1, 0), (1, 7, 1, 0), (0, 0, size - 1, 9), (9, 1, 0, 1)):
                add("conv", (size, 13, 4), outputs=3, padding=around, step=step, low=-60, high=100, **options)
            add("conv", (3, 9, 8), outputs=4, step=step, extreme=True, **options)
        add("conv", (2, 2, 4), outputs=5, padding=(9, 9, 9, 9), **options)
        for channels in (4, 8, 16, 20, 32, 36, 68):
            add("conv", (2, 9 * stride, channels), outputs=2, **options)
            for width in (5, 6):
                add("conv", (2, width * stride, channels), outputs=5, spread_shifts=12, steps=9, **options)
            add("conv", (2, 7 * stride, channels), outputs=3, extreme=True, zeros=(-128, 127), **options)
            add("conv", (size, 11, channels), outputs=4, padding=(0, 0, 0, 0), steps=9, **options)
    for size in (3, 5, 7):
        for stride in (1, 2):
            for width in (1, 2, 3, 4, 5, 8, 9, 17, 35):
                add("depthwise", (min(width, 5), width, 4), kernel=(size, size), stride=stride)
            all_around = (size - 1, size - 1, size - 1, size - 1)
            add("depthwise", (2, 3, 8), kernel=(size, size), stride=stride, padding=all_around)
            add("depthwise", (size, 19, 4), kernel=(size, size), stride=stride, padding=(0, 0, 0, 0))
            add("depthwise", (4, 6, 8), kernel=(size, size), stride=stride, extreme=True, low=-60, high=100)
    add("depthwise", (3, 2, 4), kernel=(3, 3), padding=(1, 9, 1, 9))
    # from the rows as they are: every number of columns and rows inside, beyond all edges
    for rows in range(1, 8):
        for stride in (1, 2, 3):
            columns = (3 * rows + stride) % 7 + 1
            around = (rows - 1, columns - 1, rows - 1, columns - 1)
            add("depthwise", (3, 9, 4), kernel=(rows, columns), stride=stride, padding=around)
            add("depthwise", (rows, 2, 12), kernel=(rows, columns), stride=stride, padding=around, step=2)
    for size in (3, 5, 7):
        for step in (1, 2):
            add("depthwise", (6, 5, 8), kernel=(size, size), step=step, low=-60, high=100)
            add("depthwise", (4, 3, 8), kernel=(size, size), step=step, extreme=True, zeros=(-128, 127))
    add("depthwise", (2, 2, 4), kernel=(3, 6), padding=(9, 9, 9, 9))
    for size in (3, 5, 7):  # multipliers that can be rounded to a common shift, and some that cannot
        for stride in (1, 2):
            add("depthwise", (size, 21, 8), kernel=(size, size), stride=stride, steps=9)
            add("depthwise", (size, 21, 8), kernel=(size, size), stride=stride, steps=0, bias=128)
    for size in (3, 5, 7):  # fewer pixels than the kernel was chosen for
        for stride in (1, 2):
            for step in (1, 2, 3, 5, 40):
                options = {"kernel": (size, size), "stride": stride, "step": step, "planned": 40}
                add("depthwise", (size, 40, 12), padding=(1, 2, 1, 2), **options)
            add("depthwise", (size, 40, 12), kernel=(size, size), stride=stride, step=3, planned=40)
    return cases


def twice_cases() -> list[Case]:
    """The same for outputs that are rounded twice, of every kernel that does: on one side of zero and on both."""
    rng = np.random.default_rng(21)
    cases = []

    def add(kind, shape, both=None, **options):
        for two_sided in (False, True) if both is None else (both,):
            zeros = (int(rng.integers(-128, 128)), int(rng.integers(-20, 20)) if two_sided else -128)
            limits = {"low": -128 if two_sided else zeros[1], "high": 127}
            cases.append(
                case(
                    f"{kind}_twice{len(cases)}", kind, rng, shape,
                    offset=len(cases) % 4, zeros=zeros, rounding="twice", **limits, **options,
                )
            )  # fmt: skip

    for tile in (1, 2, 3, 4):
        for outputs in (1, 2, 5, 8):
            add("conv", (2, 7, 12), outputs=outputs, tile=tile)
            add("conv", (1, 9, 33), outputs=outputs, tile=tile, spread_shifts=7)
        for size in (3, 5):
            for stride in (1, 2):
                options = {"outputs": 5, "kernel": (size, size), "stride": stride, "tile": tile}
                add("conv", (3, 7 * stride, 8), **options)
                add("conv", (3, 7 * stride, 8), spread_shifts=8, **options)
                add("conv", (4, 6 * stride, 3), **options)
    for size in (3, 5, 7):
        for stride in (1, 2):
            for width in (1, 3, 8, 17):
                add("depthwise", (min(width, 5), width, 8), kernel=(size, size), stride=stride)
            add("depthwise", (4, 9, 4), kernel=(size, size), stride=stride, spread_shifts=7)
            all_around = (size - 1, size - 1, size - 1, size - 1)
            add("depthwise", (2, 3, 8), kernel=(size, size), stride=stride, padding=all_around)
            add("depthwise", (size, 19, 4), kernel=(size, size), stride=stride, padding=(0, 0, 0, 0))
    return [each for each in cases if supported(each.graph, each.operator)]
