"""The two sets of kernels, and what the planner must know of them: scratch bytes and instructions.

`portable` is plain C for any core (kernels.h); `dsp` is for cores with the DSP extension of Armv7E-M and Armv8-M
(kernels_dsp.h), with weights in an order of its own. Operators that the dsp set has no kernel for use the portable one.
Instructions are estimates, from what benchmarks/instructions.py measures; scratch bytes are exact.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msf_riot import kernels
from msf_riot.ir import (
    AveragePool2D,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    MaxPool2D,
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
    if kernel_set == "dsp":
        whole = kernels.instructions(operator, source, output, pixels)
        count = (
            source.height * source.width
            if isinstance(operator, Dense | GlobalAveragePool)
            else output.height * output.width
        )
        return whole / count
    return CALL / pixels + _portable(operator, source, output)


def _portable(operator: Operator, source: Tensor, output: Tensor) -> float:
    channels = output.channels
    match operator:
        case Conv2D():
            return 4.5 * operator.weights.size + 25 * channels
        case Dense():
            return 4.5 * operator.weights.size / (source.height * source.width) + 25 * channels
        case DepthwiseConv2D():
            return 7.5 * operator.weights.size + 25 * channels
        case MaxPool2D(kernel=kernel) | AveragePool2D(kernel=kernel):
            return (5 * kernel[0] * kernel[1] + 20) * channels
        case GlobalAveragePool():
            return 5 * channels
        case Softmax():
            return 120 * channels
        case Concat():
            return 2 * channels
        case _:
            return 15 * channels
