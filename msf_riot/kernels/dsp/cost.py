"""An operator and a number of pixels -> what its kernel needs in RAM and executes.

The kernels are in riot_pkg/msf_runtime, their constants in constants.py. Instruction counts are a model fitted to
what benchmarks/kernels.py measures on QEMU's Cortex-M4; they include loads, packing, requantization and call overhead.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, TypeAlias

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Operator, Padding, Tensor

Body: TypeAlias = Literal["rows", "columns"]
"""Of a depthwise convolution: msf_depthwise_rows_dsp or msf_depthwise_dsp."""

GROUP_PIXELS = 4
"""Pixels that the convolutions compute together; a segment's last ones are computed by three, two or alone."""


def scratch_bytes(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
    """RAM (bytes, aligned to 4) that the dsp kernel of `operator` needs beside its input and output.

    `pixels` is the most output pixels that a call computes.
    """
    match operator:
        case Conv2D() if packs_columns(operator):
            return windows_bytes(operator, pixels)
        case Conv2D():
            return packed_bytes(operator, pixels) + border_bytes(operator, source, pixels)
        case Dense():
            return 2 * aligned(source.size)
        case DepthwiseConv2D() if depthwise_body(operator, source, output, pixels) == "columns":
            return column_bytes(operator, pixels)
        case _:
            return 0


def aligned(count: int) -> int:
    """`count` rounded up to a multiple of 4."""
    return (count + 3) // 4 * 4


def group_pixels(pixels: int) -> int:
    """How many pixels a call with `pixels` pixels packs at a time, at most."""
    return min(pixels, GROUP_PIXELS)


def packed_bytes(operator: Conv2D, pixels: int) -> int:
    """The windows of a group of pixels, as 16-bit values."""
    return 2 * aligned(math.prod(operator.weights.shape[1:])) * group_pixels(pixels)


def border_bytes(operator: Conv2D, source: Tensor, pixels: int) -> int:
    """Copies of rows of taps of a group of pixels, with their padding: one, or all where rows are no whole words."""
    if operator.padding == Padding():
        return 0
    columns = (group_pixels(pixels) - 1) * operator.stride[1] + operator.kernel[1]
    rows = 1 if operator.kernel[1] * source.channels % 4 == 0 else operator.kernel[0]
    return aligned(rows * columns * source.channels)


def packs_columns(operator: Operator) -> bool:
    """Whether msf_conv2d_columns_dsp computes it, which packs a column once for all windows that see it."""
    return (
        isinstance(operator, Conv2D)
        and operator.kernel in ((3, 3), (5, 5))
        and operator.stride[1] in (1, 2)
        and operator.dilation == (1, 1)
        and operator.groups == 1
        and operator.weights.shape[3] % 4 == 0
    )


def column_groups(pixels: int) -> list[int]:
    """The groups of pixels that msf_conv2d_columns_dsp computes together."""
    fours, left = divmod(pixels, 4)
    return [4] * fours + [2] * (left // 2) + [1] * (left % 2)


def windows_bytes(operator: Conv2D, pixels: int) -> int:
    """The columns that the windows of a group of pixels see, as 16-bit values."""
    rows, columns, channels = operator.weights.shape[1:]
    seen = (column_groups(pixels)[0] - 1) * operator.stride[1] + columns
    return int(2 * rows * seen * channels)


def is_by_rows(operator: DepthwiseConv2D) -> bool:
    """Whether there is a dsp kernel of this shape: the one for most shapes takes the rows as they are."""
    return max(operator.kernel) <= 7 and operator.dilation == (1, 1) and operator.weights.shape[2] % 4 == 0


@lru_cache(maxsize=1 << 14)
def depthwise_body(operator: DepthwiseConv2D, source: Tensor, output: Tensor, pixels: int) -> Body | None:
    """The kernel that takes the fewest instructions where a call computes up to `pixels` pixels, None without any.

    Scratch, estimates and generated code all go by this choice, so they must give the same `pixels`.
    """
    if operator.rounding == "twice":
        return "columns" if is_by_columns(operator) else None
    counts = _body_instructions(operator, source, output, pixels)
    return min(sorted(counts), key=counts.__getitem__, default=None)


def is_by_columns(operator: DepthwiseConv2D) -> bool:
    """Whether there is a kernel of this shape that packs columns of four channels."""
    return (
        is_by_rows(operator)
        and operator.kernel in ((3, 3), (5, 5), (7, 7))
        and operator.stride[1] in (1, 2)
        and max(operator.padding.top, operator.padding.bottom) < operator.kernel[0]
    )


def part_pixels(operator: DepthwiseConv2D, pixels: int) -> int:
    """Pixels that msf_depthwise_dsp makes, at most, from one filling of its scratch, in calls with up to `pixels`."""
    return min(pixels, 8 if operator.kernel == (3, 3) else 4)


def column_bytes(operator: DepthwiseConv2D, pixels: int) -> int:
    """The packed columns of four channels that a part's windows see."""
    columns = operator.kernel[1] + (part_pixels(operator, pixels) - 1) * operator.stride[1]
    return 8 * operator.kernel[0] * columns


def instructions(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
    """Estimate of the instructions for the whole output tensor, computed `pixels` pixels of a row at a time."""
    calls = [min(pixels, output.width - first) for first in range(0, output.width, pixels)]
    match operator:
        case Conv2D():
            call = _columns_call if packs_columns(operator) else _convolution_call
            row = sum(call(operator, source, output, count) for count in calls)
            return float(output.height * row)
        case Dense():
            quads = aligned(source.size) // 4
            return _CALL + _PACK[1] * quads + _tile(1, quads, output.channels)
        case DepthwiseConv2D() if is_by_rows(operator):
            return min(_body_instructions(operator, source, output, pixels).values())
        case _:
            raise TypeError(f"no dsp kernel computes {type(operator).__name__}")


# The model: counts of instructions in riot_pkg/msf_runtime/*_dsp.S, and of what GCC 12 makes of the C around them.

_CALL = 45
_PACK = {4: 14.5, 3: 13.0, 2: 10.0, 1: 5.5}  # for four taps of so many pixels


def _convolution_call(operator: Conv2D, source: Tensor, output: Tensor, pixels: int) -> float:
    rows, columns = operator.kernel
    row_quads = columns * source.channels // 4
    left = columns * source.channels % 4
    quads = aligned(rows * columns * source.channels) // 4
    windowed = operator.kernel != (1, 1) or operator.padding != Padding()
    total = 45.0
    while pixels > 0:
        size = group_pixels(pixels)
        total += 60 + _tile(size, quads, output.channels)
        total += rows * ((55 if windowed else 20) + _PACK[size] * row_quads)
        if left:
            total += size * (22 if rows * left <= 4 else 20 * rows * left)
        pixels -= size
    return total


def _tile(size: int, quads: int, channels: int) -> float:
    """Instructions for `size` neighbouring packed pixels of `quads` times four taps."""
    last = channels % 2 * (40 + size * (30 + 13 * quads))
    if size == 4:
        chain = 4 * ((quads - 2) // 8) if quads > 9 else 0
        return 42 + channels // 2 * (32 + 23 * quads + chain) + last
    if size == 3:
        return 40 + channels // 2 * (45 + 17.75 * quads) + last
    if size == 2:
        return 35 + channels // 2 * (31 + 13.5 * quads) + last
    return 42 + channels // 4 * (43 + 15.5 * quads) + channels % 4 // 2 * (25 + 10 * quads) + last


def _columns_call(operator: Conv2D, source: Tensor, output: Tensor, pixels: int) -> float:
    rows, stride = operator.kernel[0], operator.stride[1]
    row_quads = rows * source.channels // 4  # of a column of the kernel, too
    pairs, odd = divmod(output.channels, 2)
    total = 45.0
    for size in column_groups(pixels):
        quads = rows * row_quads
        if size == 1:
            total += 60 + 33 * rows * rows + _PACK[1] * quads + _tile(1, quads, output.channels)
            continue
        packed = row_quads * (1 + stride + 4 * ((size - 1) * stride + rows))
        passes = -(-row_quads // (12 if size == 4 else 6))
        tile = 33 + rows * (4 * passes + 3) + 23 * quads if size == 4 else 29 + rows * (2 * passes + 5) + 13 * quads
        tile += (stride - 1) * 2 * rows
        total += 170 + 25 * rows + packed + pairs * tile + odd * (40 + size * (30 + 13 * quads))
    return total


def _rows_inside(operator: DepthwiseConv2D, source: Tensor, y: int) -> int:
    top = y * operator.stride[0] - operator.padding.top
    return min(top + operator.kernel[0], source.height) - max(top, 0)


def _body_instructions(operator: DepthwiseConv2D, source: Tensor, output: Tensor, pixels: int) -> dict[Body, float]:
    if not is_by_rows(operator):
        return {}
    calls = [min(pixels, output.width - first) for first in range(0, output.width, pixels)]
    rows = [_rows_inside(operator, source, y) for y in range(output.height)]
    counts: dict[Body, float] = {"rows": _by_rows(operator, source, output, len(calls), sum(rows))}
    if is_by_columns(operator):
        counts["columns"] = sum(_by_columns_call(operator, n, there) for n in calls for there in rows)
    return counts


def _by_rows(operator: DepthwiseConv2D, source: Tensor, output: Tensor, calls: int, rows: int) -> float:
    """`calls` calls in each output row; the windows of all output rows have `rows` rows inside the input."""
    groups = operator.weights.shape[2] // 4
    starts = [x * operator.stride[1] - operator.padding.left for x in range(output.width)]
    inside = [max(min(x + operator.kernel[1], source.width) - max(x, 0), 0) for x in starts]
    taps = rows * (10 * sum(inside) + sum(columns >= 6 for columns in inside))
    pixels = output.height * output.width
    every_group = groups * (44 * pixels + 6 * rows * output.width + taps)
    return float(95 * output.height * calls + 70 * pixels + every_group)


_COLUMN = {3: 19, 5: 30, 7: 41}
_WINDOW = {3: 54, 5: 110, 7: 187}


def _by_columns_call(operator: DepthwiseConv2D, pixels: int, rows: int) -> float:
    size, stride = operator.kernel[0], operator.stride[1]
    groups = operator.weights.shape[2] // 4
    column = _COLUMN[size]
    setup = 62 + size * column + (size - stride) * (column + 3) + (size - rows) * (20 + 10 * size)
    parts = -(-pixels // part_pixels(operator, pixels))
    part = 12 + (4 * (size - stride) + 5 if parts > 1 else 0)
    return float(110 + groups * (setup + parts * part + pixels * (_WINDOW[size] + stride * column)))
