"""An operator and a number of pixels -> what its "dsp" kernel (Cortex-M4, M7, M33) needs in RAM and executes.

The kernels are in riot_pkg/msf_runtime, their constants in codegen/dsp.py. Instruction counts are a model fitted to
what benchmarks/kernels.py measures on QEMU's Cortex-M4; they include loads, packing, requantization and call overhead.
"""

from __future__ import annotations

import math

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Operator, Padding, Tensor

GROUP_PIXELS = 4
"""Pixels that the convolutions compute together; a segment's last ones are computed by two or alone."""


def scratch_bytes(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
    """RAM (bytes, aligned to 4) that the dsp kernel of `operator` needs beside its input and output.

    `pixels` is the most output pixels that a call computes.
    """
    del output
    match operator:
        case Conv2D():
            return packed_bytes(operator, pixels) + border_bytes(operator, source, pixels)
        case Dense():
            return 2 * aligned(source.size)
        case DepthwiseConv2D() if is_planar(operator):
            return planar_bytes(operator, pixels)
        case _:
            return 0


def aligned(count: int) -> int:
    """`count` rounded up to a multiple of 4."""
    return (count + 3) // 4 * 4


def group_pixels(pixels: int) -> int:
    """How many pixels a call with `pixels` pixels packs at a time, at most."""
    return GROUP_PIXELS if pixels >= GROUP_PIXELS else 2 if pixels >= 2 else 1


def packed_bytes(operator: Conv2D, pixels: int) -> int:
    """The windows of a group of pixels, as 16-bit values."""
    return 2 * aligned(math.prod(operator.weights.shape[1:])) * group_pixels(pixels)


def border_bytes(operator: Conv2D, source: Tensor, pixels: int) -> int:
    """Copies of rows of taps of a group of pixels, with their padding: one row, or all where rows are no whole words."""
    if operator.padding == Padding():
        return 0
    columns = (group_pixels(pixels) - 1) * operator.stride[1] + operator.kernel[1]
    rows = 1 if operator.kernel[1] * source.channels % 4 == 0 else operator.kernel[0]
    return aligned(rows * columns * source.channels)


def is_planar(operator: DepthwiseConv2D) -> bool:
    """Whether there is a dsp kernel of this shape; it works on planes of four channels."""
    return (
        operator.kernel in ((3, 3), (5, 5), (7, 7))
        and operator.stride[1] in (1, 2)
        and operator.dilation == (1, 1)
        and operator.weights.shape[2] % 4 == 0
        and max(operator.padding.top, operator.padding.bottom) < operator.kernel[0]
    )


def planar_bytes(operator: DepthwiseConv2D, pixels: int) -> int:
    """The columns of four channels as 16-bit values, in blocks of four columns."""
    return 32 * operator.kernel[0] * _blocks(operator, min(pixels, part_pixels(operator)))


def part_pixels(operator: DepthwiseConv2D) -> int:
    """Pixels that a depthwise kernel makes, at most, from one load of its scratch: a multiple of GROUP_PIXELS."""
    return 32 if operator.kernel == (3, 3) and operator.stride[1] == 1 else 24 if operator.kernel == (3, 3) else 16


def _blocks(operator: DepthwiseConv2D, pixels: int) -> int:
    passes = -(-pixels // GROUP_PIXELS)
    return operator.stride[1] * passes + (operator.kernel[1] + 2) // 4


def instructions(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
    """Estimate of the instructions for the whole output tensor, computed `pixels` pixels of a row at a time."""
    width = output.width
    calls = output.height * -(-width // pixels)
    outputs = output.size
    match operator:
        case Conv2D():
            taps = aligned(math.prod(operator.weights.shape[1:]))
            per_row = _split(width, pixels)
            tiles = sum(count * _tile(size, taps, output.channels) for size, count in per_row.items())
            return output.height * tiles + 60 * calls
        case Dense():
            return _tile(1, aligned(source.size), output.channels) + 60
        case DepthwiseConv2D():
            taps = operator.kernel[0] * operator.kernel[1]
            if is_planar(operator):
                return outputs * taps * 1.5 + calls * 100
            return outputs * (taps * 2.1 + 9) + calls * 100
        case _:
            return 8.0 * outputs


def _split(width: int, pixels: int) -> dict[int, int]:
    """How often a row of `width` pixels, computed `pixels` at a time, is computed in groups of 4, of 2 and alone."""
    counts = {4: 0, 2: 0, 1: 0}
    for segment, times in ((pixels, width // pixels), (width % pixels, 1)):
        counts[4] += times * (segment // 4)
        counts[2] += times * (segment % 4 // 2)
        counts[1] += times * (segment % 2)
    return counts


def _tile(size: int, taps: int, channels: int) -> float:
    """Instructions for `size` neighbouring pixels of a convolution with `taps` taps."""
    per_tap = {4: 0.72, 2: 0.88, 1: 0.94}[size]
    per_output = {4: 4.2, 2: 6.0, 1: 7.0}[size]
    return 40 + 1.2 * taps * size + channels * size * (taps * per_tap + per_output)
