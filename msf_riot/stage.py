"""What one stage costs: a run of operators of a Graph and a strip width -> its buffers, bytes and MACs.

The planner weighs candidate stages with `costs`, the scheduler places the buffers of the chosen ones with `layout`,
from the same counts: that is why the peak RAM of a plan is the arena of the generated code, byte for byte. The
execution model (strips, line buffers, halo, reductions that consume rows as they appear) is docs/execution.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot import kernel_sets
from msf_riot.ir import (
    Add,
    AveragePool2D,
    ChannelAffine,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePool,
    Graph,
    Lookup,
    MaxPool2D,
    Mul,
    Operator,
    Pad,
    Padding,
    ResizeNearest,
    Softmax,
    Tensor,
    macs_per_pixel,
)

IntArray: TypeAlias = npt.NDArray[np.int64]
InputMode: TypeAlias = Literal["whole", "rows", "windows"]
KernelSet: TypeAlias = kernel_sets.KernelSet

ALIGNMENT = 4
"""Bytes: every buffer starts at a multiple of it, for int32 accumulators and word loads."""


TILES = (1, 2, 3, 4)
"""How many pixels a convolution may pack and compute together (kernels_dsp.h)."""

CHOICES: dict[KernelSet, tuple[tuple[int, int], ...]] = {
    "portable": tuple((pixels, 4) for pixels in (1, 2, 4, 8, 16, 64)),
    "dsp": tuple((pixels, tile) for pixels in (1, 2, 3, 4, 8, 16, 64) for tile in TILES if tile <= pixels),
}
"""(pixels that the operators of a group pass on at a time, pixels of them that a convolution computes together): more
take more RAM and fewer instructions."""

ROW_INSTRUCTIONS = 60
"""A group's loop over one row: demands, row pointers, calls."""


def aligned(size: int) -> int:
    """`size` rounded up to the alignment of buffers."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, eq=False)
class Reads:
    """What an operator reads of one input along one axis: output index i needs [first[i], end[i]); both ascend."""

    first: IntArray
    end: IntArray


def _window_reads(outputs: int, inputs: int, extent: int, stride: int, before: int) -> Reads:
    """Clipped to the input and never empty, even where a window lies in the padding altogether."""
    start = np.arange(outputs, dtype=np.int64) * stride - before
    first = np.clip(start, 0, inputs - 1)
    return Reads(first, np.maximum(np.minimum(start + extent, inputs), first + 1))


def _mapped_reads(sources: Sequence[int]) -> Reads:
    first = np.asarray(sources, dtype=np.int64)
    return Reads(first, first + 1)


def is_pointwise(operator: Operator) -> bool:
    """True where an output pixel needs the same pixel of the inputs and nothing else of their rows."""
    match operator:
        case Conv2D():
            return (
                operator.kernel == (1, 1)
                and operator.stride == (1, 1)
                and operator.groups == 1
                and operator.padding == Padding()
            )
        case Add() | Mul() | ChannelAffine() | Lookup() | Concat() | Softmax():
            return True
        case _:
            return False


def is_elementwise(operator: Operator) -> bool:
    """True where the kernel may write its output over its first input."""
    return isinstance(operator, Add | Mul | ChannelAffine | Lookup | Softmax)


def is_reduction(operator: Operator) -> bool:
    """True where the operator consumes all pixels of its input for one output pixel."""
    return isinstance(operator, GlobalAveragePool | Dense)


@dataclass(frozen=True)
class Axis:
    """A window along one axis: output i reads `extent` inputs from i * stride - before on, every `dilation`-th."""

    taps: int
    stride: int
    dilation: int
    before: int

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
        case Pad(padding=padding):
            return Axis(1, 1, 1, padding.top), Axis(1, 1, 1, padding.left)
        case _:
            return None
    padding = operator.padding
    before = (padding.top, padding.left)
    rows, columns = (Axis(operator.kernel[a], operator.stride[a], dilation[a], before[a]) for a in (0, 1))
    return rows, columns


def _reads(operator: Operator, source: Tensor, output: Tensor) -> tuple[Reads, Reads]:
    """(rows, columns) of `source` that each output row and column needs; a reduction takes them one by one."""
    if isinstance(operator, ResizeNearest):
        return _mapped_reads(operator.rows), _mapped_reads(operator.columns)
    axes = window(operator)
    if axes is None:  # pointwise operators, and reductions, which take their input row by row
        return _mapped_reads(range(source.height)), _mapped_reads(range(source.width))
    rows, columns = axes
    return (
        _window_reads(output.height, source.height, rows.extent, rows.stride, rows.before),
        _window_reads(output.width, source.width, columns.extent, columns.stride, columns.before),
    )


@dataclass(frozen=True, eq=False)
class Network:
    """A Graph with what stages ask of it again and again: who makes, who reads, which rows, and what kernels take."""

    graph: Graph
    kernels: KernelSet = "portable"

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The operators in order; a stage is a half-open range of their indices."""
        return self.graph.operators

    @cached_property
    def producer(self) -> dict[str, int]:
        """Tensor -> index of the operator that makes it; -1 for the input of the network."""
        return {self.graph.input: -1} | {op.output: index for index, op in enumerate(self.operators)}

    @cached_property
    def consumers(self) -> dict[str, tuple[int, ...]]:
        """Tensor -> indices of the operators that read it, ascending; the network's output has one past the end."""
        found: dict[str, list[int]] = {name: [] for name in self.producer}
        for index, operator in enumerate(self.operators):
            for name in dict.fromkeys(operator.inputs):
                found[name].append(index)
        found[self.graph.output].append(len(self.operators))
        return {name: tuple(indices) for name, indices in found.items()}

    @cached_property
    def reads(self) -> tuple[dict[str, tuple[Reads, Reads]], ...]:
        """For each operator: input -> (rows, columns)."""
        tensor = self.graph.tensor
        return tuple({name: _reads(op, tensor(name), tensor(op.output)) for name in op.inputs} for op in self.operators)

    @cached_property
    def kernel_scratch(self) -> tuple[IntArray, ...]:
        """For each operator: scratch bytes of its kernel by the number of pixels that one call computes."""
        return tuple(
            np.array(
                [0, *(aligned(kernel_sets.scratch_bytes(self.kernels, op, source, output, n)) for n in calls)],
                dtype=np.int64,
            )
            for op, source, output, calls in self._kernel_calls()
        )

    @cached_property
    def kernel_instructions(self) -> tuple[IntArray, ...]:
        """For each operator: instructions for one output pixel, in 1/256, by the number of pixels of one call."""
        return tuple(
            np.array(
                [
                    0,
                    *(
                        round(256 * kernel_sets.instructions_per_pixel(self.kernels, op, source, output, n))
                        for n in calls
                    ),
                ],
                dtype=np.int64,
            )
            for op, source, output, calls in self._kernel_calls()
        )

    def facts(self, group: Group) -> GroupFacts:
        """What the cost of a group asks for, worked out once."""
        return _facts(self, group)

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
        """(operator, input) -> how far ahead its rows are asked for, in rows of the network's input; only compares."""
        reach = {self.graph.input: np.arange(self.graph.tensor(self.graph.input).height + 1)}
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
        """Tensors made before operator `position` and read by it or later ones, the network's input included."""
        return tuple(n for n, made in self.producer.items() if made < position and self.consumers[n][-1] >= position)

    def is_vector(self, name: str) -> bool:
        """True for 1 x 1 x C tensors."""
        return self.graph.tensor(name).shape[:2] == (1, 1)

    def takes_whole(self, index: int, name: str) -> bool:
        """True where operator `index` uses the vector `name` for every pixel: the factors of squeeze-and-excite."""
        operator = self.operators[index]
        return isinstance(operator, Mul) and self.is_vector(name) and not self.is_vector(operator.output)

    def is_late(self, index: int) -> bool:
        """True for operators between vectors, which run once, after the last strip of their stage."""
        operator = self.operators[index]
        return self.is_vector(operator.output) and all(self.is_vector(name) for name in operator.inputs)

    def join(self, name: str, end: int) -> int | None:
        """Index of the first operator before `end` through which everything made from `name` passes, else None."""
        return _join(self, name, end)

    def line_rows(self, name: str, end: int) -> int:
        """Rows that the line buffer of `name` must hold in a stage that ends before operator `end`."""
        consumers = self.consumers[name]
        if len(consumers) == 1:
            rows = self.reads[consumers[0]][name][0]
            return max(1, int(np.max(rows.end - rows.first)))
        join = self.join(name, end)
        return self.graph.tensor(name).height if join is None else _joined_line_rows(self, name, join)


@cache
def _join(network: Network, name: str, end: int) -> int | None:
    open_until = network.consumers[name][-1]
    made = {name}
    for index in range(network.producer[name] + 1, end):
        operator = network.operators[index]
        if made.isdisjoint(operator.inputs):
            continue
        made.add(operator.output)
        if is_reduction(operator) or network.is_late(index):
            return None
        if index >= open_until:
            return index
        open_until = max(open_until, network.consumers[operator.output][-1])
    return None


@cache
def _joined_line_rows(network: Network, name: str, join: int) -> int:
    """By running the demands: operator by operator, row by row, from the join back to `name`."""
    made = {name}
    members: list[int] = []
    for index in range(network.producer[name] + 1, join + 1):
        if not made.isdisjoint(network.operators[index].inputs):
            members.append(index)
            made.add(network.operators[index].output)
    groups = group_operators(network, members, {network.operators[join].output})
    by_output = {group.output: group for group in groups}
    done = dict.fromkeys(made, 0)
    rows_held = 1

    def advance(tensor: str, until: int) -> None:
        nonlocal rows_held
        if tensor == name or tensor not in by_output:
            done[tensor] = max(done.get(tensor, 0), until)
            return
        group = by_output[tensor]
        while done[tensor] < until:
            row = done[tensor]
            for reader, source in group.row_inputs(network):
                advance(source, int(network.reads[reader][source][0].end[row]))
            for reader, source in group.row_inputs(network):
                if source == name:
                    rows_held = max(rows_held, done[name] - int(network.reads[reader][source][0].first[row]))
            done[tensor] = row + 1

    output = network.operators[join].output
    for row in range(network.graph.tensor(output).height):
        advance(output, row + 1)
    return rows_held


@dataclass(frozen=True)
class Group:
    """Operators that take over from each other a few pixels at a time, within the loop over one output row.

    The head reads rows; each following operator reads the pixels that the one before it has just made (and, for a
    second input, a row that is in RAM). A reduction can only be last. `output` is the tensor whose rows the group
    makes, or that the reduction at its end consumes.
    """

    operators: tuple[int, ...]
    output: str
    reduction: int | None = None

    def row_inputs(self, network: Network) -> tuple[tuple[int, str], ...]:
        """(operator, tensor) for each tensor that the group reads by rows, in the order in which it asks for them.

        What lags behind comes first: a shortcut takes its row before the other branch drives its source further on.
        """
        made = {network.operators[index].output for index in self.operators}
        indices = self.operators if self.operators else (self.reduction,)
        found = [
            (index, name)
            for index in indices
            if index is not None
            for name in dict.fromkeys(network.operators[index].inputs)
            if name not in made and not network.takes_whole(index, name)
        ]
        return tuple(sorted(found, key=lambda each: network.demand[each]))

    def pixel_tensors(self, network: Network) -> tuple[str, ...]:
        """Tensors of which only a few pixels exist at a time, in order."""
        outputs = tuple(network.operators[index].output for index in self.operators)
        return outputs if self.reduction is not None else outputs[:-1]


@dataclass(frozen=True, eq=False)
class GroupFacts:
    """What the cost of a group asks for again and again.

    `slots` says in which of two buffers each tensor is that exists a few pixels at a time, `slot_channels` how many
    channels these take. For each of CHOICES, by the columns of a strip [choices, columns + 1]: `scratch` bytes for
    pixels and kernels, `calls` the pixels of one call, `instructions` for one pixel in 1/256.
    """

    row_inputs: tuple[tuple[int, str], ...]
    slots: tuple[tuple[str, int], ...]
    slot_channels: tuple[int, int]
    macs_per_pixel: int
    macs_of_reduction: int
    calls: IntArray
    scratch: IntArray
    instructions: IntArray


@cache
def _facts(network: Network, group: Group) -> GroupFacts:
    slots: list[tuple[str, int]] = []
    for position, name in enumerate(group.pixel_tensors(network)):
        in_place = is_elementwise(network.operators[group.operators[position]])
        slots.append((name, 0 if position == 0 else slots[-1][1] if in_place else 1 - slots[-1][1]))
    channels = [[network.graph.tensor(name).channels for name, used in slots if used == slot] for slot in (0, 1)]
    slot_channels = (max(channels[0], default=0), max(channels[1], default=0))
    indices = [*group.operators, *([] if group.reduction is None else [group.reduction])]
    columns = np.arange(network.graph.tensor(group.output).width + 1)
    calls, scratch, instructions = [], [], []
    for pixels, tile in CHOICES[network.kernels]:
        kernel = np.max(
            [0 * columns, *(network.tiled(network.kernel_scratch, i, tile) for i in group.operators)], axis=0
        )
        # a group that needs no more RAM for more pixels computes a row at once
        call = np.minimum(columns, pixels) if slots or kernel[-1] > kernel[1] else columns
        calls.append(call)
        scratch.append(sum((_aligned(call * count) for count in slot_channels), start=kernel[call]))
        work = sum((network.tiled(network.kernel_instructions, i, tile) for i in indices), start=0 * columns)
        instructions.append(work[call])
    return GroupFacts(
        row_inputs=group.row_inputs(network),
        slots=tuple(slots),
        slot_channels=slot_channels,
        macs_per_pixel=sum(macs_per_pixel(network.operators[i]) for i in group.operators),
        macs_of_reduction=0 if group.reduction is None else macs_per_pixel(network.operators[group.reduction]),
        calls=np.array(calls),
        scratch=np.array(scratch),
        instructions=np.array(instructions),
    )


def group_operators(network: Network, members: Sequence[int], kept: set[str]) -> tuple[Group, ...]:
    """Splits operators (ascending indices, none of them late) into groups; tensors in `kept` are whole or in rows."""
    chains: list[list[int]] = []
    open_chain: dict[str, list[int]] = {}
    reductions: dict[int, int] = {}
    groups_of_reductions: list[Group] = []
    for index in members:
        operator = network.operators[index]
        takes_pixels = (is_pointwise(operator) or is_reduction(operator)) and not network.is_vector(operator.inputs[0])
        candidates = [name for name in operator.inputs if name in open_chain] if takes_pixels else []
        # of two branches the one that runs further ahead: the rows of the other are there already
        source = max(candidates, key=lambda name: (network.demand[index, name], network.producer[name]), default=None)
        if is_reduction(operator):
            if source is None:
                groups_of_reductions.append(Group((), operator.inputs[0], index))
            else:
                reductions[id(open_chain.pop(source))] = index
            continue
        if source is None:
            chain = [index]
            chains.append(chain)
        else:
            chain = open_chain.pop(source)
            chain.append(index)
        alone = len(network.consumers[operator.output]) == 1 and operator.output not in kept
        # one operator reading the same tensor twice reads it as two inputs of which only one can be pixels
        if alone and not network.is_vector(operator.output):
            reader = network.consumers[operator.output][0]
            if reader < len(network.operators) and network.operators[reader].inputs.count(operator.output) == 1:
                open_chain[operator.output] = chain
    groups = [Group(tuple(c), network.operators[c[-1]].output, reductions.get(id(c))) for c in chains]
    return tuple(
        sorted(groups + groups_of_reductions, key=lambda g: g.operators[-1] if g.operators else g.reduction or 0)
    )


Place: TypeAlias = Literal["line", "pixels", "vector", "accumulator", "kernel"]


@dataclass(frozen=True)
class Buffer:
    """Scratch of a stage, `offset` bytes into it; a line buffer has `rows` slots of `width` pixels."""

    tensor: str
    place: Place
    offset: int
    size: int
    rows: int = 1
    width: int = 1


@dataclass(frozen=True)
class Skeleton:
    """All of a stage that does not depend on the strip width.

    `resident` are the whole tensors that are in the arena when it begins, in the order of the graph. `overlap` is how
    many bytes above the bottom of `output` the `primary` input begins when the stage runs in one strip. `hosts` names
    the line buffer that takes the only row of another tensor: the row of a shortcut lies where its sum will be.
    """

    begin: int
    end: int
    groups: tuple[Group, ...]
    late: tuple[int, ...]
    rows_done: dict[str, int] = field(compare=False)
    line_rows: dict[str, int] = field(compare=False)
    hosts: dict[str, str] = field(compare=False)
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    streamed: str | None
    resident: tuple[str, ...]
    primary: str | None
    overlap: int
    strips_allowed: bool
    strip_tensor: str | None

    @property
    def output(self) -> str:
        """The output that shares its place with the primary input: the last one made."""
        return self.outputs[-1]


@dataclass(frozen=True)
class Layout:
    """One stage with its strip width: what is in its scratch, how wide, and what it all costs.

    `resident_bytes` are the whole tensors in the arena while it runs, its inputs and outputs included; `widths` says
    how many columns of each tensor made in the stage the widest strip computes.
    """

    skeleton: Skeleton
    width: int
    strips: int
    shared: int
    calls: dict[Group, int] = field(compare=False)
    tiles: dict[int, int] = field(compare=False)
    buffers: tuple[Buffer, ...]
    resident_bytes: int
    overlap: int
    scratch_bytes: int
    macs: int
    instructions: int
    widths: dict[str, int] = field(compare=False)

    @property
    def bytes(self) -> int:
        """Arena bytes while this stage runs."""
        return self.resident_bytes + self.scratch_bytes


def in_arena(network: Network, name: str) -> bool:
    """False for the caller's input and output."""
    return name not in (network.graph.input, network.graph.output)


def skeleton(network: Network, begin: int, end: int, input_mode: InputMode, overlap: bool = True) -> Skeleton | None:
    """The stage of operators [begin, end), or None where they cannot run as one stage.

    They cannot where an operator needs rows while it also needs a reduction of the same stage (squeeze-and-excite: cut
    before the Mul), where an operator between vectors needs one that is made by rows (its room is used again after the
    last strip; cut there, a vector costs little), or where the input of the network streams and is read again later.
    """
    graph = network.graph
    members = range(begin, end)
    late = tuple(index for index in members if network.is_late(index))
    early = [index for index in members if index not in late]
    late_made = {network.operators[i].output for i in members if i in late or is_reduction(network.operators[i])}
    if any(not late_made.isdisjoint(network.operators[index].inputs) for index in early):
        return None
    early_made = {network.operators[index].output for index in early} - late_made
    if any(not early_made.isdisjoint(network.operators[index].inputs) for index in late):
        return None
    inputs = tuple(
        dict.fromkeys(n for i in members for n in network.operators[i].inputs if network.producer[n] < begin)
    )
    outputs = tuple(
        network.operators[i].output for i in members if network.consumers[network.operators[i].output][-1] >= end
    )
    streams = input_mode != "whole" and graph.input in inputs
    if streams and (network.consumers[graph.input][-1] >= end or (early and network.is_vector(graph.input))):
        return None
    groups = group_operators(network, early, set(outputs))
    kept = [group for group in groups if group.output in outputs or group.reduction is not None]
    if not outputs or (early and not kept):
        return None
    main = kept[-1] if kept else None
    rows_done = _rows_done(network, groups, set(outputs))
    line_tensors = [g.output for g in groups if g.output not in outputs and g.reduction is None]
    streamed = graph.input if streams else None
    if streamed is not None and early:
        line_tensors.insert(0, streamed)
    line_rows = {name: network.line_rows(name, end) for name in line_tensors}
    resident = tuple(name for name in network.alive(begin) if in_arena(network, name))
    dying = [name for name in inputs if name in resident and network.consumers[name][-1] < end]
    primary = max(dying, key=lambda name: graph.tensor(name).size, default=None)
    if not in_arena(network, outputs[-1]):
        primary = None
    shift = 0
    if primary is not None:
        shift = aligned(_overlap(network, groups, main, late, primary, outputs[-1], overlap, end - begin == 1))
    return Skeleton(
        begin=begin,
        end=end,
        groups=groups,
        late=late,
        rows_done=rows_done,
        line_rows=line_rows,
        hosts=_hosts(network, groups, line_rows),
        inputs=inputs,
        outputs=outputs,
        streamed=streamed,
        resident=resident,
        primary=primary,
        overlap=shift,
        strips_allowed=len(kept) == 1 and (streamed is None or input_mode == "windows"),
        strip_tensor=main.output if main is not None else None,
    )


def _hosts(network: Network, groups: Sequence[Group], line_rows: dict[str, int]) -> dict[str, str]:
    """Tensor -> line buffer of another in which its single row is made, pixel for pixel where the other's row will be.

    The row has one reader, which belongs to the group that makes the other's row, and reads each pixel before the same
    pixel is written. Nothing reads the host between: its slot for the row is free as soon as the row is asked for.
    """
    found: dict[str, str] = {}
    made = {group.output for group in groups}
    for group in reversed(groups):
        if group.output not in line_rows or group.reduction is not None:
            continue
        shape = network.graph.tensor(group.output).shape
        for reader, name in group.row_inputs(network):
            alone = name in made and line_rows.get(name) == 1 and network.consumers[name] == (reader,)
            once = network.operators[reader].inputs.count(name) == 1
            if (
                alone
                and once
                and network.graph.tensor(name).shape == shape
                and _reads_before_writing(network, group, reader)
            ):
                found[name] = found.get(group.output, group.output)
                break
    return found


def _rows_done(network: Network, groups: Sequence[Group], outputs: set[str]) -> dict[str, int]:
    """Tensor -> rows of it that the stage computes (or asks the caller for)."""
    done: dict[str, int] = {}
    for group in reversed(groups):
        if group.output in outputs or group.reduction is not None:
            done[group.output] = network.graph.tensor(group.output).height
        rows = done[group.output]
        for reader, source in group.row_inputs(network):
            needed = int(network.reads[reader][source][0].end[rows - 1])
            done[source] = max(done.get(source, 0), needed)
    return done


def _overlap(
    network: Network,
    groups: Sequence[Group],
    main: Group | None,
    late: Sequence[int],
    primary: str,
    output: str,
    allowed: bool,
    alone: bool,
) -> int:
    """Bytes above the bottom of `output` at which `primary` may begin in a stage of one strip.

    For each output row, what of the primary input is still to be read must lie above what has been written.
    """
    source, target = network.graph.tensor(primary), network.graph.tensor(output)
    writer = network.operators[network.producer[output]]
    if not allowed and not (alone and is_elementwise(writer) and source.size == target.size):
        return target.size
    if any(primary in network.operators[index].inputs for index in late):
        return 0 if alone and is_elementwise(writer) and source.size == target.size else target.size
    if main is None or output != main.output or main.reduction is not None:
        return 0 if network.is_vector(output) and not network.is_vector(primary) else target.size
    if network.is_vector(primary):
        return target.size
    needed = {main.output: np.arange(1, target.height + 1)}
    lowest = np.full(target.height, source.height, dtype=np.int64)
    for group in reversed(groups):
        rows = needed.get(group.output, np.zeros(target.height, np.int64))
        for reader, name in group.row_inputs(network):
            reads = network.reads[reader][name][0]
            ends = np.concatenate([[0], reads.end])
            needed[name] = np.maximum(needed.get(name, 0), ends[rows])
            if name != primary:
                continue
            firsts = np.concatenate([reads.first, [source.height]])
            if group is not main:
                pending = firsts[rows]
                if len([g for g in groups if g.output in (output,) or g.reduction is not None]) == 1:
                    pending[-1] = source.height
            elif _reads_before_writing(network, group, reader):
                pending = np.arange(1, target.height + 1)
            else:
                pending = reads.first
            lowest = np.minimum(lowest, pending)
    row_bytes = target.width * target.channels
    written = np.arange(1, target.height + 1) * row_bytes
    return max(0, int(np.max(written - lowest * source.width * source.channels)))


def _reads_before_writing(network: Network, group: Group, reader: int) -> bool:
    """True where no pixel of the group's output is written before the same pixel of the reader's input is read."""
    operator = network.operators[reader]
    if not is_pointwise(operator):
        return False
    return is_elementwise(operator) if reader == group.operators[-1] else True


def strip_widths(network: Network, stage: Skeleton) -> IntArray:
    """Every strip width that the stage may have, widest first.

    Of the widths with the same number of strips the narrowest takes the least RAM, but not always the fewest MACs: wide
    strips beside a narrow last one end at the border, with less halo.
    """
    if stage.strip_tensor is None:
        return np.array([1])
    whole = network.graph.tensor(stage.strip_tensor).width
    if not stage.strips_allowed:
        return np.array([whole])
    return np.arange(whole, 0, -1)


@dataclass(frozen=True, eq=False)
class Columns:
    """What the strips of a stage compute, for each of several strip widths: all that no number of pixels changes.

    `widths` are the columns of each tensor in the widest strip, `computed` the pixels of each group's output.
    """

    strips: IntArray
    widths: dict[str, IntArray]
    computed: dict[Group, IntArray]
    macs: IntArray
    line_bytes: IntArray
    resident: IntArray


def strip_columns(network: Network, stage: Skeleton, strip_width: IntArray) -> Columns:
    """Follows the columns of every strip from the last tensor of the stage back to its inputs."""
    graph = network.graph
    if stage.strip_tensor is None:
        strips, starts = np.ones(1, np.int64), np.zeros(1, np.int64)
        low: dict[str, IntArray] = {}
        high: dict[str, IntArray] = {}
    else:
        whole = graph.tensor(stage.strip_tensor).width
        strips = -(-whole // strip_width)
        starts = np.concatenate([[0], np.cumsum(strips)[:-1]])
        index = np.arange(int(strips.sum())) - np.repeat(starts, strips)
        left = index * np.repeat(strip_width, strips)
        low = {stage.strip_tensor: left}
        high = {stage.strip_tensor: np.minimum(left + np.repeat(strip_width, strips), whole)}
    widths: dict[str, IntArray] = {}
    computed: dict[Group, IntArray] = {}
    macs = np.full(len(strips), sum(macs_per_pixel(network.operators[i]) for i in stage.late), dtype=np.int64)
    for group in reversed(stage.groups):
        if not stage.strips_allowed and (group.output in stage.outputs or group.reduction is not None):
            low[group.output] = np.zeros(1, np.int64)
            high[group.output] = np.full(1, graph.tensor(group.output).width)
        first, end = low[group.output], high[group.output]
        computed[group] = np.add.reduceat(end - first, starts) * stage.rows_done[group.output]
        widths[group.output] = np.maximum.reduceat(end - first, starts)
        facts = network.facts(group)
        macs += computed[group] * facts.macs_per_pixel + facts.macs_of_reduction
        for reader, source in facts.row_inputs:
            reads = network.reads[reader][source][1]
            source_low, source_high = reads.first[first], reads.end[end - 1]
            low[source] = np.minimum(low[source], source_low) if source in low else source_low
            high[source] = np.maximum(high[source], source_high) if source in high else source_high
    if stage.streamed in stage.line_rows:
        widths[stage.streamed] = np.maximum.reduceat(high[stage.streamed] - low[stage.streamed], starts)
    line_bytes = np.zeros(len(strips), np.int64)
    for name, rows in stage.line_rows.items():
        if name in stage.hosts:
            continue
        line_bytes += _aligned(rows * graph.tensor(name).channels * widths[name])
    resident = np.full(len(strips), sum(aligned(graph.tensor(n).size) for n in stage.resident), dtype=np.int64)
    resident += sum(aligned(graph.tensor(n).size) for n in stage.outputs if in_arena(network, n))
    if stage.primary is not None:
        source_bytes = aligned(graph.tensor(stage.primary).size)
        target_bytes = aligned(graph.tensor(stage.output).size)
        region = max(target_bytes, stage.overlap + source_bytes)
        resident -= np.where(strips == 1, source_bytes + target_bytes - region, 0)
    return Columns(strips, widths, computed, macs, line_bytes, resident)


@dataclass(frozen=True, eq=False)
class Costs:
    """Of one stage, for each number of bytes that its groups may share and each strip width [budgets, widths].

    `shared` are these bytes, for pixels and kernels; `bytes` all that the stage needs of the arena. `instructions` are
    an estimate, good enough to choose between plans.
    """

    shared: IntArray
    bytes: IntArray
    macs: IntArray
    instructions: IntArray


def costs(network: Network, stage: Skeleton, strips: Columns) -> Costs:
    """What the stage costs with each of the strip widths and each amount of scratch that makes a difference.

    The groups run one after the other and share the scratch; each makes of it what saves the most instructions.
    """
    count = len(CHOICES[network.kernels]) if stage.groups else 1
    needed = np.zeros((len(stage.groups), count, len(strips.strips)), np.int64)
    work = np.zeros_like(needed)
    rows = np.zeros(len(strips.strips), np.int64)
    for number, group in enumerate(stage.groups):
        facts, width = network.facts(group), strips.widths[group.output]
        needed[number] = facts.scratch[:, width]
        work[number] = facts.instructions[:, width] * strips.computed[group]
        rows += strips.strips * (stage.rows_done[group.output] * ROW_INSTRUCTIONS * 256)
    late = sum(int(network.kernel_instructions[i][1]) for i in stage.late)
    shared, instructions = [], []
    budgets = needed.max(axis=0, initial=0)
    for budget in budgets[np.sort(np.unique(budgets, axis=0, return_index=True)[1])]:
        chosen = _fastest(needed, work, budget)
        shared.append(np.take_along_axis(needed, chosen, axis=1).max(axis=(0, 1), initial=0))
        instructions.append(np.take_along_axis(work, chosen, axis=1).sum(axis=(0, 1)) + rows + late)
    late_scratch = _vectors(network, stage)[1] + _late_kernel_scratch(network, stage)
    accumulators = sum(buffer.size for buffer in _accumulators(network, stage))
    scratch = accumulators + np.maximum(strips.line_bytes + np.array(shared), late_scratch)
    macs = np.broadcast_to(strips.macs, scratch.shape)
    return Costs(np.array(shared), strips.resident + scratch, macs, np.array(instructions) // 256)


def _fastest(needed: IntArray, work: IntArray, budget: IntArray) -> IntArray:
    """For each group and width the choice with the fewest instructions within the budget [groups, 1, widths]."""
    never = np.iinfo(np.int64).max
    chosen: IntArray = np.argmin(np.where(needed <= budget, work, never), axis=1, keepdims=True)
    return chosen


def _aligned(sizes: IntArray) -> IntArray:
    return -(-sizes // ALIGNMENT) * ALIGNMENT


def _late_kernel_scratch(network: Network, stage: Skeleton) -> int:
    return max((int(network.kernel_scratch[index][1]) for index in stage.late), default=0)


def _accumulators(network: Network, stage: Skeleton) -> tuple[Buffer, ...]:
    """int32 sums of the reductions, from the start of the scratch."""
    buffers: list[Buffer] = []
    for group in stage.groups:
        if group.reduction is not None:
            name = network.operators[group.reduction].output
            offset = sum(buffer.size for buffer in buffers)
            buffers.append(Buffer(name, "accumulator", offset, 4 * network.graph.tensor(name).channels))
    return tuple(buffers)


def _vectors(network: Network, stage: Skeleton) -> tuple[tuple[Buffer, ...], int]:
    """(buffers, bytes) of the vectors that live only within the stage, after the last strip; offsets from 0.

    First fit by lifetime; elementwise operators work in place. An input that streams and is a vector is one of them.
    """
    reductions = tuple(group.reduction for group in stage.groups if group.reduction is not None)
    order = sorted(reductions) + list(stage.late)
    placed: dict[str, Buffer] = {}
    last_use = {name: network.consumers[name][-1] for name in (network.operators[i].output for i in order)}
    if stage.streamed is not None and stage.streamed not in stage.line_rows:
        placed[stage.streamed] = Buffer(stage.streamed, "vector", 0, aligned(network.graph.tensor(stage.streamed).size))
        last_use[stage.streamed] = network.consumers[stage.streamed][-1]
    for index in order:
        operator = network.operators[index]
        name = operator.output
        if name in stage.outputs:
            continue
        size = aligned(network.graph.tensor(name).size)
        source = operator.inputs[0]
        if is_elementwise(operator) and source in placed and last_use[source] == index:
            placed[name] = Buffer(name, "vector", placed[source].offset, size)
            continue
        busy = sorted(
            (b.offset, b.offset + b.size) for n, b in placed.items() if last_use[n] >= index or index in reductions
        )
        offset = 0
        for begin, end in busy:
            if offset + size <= begin:
                break
            offset = max(offset, end)
        placed[name] = Buffer(name, "vector", offset, size)
    return tuple(placed.values()), max((b.offset + b.size for b in placed.values()), default=0)


def layout(network: Network, stage: Skeleton, strip_width: int, shared: int | None) -> Layout:
    """The stage with one strip width, every buffer placed within its scratch.

    Accumulators come first; line buffers follow, then pixels and the scratch of kernels, which the groups share; after
    the last strip the vectors take the place of all but the accumulators. The groups share up to `shared` bytes, or
    what they need at the least where that is more; without a number, what makes them fastest.
    """
    graph = network.graph
    strips = strip_columns(network, stage, np.array([strip_width]))
    widths = {name: int(width[0]) for name, width in strips.widths.items()}
    choices = {group: _choice(network, stage, strips, group, shared) for group in stage.groups}
    work = sum(int(network.kernel_instructions[i][1]) for i in stage.late)
    buffers = list(_accumulators(network, stage))
    base = sum(buffer.size for buffer in buffers)
    offset = base
    lines: dict[str, Buffer] = {}
    for name, rows in stage.line_rows.items():
        if name not in stage.hosts:
            size = aligned(rows * widths[name] * graph.tensor(name).channels)
            lines[name] = Buffer(name, "line", offset, size, rows, widths[name])
            offset += size
    buffers += lines.values()
    buffers += [replace(lines[host], tensor=name) for name, host in stage.hosts.items()]
    taken = 0
    for group, choice in choices.items():
        facts, width = network.facts(group), widths[group.output]
        call = int(facts.calls[choice, width])
        first, second = (aligned(call * count) for count in facts.slot_channels)
        for name, slot in facts.slots:
            size = aligned(call * graph.tensor(name).channels)
            buffers.append(Buffer(name, "pixels", offset + slot * first, size, 1, call))
        needed = int(facts.scratch[choice, width])
        if needed > first + second:
            buffers.append(Buffer(group.output, "kernel", offset + first + second, needed - first - second))
        taken = max(taken, needed)
        work += int(facts.instructions[choice, width] * strips.computed[group][0])
        work += int(strips.strips[0]) * stage.rows_done[group.output] * ROW_INSTRUCTIONS * 256
    vectors, vector_bytes = _vectors(network, stage)
    buffers += [Buffer(vector.tensor, "vector", base + vector.offset, vector.size) for vector in vectors]
    if scratch := _late_kernel_scratch(network, stage):
        made = [network.operators[index].output for index in stage.late]
        buffers += [Buffer(name, "kernel", base + vector_bytes, scratch) for name in made]
    late_bytes = vector_bytes + _late_kernel_scratch(network, stage)
    in_one = int(strips.strips[0]) == 1
    tiles = {i: CHOICES[network.kernels][choice][1] for group, choice in choices.items() for i in group.operators}
    return Layout(
        skeleton=stage,
        width=strip_width,
        strips=int(strips.strips[0]),
        shared=taken,
        calls={group: int(network.facts(group).calls[c, widths[group.output]]) for group, c in choices.items()},
        tiles=tiles,
        buffers=tuple(buffers),
        resident_bytes=int(strips.resident[0]),
        overlap=stage.overlap if in_one or stage.primary is None else aligned(graph.tensor(stage.output).size),
        scratch_bytes=base + max(offset - base + taken, late_bytes),
        macs=int(strips.macs[0]),
        instructions=work // 256,
        widths=widths,
    )


def _choice(network: Network, stage: Skeleton, strips: Columns, group: Group, shared: int | None) -> int:
    """Which of CHOICES the group makes when the stage's groups share `shared` bytes."""
    needed = [network.facts(each).scratch[:, int(strips.widths[each.output][0])] for each in stage.groups]
    least = max(int(each.min()) for each in needed)
    mine = network.facts(group).scratch[:, int(strips.widths[group.output][0])]
    budget = np.array([int(mine.max()) if shared is None else max(shared, least)])
    work = network.facts(group).instructions[:, int(strips.widths[group.output][0])]
    return int(_fastest(mine[None, :, None], work[None, :, None], budget)[0, 0, 0])
