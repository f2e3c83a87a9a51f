"""What stages ask of a network again and again: who makes and who reads a tensor, which rows an operator needs of its
inputs, what its kernel takes.

Rows on demand (docs/execution.md): to make row y of its output, an operator needs the rows of its inputs that its
window spans there, and asks their makers for everything up to the last of them. `Reads` says so for every row and
column; `demand` says which of two inputs runs further ahead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from msf_riot import kernels as kernel_sets
from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    ChannelLookup,
    Concat,
    Conv2D,
    Dense,
    DepthToSpace,
    DepthwiseConv2D,
    FixedPointSoftmax,
    Gather,
    GlobalAveragePool,
    Graph,
    LogSoftmax,
    Lookup,
    Maximum,
    MaxPool2D,
    Minimum,
    Mul,
    Operator,
    Pad,
    PRelu,
    ResizeBilinear,
    Softmax,
    SpaceToDepth,
    TableAdd,
    Tensor,
    TransposedConv2D,
    is_pointwise,
)

IntArray: TypeAlias = npt.NDArray[np.int64]
InputMode: TypeAlias = Literal["whole", "rows", "windows"]
Size = TypeVar("Size", int, IntArray)


ALIGNMENT = 4
"""Bytes: every buffer starts at a multiple of it, for int32 accumulators and word loads."""


def aligned(size: Size) -> Size:
    """Bytes rounded up to the alignment of buffers: of one size, or of each size in an array."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, eq=False)
class Reads:
    """What an operator reads of one input along one axis: output index i needs [first[i], end[i]); both ascend."""

    first: IntArray
    end: IntArray


def _window_reads(outputs: int, inputs: int, axis: Axis) -> Reads:
    """Clipped to the input and never empty, even where a window lies in the padding altogether.

    Of the places that the window spans only each `upsampling`-th is an input.
    """
    extent, up = axis.extent, axis.upsampling
    start = np.arange(outputs, dtype=np.int64) * axis.stride - axis.before
    first = np.clip(-(-start // up), 0, inputs - 1)
    return Reads(first, np.maximum(np.minimum((start + extent - 1) // up + 1, inputs), first + 1))


def _mapped_reads(sources: Sequence[int] | IntArray, more: IntArray | int = 0) -> Reads:
    """Output index i needs input `sources[i]` and `more[i]` behind it; what is needed again later is kept."""
    first = np.asarray(sources, dtype=np.int64)
    return Reads(np.minimum.accumulate(first[::-1])[::-1], np.maximum.accumulate(first + more + 1))


def _part_reads(outputs: int, inputs: int, begin: int) -> Reads:
    """Of a tensor that is part of the output from `begin` on: elsewhere what is nearest, since no read is empty."""
    return _mapped_reads(np.clip(np.arange(outputs) - begin, 0, inputs - 1))


_ELEMENTWISE = (
    Add, TableAdd, Mul, ChannelAffine, Lookup, ChannelLookup, Softmax, FixedPointSoftmax, LogSoftmax, PRelu,
    Maximum, Minimum,
)  # fmt: skip


def is_elementwise(operator: Operator) -> bool:
    """True where the kernel may write its output over its first input."""
    return isinstance(operator, _ELEMENTWISE)


def is_reduction(operator: Operator) -> bool:
    """True where the operator consumes all pixels of its input for one output pixel."""
    return isinstance(operator, GlobalAveragePool | Dense)


@dataclass(frozen=True)
class Axis:
    """A window along one axis: output i reads `extent` places from i * stride - before on, every `dilation`-th.

    A place is an input or, with `upsampling`, holds one only where it is a multiple of that.
    """

    taps: int
    stride: int
    dilation: int
    before: int
    upsampling: int = 1

    @property
    def extent(self) -> int:
        """Inputs from the first tap to the last, both included."""
        return (self.taps - 1) * self.dilation + 1


def window(operator: Operator) -> tuple[Axis, Axis] | None:
    """(rows, columns) of the operator's window, None where it has none."""
    match operator:
        case Conv2D() if is_pointwise(operator):
            return None
        case Conv2D() | DepthwiseConv2D() | MaxPool2D():
            dilation = operator.dilation
        case AveragePool2D():
            dilation = (1, 1)
        case SpaceToDepth(block=block):
            return Axis(block, block, 1, 0), Axis(block, block, 1, 0)
        case TransposedConv2D(kernel=kernel, dilation=dilation, padding=padding, upsampling=up):
            return (
                Axis(kernel[0], 1, dilation[0], padding.top, up[0]),
                Axis(kernel[1], 1, dilation[1], padding.left, up[1]),
            )
        case Pad(padding=padding):
            return Axis(1, 1, 1, padding.top), Axis(1, 1, 1, padding.left)
        case _:
            return None
    padding = operator.padding
    before = (padding.top, padding.left)
    rows, columns = (Axis(operator.kernel[a], operator.stride[a], dilation[a], before[a]) for a in (0, 1))
    return rows, columns


def ascends(places: Sequence[int]) -> bool:
    """Whether no place comes before the one before it."""
    return all(a <= b for a, b in itertools.pairwise(places))


def part(graph: Graph, operator: Concat, number: int) -> int:
    """Where input `number` begins along the axis of a Concat."""
    return sum(graph.tensor(name).shape[operator.axis] for name in operator.inputs[:number])


def _reads(graph: Graph, operator: Operator, name: str) -> tuple[Reads, Reads]:
    """(rows, columns) of an input that each output row and column needs; a reduction takes them one by one."""
    source, output = graph.tensor(name), graph.tensor(operator.output)
    every = _mapped_reads(range(source.height)), _mapped_reads(range(source.width))
    match operator:
        case Gather():
            return _mapped_reads(operator.rows), _mapped_reads(operator.columns)
        case ResizeBilinear():
            rows, columns = (
                _mapped_reads(places, (np.array(weights) > 0).astype(np.int64))
                for places, weights in (
                    (operator.rows, operator.row_weights),
                    (operator.columns, operator.column_weights),
                )
            )
            return rows, columns
        case DepthToSpace(block=block):
            return _mapped_reads(np.arange(output.height) // block), _mapped_reads(np.arange(output.width) // block)
        case Concat(axis=axis) if axis != 2:
            numbers = [number for number, each in enumerate(operator.inputs) if each == name]
            size, whole = source.shape[axis], output.shape[axis]
            parts = [_part_reads(whole, size, part(graph, operator, number)) for number in numbers]
            first = np.min([each.first for each in parts], axis=0)
            along = Reads(first, np.max([each.end for each in parts], axis=0))
            return (along, every[1]) if axis == 0 else (every[0], along)
    axes = window(operator)
    if axes is None:  # pointwise operators, and reductions, which take their input row by row
        return every
    return (
        _window_reads(output.height, source.height, axes[0]),
        _window_reads(output.width, source.width, axes[1]),
    )


@dataclass(frozen=True, eq=False)
class Network:
    """A Graph with what stages ask of it again and again: who makes, who reads, which rows, and what kernels take."""

    graph: Graph
    kernels: str = kernel_sets.PORTABLE

    @cached_property
    def kernel_set(self) -> kernel_sets.KernelSet:
        """The kernels that the network is to run on."""
        return kernel_sets.load(self.kernels)

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The operators in order; a stage is a half-open range of their indices."""
        return self.graph.operators

    @cached_property
    def producer(self) -> dict[str, int]:
        """Tensor -> index of the operator that makes it; -1 for the inputs of the network."""
        return dict.fromkeys(self.graph.inputs, -1) | {op.output: index for index, op in enumerate(self.operators)}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """Tensor -> indices of the operators that read it, ascending; the network's outputs have one past the end."""
        found: dict[str, list[int]] = {name: [] for name in self.producer}
        for index, operator in enumerate(self.operators):
            for name in dict.fromkeys(operator.inputs):
                found[name].append(index)
        for name in self.graph.outputs:
            found[name].append(len(self.operators))
        return {name: tuple(indices) for name, indices in found.items()}

    @cached_property
    def reads(self) -> tuple[dict[str, tuple[Reads, Reads]], ...]:
        """For each operator: input -> (rows, columns)."""
        return tuple({name: _reads(self.graph, op, name) for name in op.inputs} for op in self.operators)

    @cached_property
    def kernel_scratch(self) -> tuple[IntArray, ...]:
        """For each operator: scratch bytes of its kernel by the number of pixels that one call computes."""
        return tuple(
            np.array(
                [0, *(aligned(self.kernel_set.scratch_bytes(op, source, output, n)) for n in calls)],
                dtype=np.int64,
            )
            for op, source, output, calls in self._kernel_calls()
        )

    @cached_property
    def kernel_instructions(self) -> tuple[IntArray, ...]:
        """For each operator: instructions for one output pixel, in 1/256, by the number of pixels of one call."""
        return tuple(
            np.array([0, *(self._instructions(op, source, output, n) for n in calls)], dtype=np.int64)
            for op, source, output, calls in self._kernel_calls()
        )

    def _instructions(self, operator: Operator, source: Tensor, output: Tensor, pixels: int) -> int:
        count = kernel_sets.instructions_per_pixel(self.kernels, operator, source, output, pixels)
        return round(256 * count)

    def tiled(self, by_pixels: tuple[IntArray, ...], index: int, tile: int) -> IntArray:
        """By the pixels of one call, where a convolution computes no more than `tile` of them together."""
        values = by_pixels[index]
        pixels = np.arange(len(values))
        return values[np.minimum(pixels, tile)] if isinstance(self.operators[index], Conv2D) else values

    def _kernel_calls(self) -> Iterator[tuple[Operator, Tensor, Tensor, range]]:
        for operator in self.operators:
            output = self.graph.tensor(operator.output)
            source = self.graph.tensor(operator.inputs[0])
            width = source.width if is_reduction(operator) else output.width
            yield operator, source, output, range(1, width + 1)

    @cached_property
    def demand(self) -> dict[tuple[int, str], int]:
        """(operator, input) -> how far ahead its rows are asked for, in rows of the network's inputs; only compares."""
        reach = {name: np.arange(self.graph.tensor(name).height + 1) for name in self.graph.inputs}
        found: dict[tuple[int, str], int] = {}
        for index, operator in enumerate(self.operators):
            height = self.graph.tensor(operator.output).height
            needed = np.zeros(height + 1, np.int64)
            for name in operator.inputs:
                whole = is_reduction(operator) or self.takes_whole(index, name)
                rows = np.full(height, reach[name][-1]) if whole else reach[name][self.reads[index][name][0].end]
                found[index, name] = int(rows.sum())
                needed[1:] = np.maximum(needed[1:], rows)
            reach[operator.output] = needed
        return found

    def alive(self, position: int) -> tuple[str, ...]:
        """Tensors made before operator `position` and read by it or later ones, the network's inputs included."""
        return tuple(n for n, made in self.producer.items() if made < position and self.consumers[n][-1] >= position)

    def is_vector(self, name: str) -> bool:
        """True for 1 x 1 x C tensors."""
        return self.graph.tensor(name).shape[:2] == (1, 1)

    def takes_whole(self, index: int, name: str) -> bool:
        """True where operator `index` uses the vector `name` for every pixel: the factors of squeeze-and-excite."""
        operator = self.operators[index]
        return isinstance(operator, Mul) and self.is_vector(name) and not self.is_vector(operator.output)

    def in_arena(self, name: str) -> bool:
        """False for the caller's inputs and outputs."""
        return name not in self.graph.inputs and name not in self.graph.outputs

    def is_late(self, index: int) -> bool:
        """True for operators between vectors, which run once, after the last strip of their stage."""
        operator = self.operators[index]
        return self.is_vector(operator.output) and all(self.is_vector(name) for name in operator.inputs)
