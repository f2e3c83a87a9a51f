"""A set of kernels with one of its own: sums of two tensors, by msf_toy_add() of the package msf_toy."""

from __future__ import annotations

from msf_riot.ir import Add, Graph, Operator, Tensor
from msf_riot.kernels import Call, Constants, KernelSet, load

PORTABLE = load("portable")


class _Toy(KernelSet):
    extensions = frozenset({"toy"})
    cores = "cores with the toy extension"
    preference = 9
    headers = ("msf/kernels.h", "msf_toy.h")
    packages = ("msf_runtime", "msf_toy")
    choices = ((1, 1), (3, 1))

    def takes(self, graph: Graph, operator: Operator) -> bool:
        return isinstance(operator, Add)

    def scratch_bytes(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
        return 4 * pixels * output.channels if isinstance(operator, Add) else 0

    def instructions_per_pixel(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> float | None:
        return 5.0 * output.channels if isinstance(operator, Add) else None

    def constants(
        self, graph: Graph, operator: Operator, name: str, prefix: str, tile: int, pixels: int | None
    ) -> Constants:
        made = PORTABLE.constants(graph, operator, name, prefix, tile, pixels)
        return Constants("msf_toy_add_t", made.fields, made.arrays)

    def call(self, graph: Graph, operator: Operator, constants: Constants, call: Call) -> list[str]:
        a, b = (source.pixels for source in call.sources)
        channels = graph.tensor(operator.output).channels
        return [f"msf_toy_add(&{call.name}, {a}, {b}, {call.out}, {call.pixels} * {channels}, {call.scratch});"]


SET = _Toy()
