"""Kernels for cores with the DSP extension of Armv7E-M and Armv8-M: Cortex-M4, M7 and M33 (kernels_dsp.h).

Convolutions and dense layers with weights in an order of their own; a few pixels are packed as 16-bit values in scratch
and computed together. cost.py says what that takes, layout.py and requantization.py how it is laid out in flash.
"""

from __future__ import annotations

from msf_riot.ir import Conv2D, Dense, DepthwiseConv2D, Graph, Operator, Tensor, is_pointwise
from msf_riot.kernels.dsp import cost
from msf_riot.kernels.dsp.constants import constants, supported
from msf_riot.kernels.interface import Call, Constants, KernelSet


class _Dsp(KernelSet):
    extensions = frozenset({"dsp"})
    cores = "cores with the DSP extension"
    preference = 1
    headers = ("msf/kernels.h", "msf/kernels_dsp.h")
    packages = ("msf_runtime",)
    choices = tuple(
        (pixels, tile) for pixels in (1, 2, 3, 4, 8, 16, 64) for tile in range(1, min(pixels, cost.GROUP_PIXELS) + 1)
    )

    def takes(self, graph: Graph, operator: Operator) -> bool:
        return supported(graph, operator)

    def scratch_bytes(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
        return cost.scratch_bytes(operator, source, output, pixels)

    def instructions_per_pixel(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float | None:
        if not isinstance(operator, Conv2D | Dense) and not (
            isinstance(operator, DepthwiseConv2D) and cost.is_by_rows(operator)
        ):
            return None
        counted = source if isinstance(operator, Dense) else output
        return cost.instructions(operator, source, output, pixels) / (counted.height * counted.width)

    def constants(
        self, graph: Graph, operator: Operator, name: str, prefix: str, tile: int, pixels: int | None
    ) -> Constants:
        return constants(graph, operator, name, prefix, tile, pixels)

    def call(self, graph: Graph, operator: Operator, constants: Constants, call: Call) -> list[str]:
        first, end = call.sources[0], f"{call.out}, {call.pixels}, {call.scratch}"
        match operator:
            case Conv2D() if is_pointwise(operator):
                return [f"msf_pointwise_dsp(&{call.name}, {first.pixels}, {end});"]
            case Conv2D() | DepthwiseConv2D():
                assert constants.ctype is not None
                kernel = constants.ctype.removesuffix("_t")
                return [f"{kernel}(&{call.name}, {first.taps}, {first.width}, {first.x}, {end});"]
            case Dense():
                return [f"msf_dense_dsp(&{call.name}, {first.pixels}, {call.out}, {call.scratch});"]
            case _:
                raise AssertionError(f"no kernel for {type(operator).__name__}")


SET = _Dsp()
