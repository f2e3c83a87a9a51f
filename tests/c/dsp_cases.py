"""Operators with random but sensible constants, for the programs of dsp_program.py."""

from __future__ import annotations

import numpy as np
from dsp_program import Case

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Padding, Quantization, Tensor


def graph_of(operator, shape, out_shape, zeros) -> Graph:
    tensors = {
        "x": Tensor("x", *shape, Quantization(1.0, zeros[0])),
        "y": Tensor("y", *out_shape, Quantization(1.0, zeros[1])),
    }
    return Graph("one", tensors, (operator,), "x", "y")


def requantization(rng, spread, channels, spread_shifts=3):
    """Outputs of a few dozen steps for sums of that standard deviation."""
    multiplier = rng.integers(1 << 30, 1 << 31, channels).astype(np.int32)
    shift = 30 + int(np.ceil(np.log2(spread))) - 5 + rng.integers(0, spread_shifts, channels)
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
        "bias": rng.integers(-int(spread), int(spread) + 1, outputs).astype(np.int32),
        **requantization(rng, spread, outputs, options.pop("spread_shifts", 3)),
    }
    make = {"dense": Dense, "depthwise": DepthwiseConv2D, "conv": Conv2D}[kind]
    operator = make(**names, weights=weights, **constants, **options)
    return graph_of(operator, shape, out_shape, zeros), operator, x


def case(name, kind, rng, shape, step=1 << 20, offset=0, **options):
    graph, operator, x = build(kind, rng, shape, **options)
    return Case(name, graph, operator, x, min(step, graph.tensor("y").width), offset)
