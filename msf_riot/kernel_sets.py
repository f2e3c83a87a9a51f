"""The two sets of kernels, and what the planner must know of them: scratch bytes and instructions.

`portable` is plain C for any core (kernels.h); `dsp` is for cores with the DSP extension of Armv7E-M and Armv8-M
(kernels_dsp.h), with weights in an order of its own. Operators that the dsp set has no kernel for use the portable one.
Instructions are estimates, from what benchmarks/instructions.py measures; scratch bytes are exact.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msf_riot import kernels
from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Lookup,
    MaxPool2D,
    Mul,
    Operator,
    Softmax,
    Tensor,
)

KernelSet: TypeAlias = Literal["portable", "dsp"]

CALL = 40
"""Instructions of one kernel call before it computes anything."""


def scratch_bytes(kernel_set: KernelSet, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
    """RAM that one call for `pixels` output pixels needs beside its input and output."""
    if kernel_set == "dsp":
        return kernels.scratch_bytes(operator, source, output, pixels)
    return 0


def instructions_per_pixel(
    kernel_set: KernelSet, operator: Operator, source: Tensor, output: Tensor, pixels: int
) -> float:
    """Executed instructions for one output pixel (of a reduction: one input pixel), in calls for `pixels` pixels."""
    if kernel_set == "dsp" and (
        isinstance(operator, Conv2D | Dense) or (isinstance(operator, DepthwiseConv2D) and kernels.is_by_rows(operator))
    ):
        whole = kernels.instructions(operator, source, output, pixels)
        count = (
            source.height * source.width
            if isinstance(operator, Dense | GlobalAveragePool)
            else output.height * output.width
        )
        return whole / count
    return CALL / pixels + _portable(operator, source, output, pixels)


def _portable(operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float:
    """The mean of sim-rv32, whose tiles have up to four pixels, and sim-m0: benchmarks/portable_kernels.py.

    Operators that dsp plans have, too, as on sim-m4: `scons bench`.
    """
    channels = output.channels
    tile = 200 / pixels
    match operator:
        case Conv2D():
            each = 3.2 if pixels >= 4 else 3.3 if pixels >= 2 else 3.5
            return each * operator.weights.size + 48 * channels + tile
        case Dense():
            return 3.5 * operator.weights.size / (source.height * source.width) + 48 * channels
        case DepthwiseConv2D():
            each = 5.4 if pixels >= 2 else 5.6
            return each * operator.weights.size + 56 * channels + tile
        case MaxPool2D(kernel=kernel) | AveragePool2D(kernel=kernel):
            return (8 * kernel[0] * kernel[1] + 45) * channels
        case GlobalAveragePool():
            return 8.2 * channels
        case Softmax():
            return 270 * channels
        case Concat():
            return 2 * channels
        case Add():
            return 10.3 * channels
        case Lookup():
            return 6 * channels
        case Mul():
            return 31 * channels
        case ChannelAffine():
            return 23 * channels
        case _:
            return 20 * channels
