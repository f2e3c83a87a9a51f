"""Graph -> plans as others make them, to compare with: TFLM, MCUNetV2, StreamNet, msf-CNN.

All count the same bytes: every whole tensor that is alive while something runs (residuals included, the network's
input and output not, which are the caller's) and every buffer beside them. Beside a fused stage at the front, or where
a block has one operator, execution is layer by layer: no overlap, but elementwise operators in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from msf_riot.errors import DoesNotFitError, PlanError
from msf_riot.ir import Graph, macs, macs_per_pixel
from msf_riot.planner.plan import Plan, Stage, make_plan
from msf_riot.stage import (
    ALIGNMENT,
    IntArray,
    Network,
    aligned,
    is_elementwise,
    is_reduction,
    layout,
    skeleton,
    strip_widths,
)


@dataclass(frozen=True)
class Strategy:
    """What a strategy makes of a network, peak RAM in bytes; `cut` is a line for people.

    `plan` executes it, None where this project's execution model has no such stage. Only of msf-CNN it is not the
    same thing exactly: see there.
    """

    name: str
    cut: str
    peak_ram: int
    macs: int
    overhead: float
    plan: Plan | None


def strategies(graph: Graph) -> tuple[Strategy, ...]:
    """Every strategy; msf-CNN with overhead factors up to 1.1, 1.3 and any."""
    plan = layer_by_layer(graph)
    cut = f"operators by themselves: {len(plan.stages)}"
    plain = Strategy("layer by layer", cut, plan.peak_ram, plan.macs, plan.overhead, plan)
    limits = (1.1, 1.3, float("inf"))
    return plain, mcunetv2(graph), streamnet(graph), *(msf_cnn(graph, limit) for limit in limits)


def layer_by_layer(graph: Graph) -> Plan:
    """Every operator a stage of its own, its input and output whole, elementwise operators in place (TFLM's way)."""
    singles = _Singles(Network(graph))
    return make_plan(singles.network, singles.stages, "whole", overlap=False)


def mcunetv2(graph: Graph) -> Strategy:
    """Lin et al., "MCUNetV2", NeurIPS 2021: the first operators patch by patch, the others layer by layer.

    The output of the patched stage is cut into a grid of n x n patches; each is computed from the network's input on,
    layer by layer within the patch, halo included, and written into the stage's output, which is whole. The split
    point and n are those with the least RAM, and of these with the least MACs. Only the patches of tensors made in the
    stage count beside the output, as the input is the caller's and is read in place.
    """
    singles = _Singles(Network(graph))
    best = (max(singles.bytes), singles.total_macs, 0, 1)
    for split in range(2, len(singles.bytes) + 1):
        if not _patchable(singles.network, split):
            continue
        rest = max(singles.bytes[split:], default=0)
        rest_macs = sum(singles.macs[split:])
        output = graph.tensor(graph.operators[split - 1].output)
        for patches in np.unique(-(-output.height // np.arange(1, output.height + 1))):
            ram, work = _patched(singles.network, split, int(patches))
            best = min(best, (max(ram, rest), work + rest_macs, split, int(patches)))
    ram, work, split, patches = best
    cut = f"operators in {patches} x {patches} patches: {split}" if split else "no patches"
    plan = None if split else layer_by_layer(graph)
    return Strategy("MCUNetV2", cut, max(ram, ALIGNMENT), work, work / max(1, macs(graph)), plan)


def streamnet(graph: Graph) -> Strategy:
    """Zheng et al., "StreamNet", NeurIPS 2023, StreamNet-2D: the first operators fused, the others layer by layer.

    Its stream buffers keep whatever patches share, in both directions, so that nothing is computed twice: the line
    buffers of a stage in one strip. Modelled with this project's buffers (k whole rows of a tensor; its own keep the
    k - 1 rows between patches and a patch); the split point is the one with the least RAM.
    """
    singles = _Singles(Network(graph))
    best = (max(singles.bytes), 0)
    for split in range(2, len(singles.bytes) + 1):
        stage = skeleton(singles.network, 0, split, "whole", overlap=False)
        if stage is not None:
            front = layout(singles.network, stage, singles.block(0, split).width, 0).bytes
            best = min(best, (max(front, *singles.bytes[split:], 0), split))
    split = best[1]
    stages = (singles.block(0, split), *singles.stages[split:]) if split else singles.stages
    plan = make_plan(singles.network, stages, "whole", overlap=False)
    return Strategy("StreamNet", f"operators fused: {split}", plan.peak_ram, plan.macs, plan.overhead, plan)


def msf_cnn(graph: Graph, max_overhead: float = float("inf")) -> Strategy:
    """Huang and Baccelli, "msf-CNN", arXiv 2505.11483: fusion blocks with H-cache, cut for the least RAM.

    Modelled as published (section 5 and the authors' TinyPART/msf-CNN): a block makes its output row by row. For one
    row, each operator computes all rows of its tensor that the row needs, a tile; to the right nothing is computed
    twice, as k columns of each operator's input tile are cached, from one row to the next everything is. A block
    of more than one operator takes its input and output whole and k x tile rows x channels for each operator.

    The paper has chains only. Here an operator of a block may also read tensors that are whole before it (the shortcut
    of an inverted residual), and global pooling or a dense layer may end a block ("iteratively", with int32 sums).
    Two things are counted in the paper's favor: tiles are clipped at the borders, in MACs and in bytes.

    `plan` runs the same blocks as stages one pixel wide, H-cache turned by a quarter, with its own bytes and MACs;
    None where a block cannot be a stage. Raises DoesNotFitError where no plan is within `max_overhead`.
    """
    singles = _Singles(Network(graph))
    network = singles.network
    blocks = [
        _Block(index, index + 1, singles.bytes[index], singles.macs[index]) for index in range(len(singles.bytes))
    ]
    blocks += _fusion_blocks(network)
    path = _least_ram(blocks, len(singles.bytes), max_overhead * max(1, macs(graph)))
    if path is None:
        raise DoesNotFitError(f"{graph.name}: no fusion blocks execute at most {max_overhead} times the MACs")
    ram, work = max(block.bytes for block in path), sum(block.macs for block in path)
    stages = tuple(singles.block(block.begin, block.end, 1) for block in path)
    try:
        plan = make_plan(network, stages, "whole", overlap=False)
    except PlanError:
        plan = None
    limit = f" F <= {max_overhead}" if np.isfinite(max_overhead) else ""
    fused = sum(block.end - block.begin > 1 for block in path)
    return Strategy(
        f"msf-CNN{limit}",
        f"fusion blocks: {fused}, operators by themselves: {len(path) - fused}",
        max(ram, ALIGNMENT),
        work,
        work / max(1, macs(graph)),
        plan,
    )


@dataclass(frozen=True, eq=False)
class _Singles:
    """Each operator as a stage of its own."""

    network: Network

    def block(self, begin: int, end: int, width: int | None = None) -> Stage:
        """Operators [begin, end) as a stage: one operator, or with no width given, in one strip."""
        stage = skeleton(self.network, begin, end, "whole", overlap=False)
        if stage is None:
            if end - begin == 1:
                raise PlanError(f"operator '{self.network.operators[begin].name}' cannot run by itself")
            return Stage(begin, end, width or 1, 0)
        whole = int(strip_widths(self.network, stage)[0])
        if end - begin == 1:
            return Stage(begin, end, whole)
        return Stage(begin, end, whole if width is None or not stage.strips_allowed else width, 0)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(self.block(index, index + 1) for index in range(len(self.network.operators)))

    @cached_property
    def bytes(self) -> tuple[int, ...]:
        """Arena bytes of each operator by itself."""
        return tuple(self._cost(stage) for stage in self.stages)

    def _cost(self, stage: Stage) -> int:
        shape = skeleton(self.network, stage.begin, stage.end, "whole", overlap=False)
        assert shape is not None
        return layout(self.network, shape, stage.width, stage.shared).bytes

    @cached_property
    def macs(self) -> tuple[int, ...]:
        """MACs of each operator."""
        sizes = (self.network.graph.tensor(operator.output) for operator in self.network.operators)
        return tuple(
            macs_per_pixel(operator) * output.height * output.width
            for operator, output in zip(self.network.operators, sizes, strict=True)
        )

    @property
    def total_macs(self) -> int:
        return sum(self.macs)


Pieces = dict[str, tuple[IntArray, IntArray]]
"""Tensor -> (low, high): the rows (or columns) of it that each piece of a stage's output needs."""


def _pieces(network: Network, begin: int, end: int, axis: int, output: tuple[IntArray, IntArray]) -> Pieces:
    """What pieces of the last operator's output along an axis (0: rows) need of the tensors made in [begin, end)."""
    found = {network.operators[end - 1].output: output}
    for index in range(end - 1, begin - 1, -1):
        operator = network.operators[index]
        low, high = found[operator.output]
        for name in operator.inputs:
            if network.producer[name] < begin:
                continue
            reads = network.reads[index][name][axis]
            source = reads.first[low], reads.end[high - 1]
            if name in found:
                source = np.minimum(found[name][0], source[0]), np.maximum(found[name][1], source[1])
            found[name] = source
    return found


def _cut(size: int, pieces: int) -> tuple[IntArray, IntArray]:
    """`size` rows cut into at most that many pieces of equal height, the last one perhaps smaller."""
    height = -(-size // pieces)
    low = np.arange(0, size, height)
    return low, np.minimum(low + height, size)


def _patchable(network: Network, split: int) -> bool:
    """True where the first operators can run patch by patch: one output, all of them windows or pointwise."""
    members = range(split)
    outputs = [i for i in members if network.consumers[network.operators[i].output][-1] >= split]
    whole = any(
        is_reduction(network.operators[i]) or any(network.takes_whole(i, n) for n in network.operators[i].inputs)
        for i in members
    )
    return outputs == [split - 1] and not whole


def _patched(network: Network, split: int, patches: int) -> tuple[int, int]:
    """(bytes, MACs) of the first operators in patches x patches patches."""
    graph = network.graph
    output = graph.tensor(network.operators[split - 1].output)
    rows = _pieces(network, 0, split, 0, _cut(output.height, patches))
    columns = _pieces(network, 0, split, 1, _cut(output.width, patches))

    def area(name: str) -> IntArray:
        (top, bottom), (left, right) = rows[name], columns[name]
        return (bottom - top)[:, None] * (right - left)

    work = 0
    most = 0
    for index in range(split):
        operator = network.operators[index]
        work += int(area(operator.output).sum()) * macs_per_pixel(operator)
        alive = [n for n in rows if network.producer[n] < index and network.consumers[n][-1] >= index]
        in_place = (
            is_elementwise(operator)
            and operator.inputs[0] in alive
            and network.consumers[operator.inputs[0]] == (index,)
        )
        if operator.output != output.name and not in_place:
            alive.append(operator.output)
        patch = sum((area(name) * graph.tensor(name).channels for name in alive), start=np.zeros((1, 1), np.int64))
        most = max(most, int(patch.max()))
    whole = aligned(output.size) if network.in_arena(output.name) else 0
    return whole + aligned(most), work


@dataclass(frozen=True)
class _Block:
    """Operators [begin, end) executed as one, with bytes and MACs."""

    begin: int
    end: int
    bytes: int
    macs: int


def _fusion_blocks(network: Network) -> Iterator[_Block]:
    """Every block of two or more operators that H-cache can run."""
    for begin in range(len(network.operators)):
        for end in range(begin + 1, len(network.operators) + 1):
            if not _continues(network, begin, end - 1):
                break
            if end - begin > 1 and network.consumers[network.operators[end - 1].output][0] >= end:
                yield _fusion_block(network, begin, end)
            if is_reduction(network.operators[end - 1]):
                break


def _continues(network: Network, begin: int, index: int) -> bool:
    """True where a block that begins at `begin` may hold operator `index`, all operators between being in it."""
    operator = network.operators[index]
    if network.is_late(index) or any(network.takes_whole(index, name) for name in operator.inputs):
        return False
    if index == begin:
        return True
    before = network.operators[index - 1].output
    made = [name for name in operator.inputs if network.producer[name] >= begin]
    return made == [before] and network.consumers[before] == (index,)


def _fusion_block(network: Network, begin: int, end: int) -> _Block:
    graph = network.graph
    last = end - 1
    sums = 0
    if is_reduction(network.operators[last]):
        sums = 4 * graph.tensor(network.operators[last].output).channels
        last -= 1
    output = graph.tensor(network.operators[last].output)
    tiles = _pieces(network, begin, last + 1, 0, _cut(output.height, output.height))
    buffers = 0
    work = macs_per_pixel(network.operators[last + 1]) if sums else 0
    for index in range(begin, last + 1):
        operator = network.operators[index]
        made = graph.tensor(operator.output)
        low, high = tiles[operator.output]
        work += int((high - low).sum()) * made.width * macs_per_pixel(operator)
        name = operator.inputs[0] if index == begin else network.operators[index - 1].output
        rows, columns = network.reads[index][name]
        tile = int(np.max(rows.end[high - 1] - rows.first[low]))
        buffers += int(np.max(columns.end - columns.first)) * tile * graph.tensor(name).channels
    whole = [*network.alive(begin), network.operators[end - 1].output]
    resident = sum(aligned(graph.tensor(name).size) for name in whole if network.in_arena(name))
    return _Block(begin, end, resident + aligned(buffers) + sums, work)


def _least_ram(blocks: Sequence[_Block], count: int, macs_limit: float) -> tuple[_Block, ...] | None:
    """The blocks that cut `count` operators with the least RAM within the limit, and of those with the least MACs."""
    limits = sorted({block.bytes for block in blocks})
    low, high = 0, len(limits) - 1
    best = None
    while low <= high:
        middle = (low + high) // 2
        path = _least_macs(blocks, count, limits[middle])
        if path is not None and sum(block.macs for block in path) <= macs_limit:
            best, high = path, middle - 1
        else:
            low = middle + 1
    return best


def _least_macs(blocks: Sequence[_Block], count: int, ram_limit: int) -> tuple[_Block, ...] | None:
    best: dict[int, tuple[int, tuple[_Block, ...]]] = {0: (0, ())}
    for block in sorted(blocks, key=lambda each: each.end):
        if block.bytes <= ram_limit and block.begin in best:
            work, path = best[block.begin]
            if block.end not in best or work + block.macs < best[block.end][0]:
                best[block.end] = work + block.macs, (*path, block)
    return best[count][1] if count in best else None
