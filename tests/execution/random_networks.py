"""Random small quantized networks and random plans for them, drawn by hypothesis so that failures shrink."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from msf_riot.ir import (
    BILINEAR_BITS,
    Add,
    ArgMax,
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
    GatherChannels,
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
    Padding,
    PRelu,
    Quantization,
    ResizeBilinear,
    Softmax,
    SpaceToDepth,
    TableAdd,
    Tensor,
    TransposedConv2D,
)
from msf_riot.planner import Plan, Stage, make_plan
from msf_riot.stage import InputMode, Network, skeleton


class Builder:
    """A network under construction; each method adds an operator and returns the name of its output."""

    def __init__(self, seed: int, height: int, width: int, channels: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.input = self.tensor(height, width, channels)
        self.inputs = [self.input]
        self.outputs: list[str] = []

    def tensor(self, height: int, width: int, channels: int, like: str | None = None) -> str:
        name = f"t{len(self.tensors)}"
        quantization = Quantization(0.05, int(self.random.integers(-128, 128)))
        if like is not None:
            quantization = self.tensors[like].quantization
        self.tensors[name] = Tensor(name, height, width, channels, quantization)
        return name

    def add(self, kind: type[Operator], inputs: tuple[str, ...], output: str, **fields: object) -> str:
        low, high = sorted(int(v) for v in self.random.integers(-128, 128, 2))
        if high - low < 64:
            low, high = -128, 127
        if kind in (Concat, Pad, Gather, Lookup, ChannelLookup, GatherChannels, DepthToSpace, SpaceToDepth, ArgMax):
            low, high = -128, 127
        if kind in (Conv2D, DepthwiseConv2D, Mul, AveragePool2D, GlobalAveragePool, TransposedConv2D, PRelu):
            ties = ["even", "odd"] if kind in (Mul, AveragePool2D, GlobalAveragePool) else []
            fields["rounding"] = str(self.random.choice(["once", "twice", *ties]))
        if kind in (Conv2D, DepthwiseConv2D) and self.random.random() < 0.4:  # as behind a ReLU
            low, high = self.tensors[output].quantization.zero_point, 127
        if kind in (AveragePool2D, GlobalAveragePool) and self.random.random() < 0.3:
            fields["center"] = int(self.random.choice([0, -128]))
        name = f"{kind.__name__.lower()}{len(self.operators)}"
        self.operators.append(kind(name=name, inputs=inputs, output=output, low=low, high=high, **fields))
        return output

    def requantization(self, count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
        """Multipliers that bring accumulators of standard deviation `spread` to int8, and now and then a dead one."""
        multiplier = self.random.integers(1 << 30, 1 << 31, count).astype(np.int32)
        shift = np.full(count, max(1, round(31 + np.log2(spread / 40))), np.int32)
        dead = self.random.random(count) < 0.05
        return multiplier, np.where(dead, 70, shift).astype(np.int32)

    def weighted(self, shape: tuple[int, ...], outputs: int, fan_in: int) -> dict[str, np.ndarray]:
        multiplier, shift = self.requantization(outputs, 74.0 * 74.0 * fan_in**0.5)
        return {
            "weights": self.random.integers(-127, 128, shape).astype(np.int8),
            "bias": self.random.integers(-5000, 5000, outputs).astype(np.int32),
            "multiplier": multiplier,
            "shift": shift,
        }

    def windowed(
        self, x: str, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], pad: Padding
    ):
        source = self.tensors[x]
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        return (
            (source.height + pad.top + pad.bottom - extent[0]) // stride[0] + 1,
            (source.width + pad.left + pad.right - extent[1]) // stride[1] + 1,
        )

    def graph(self) -> Graph:
        return Graph(
            "random",
            self.tensors,
            tuple(self.operators),
            tuple(self.inputs),
            (*self.outputs, self.operators[-1].output),
        )


@st.composite
def windows(draw: st.DrawFn, builder: Builder, x: str, largest: int = 7, dilated: bool = True):
    """(kernel, stride, dilation, padding) that give at least one pixel."""
    source = builder.tensors[x]
    kernel = (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2))) if dilated else (1, 1)
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = [draw(st.integers(0, min(4, extent[axis] - 1 + draw(st.integers(0, 1))))) for axis in (0, 1, 0, 1)]
    short = [extent[0] - source.height - pads[0] - pads[2], extent[1] - source.width - pads[1] - pads[3]]
    pads[2] += max(0, short[0])
    pads[3] += max(0, short[1])
    return kernel, stride, dilation, Padding(*pads)


@st.composite
def layer(draw: st.DrawFn, builder: Builder, x: str, pool: list[str]) -> str:
    """One more operator over tensor `x`; `pool` are tensors that branches may come back to."""
    source = builder.tensors[x]
    height, width, channels = source.shape
    same = [name for name in pool if builder.tensors[name].shape == source.shape and name != x]
    alike = [name for name in pool if builder.tensors[name].shape[:2] == (height, width) and name != x]
    kinds = ["conv", "conv", "depthwise", "depthwise", "pointwise", "pointwise", "lookup", "affine"]
    kinds += ["max", "average", "pad", "resize", "softmax", "log_softmax", "excite", "bilinear", "slice"]
    kinds += ["transposed", "transposed"]
    kinds += ["channels", "prelu", "tables"] + ["argmax"] * (len(pool) > 2)
    kinds += ["depth_to_space"] * (channels % 4 == 0) + ["space_to_depth"] * (height % 2 == 0 and width % 2 == 0)
    rows_alike = [name for name in pool if builder.tensors[name].shape[1:] == (width, channels)]
    columns_alike = [
        name for name in pool if (builder.tensors[name].height, builder.tensors[name].channels) == (height, channels)
    ]
    kinds += ["concat_rows"] * bool(rows_alike) + ["concat_columns"] * bool(columns_alike) + ["extreme"] * bool(same)
    kinds += ["add"] * 4 * bool(same) + ["mul"] * bool(same) + ["concat"] * 2 * bool(alike)
    kind = draw(st.sampled_from(kinds))
    random = builder.random
    match kind:
        case "conv" | "depthwise" | "max" | "average":
            kernel, stride, dilation, pad = draw(windows(builder, x, dilated=kind != "average"))
            size = builder.windowed(x, kernel, stride, dilation, pad)
            shared = {"stride": stride, "padding": pad}
            if kind == "conv":
                groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
                out = groups * draw(st.integers(1, 4))
                shape = (out, *kernel, channels // groups)
                y = builder.tensor(*size, out)
                fields = builder.weighted(shape, out, int(np.prod(shape[1:])))
                return builder.add(Conv2D, (x,), y, dilation=dilation, groups=groups, **shared, **fields)
            if kind == "depthwise":
                y = builder.tensor(*size, channels)
                fields = builder.weighted((*kernel, channels), channels, kernel[0] * kernel[1])
                return builder.add(DepthwiseConv2D, (x,), y, dilation=dilation, **shared, **fields)
            if kind == "max":
                y = builder.tensor(*size, channels, like=x)
                return builder.add(MaxPool2D, (x,), y, kernel=kernel, dilation=dilation, **shared)
            y = builder.tensor(*size, channels)
            counts = np.maximum(np.arange(kernel[0] * kernel[1] + 1), 1)
            return builder.add(
                AveragePool2D,
                (x,),
                y,
                kernel=kernel,
                multiplier=((1 << 30) + ((1 << 30) // counts)).astype(np.int32),
                shift=(31 + np.log2(counts)).astype(np.int32),
                count_include_pad=draw(st.booleans()),
                **shared,
            )
        case "pointwise":
            out = draw(st.integers(1, 9))
            y = builder.tensor(height, width, out)
            return builder.add(Conv2D, (x,), y, **builder.weighted((out, 1, 1, channels), out, channels))
        case "lookup":
            table = random.integers(-128, 128, 256).astype(np.int8)
            return builder.add(Lookup, (x,), builder.tensor(*source.shape), table=table)
        case "affine":
            return builder.add(
                ChannelAffine,
                (x,),
                builder.tensor(*source.shape),
                multiplier=random.integers(-(1 << 20), 1 << 20, channels).astype(np.int32),
                offset=random.integers(-(1 << 26), 1 << 26, channels).astype(np.int32),
                shift=random.integers(19, 22, channels).astype(np.int32),
            )
        case "log_softmax":
            scale = draw(st.sampled_from([0.002, 0.05, 0.2]))
            return builder.add(
                LogSoftmax,
                (x,),
                builder.tensor(*source.shape),
                exponentials=np.rint(2.0**19 * np.exp(-scale * np.arange(256))).astype(np.int32),
                differences=np.rint(2.0**25 * scale * np.arange(256)).astype(np.int32),
                log_shift=1,
                multiplier=int(random.integers(1 << 29, 1 << 30)),
                shift=int(random.integers(48, 53)),
            )
        case "softmax":
            if draw(st.booleans()):
                table = np.minimum(2.0**31 * np.exp(-0.05 * np.arange(256)), 2.0**31 - 1).astype(np.int32)
                return builder.add(FixedPointSoftmax, (x,), builder.tensor(*source.shape), table=table)
            table = np.round(2.0**20 * np.exp(-0.05 * np.arange(256))).astype(np.uint32)
            return builder.add(Softmax, (x,), builder.tensor(*source.shape), table=table, reciprocal=1 << 20)
        case "pad":
            pad = Padding(*(draw(st.integers(0, 2)) for _ in range(4)))
            y = builder.tensor(height + pad.top + pad.bottom, width + pad.left + pad.right, channels, like=x)
            return builder.add(Pad, (x,), y, padding=pad, value=int(random.integers(-128, 128)))
        case "resize":
            rows = draw(st.integers(1, min(16, 2 * height)))
            columns = draw(st.integers(1, min(16, 2 * width)))
            return builder.add(
                Gather,
                (x,),
                builder.tensor(rows, columns, channels, like=x),
                rows=tuple(i * height // rows for i in range(rows)),
                columns=tuple(i * width // columns for i in range(columns)),
            )
        case "bilinear":
            sizes = [draw(st.integers(1, min(16, 3 * size))) for size in (height, width)]
            places = []
            for size, count in zip((height, width), sizes, strict=True):
                steps = np.clip(
                    np.sort(random.integers(0, size << BILINEAR_BITS, count)), 0, (size - 1) << BILINEAR_BITS
                )
                steps = np.where(random.random(count) < 0.3, steps >> BILINEAR_BITS << BILINEAR_BITS, steps)
                steps = np.where(random.random() < 0.5, steps >> 10 << 10, steps)  # halves, and ties with them
                places += [tuple((steps >> BILINEAR_BITS).tolist()), tuple((steps % (1 << BILINEAR_BITS)).tolist())]
            return builder.add(
                ResizeBilinear,
                (x,),
                builder.tensor(*sizes, channels, like=x),
                rows=places[0],
                row_weights=places[1],
                columns=places[2],
                column_weights=places[3],
                center=int(random.choice([0, -128, builder.tensors[x].quantization.zero_point])),
                rounding=draw(st.sampled_from(["even", "away", "zero"])),
            )
        case "transposed":
            kernel, up, dilation = ((draw(st.integers(1, n)), draw(st.integers(1, n))) for n in (4, 3, 2))
            extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
            groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
            out = groups * draw(st.integers(1, 3))
            spread = [(size - 1) * u + 1 for size, u in zip((height, width), up, strict=True)]
            pads = [draw(st.integers(-1 if spread[i % 2] > 3 else 0, extent[i % 2] - 1)) for i in range(4)]
            sizes = [max(1, spread[i] + pads[i] + pads[i + 2] - extent[i] + 1) for i in range(2)]
            pads[2], pads[3] = (sizes[i] - 1 + extent[i] - spread[i] - pads[i] for i in range(2))
            shape = (out, *kernel, channels // groups)
            fields = builder.weighted(shape, out, int(np.prod(shape[1:])))
            y = builder.tensor(*sizes, out)
            fields |= {"upsampling": up, "dilation": dilation, "padding": Padding(*pads), "groups": groups}
            return builder.add(TransposedConv2D, (x,), y, **fields)
        case "slice":
            rows, columns = (
                tuple(random.integers(0, size, draw(st.integers(1, size))).tolist()) for size in (height, width)
            )
            if draw(st.booleans()):
                step = draw(st.sampled_from([1, 2, 3, -1]))
                rows, columns = tuple(range(height))[::step], tuple(range(width))[draw(st.integers(0, width - 1)) :]
            return builder.add(
                Gather, (x,), builder.tensor(len(rows), len(columns), channels, like=x), rows=rows, columns=columns
            )
        case "channels":
            chosen = random.integers(-1, channels, draw(st.integers(1, 8)))
            if draw(st.booleans()):
                chosen = np.arange(channels)[draw(st.integers(0, channels - 1)) :]
            y = builder.tensor(height, width, len(chosen), like=x)
            value = int(random.integers(-128, 128))
            return builder.add(GatherChannels, (x,), y, channels=tuple(chosen.tolist()), value=value)
        case "prelu":
            return builder.add(
                PRelu,
                (x,),
                builder.tensor(*source.shape),
                slopes=random.integers(-300, 300, channels).astype(np.int16),
                multipliers=(3 << 29, 5 << 28),
                shifts=(draw(st.integers(29, 33)), draw(st.integers(30, 39))),
            )
        case "tables":
            table = random.integers(-128, 128, (channels, 256)).astype(np.int8)
            return builder.add(ChannelLookup, (x,), builder.tensor(*source.shape), table=table)
        case "argmax":
            return builder.add(ArgMax, (x,), builder.tensor(height, width, 1), last=draw(st.booleans()))
        case "depth_to_space":
            out = channels // 4
            steps = (2 * out, out, 1) if draw(st.booleans()) else (2, 1, 4)
            y = builder.tensor(2 * height, 2 * width, out, like=x)
            return builder.add(DepthToSpace, (x,), y, block=2, steps=steps)
        case "space_to_depth":
            y = builder.tensor(height // 2, width // 2, 4 * channels, like=x)
            return builder.add(SpaceToDepth, (x,), y, block=2)
        case "concat_rows" | "concat_columns":
            axis = 0 if kind == "concat_rows" else 1
            parts = [x, *draw(st.lists(st.sampled_from(columns_alike if axis else rows_alike), min_size=1, max_size=2))]
            parts = draw(st.permutations(parts))
            shape = list(source.shape)
            shape[axis] = sum(builder.tensors[name].shape[axis] for name in parts)
            return builder.add(Concat, tuple(parts), builder.tensor(*shape), axis=axis)
        case "extreme":
            other = draw(st.sampled_from(same))
            return builder.add(draw(st.sampled_from([Maximum, Minimum])), (x, other), builder.tensor(*source.shape))
        case "excite":
            pooled = builder.tensor(1, 1, channels)
            builder.add(GlobalAveragePool, (x,), pooled, multiplier=1 << 30, shift=30 + int(np.log2(height * width)))
            gate = builder.tensor(1, 1, channels)
            builder.add(Conv2D, (pooled,), gate, **builder.weighted((channels, 1, 1, channels), channels, channels))
            y = builder.tensor(*source.shape)
            return builder.add(Mul, (x, gate), y, multiplier=1 << 30, shift=36)
        case "add" | "mul":
            other = draw(st.sampled_from(same))
            inputs = (x, other) if draw(st.booleans()) else (other, x)
            y = builder.tensor(*source.shape)
            if kind == "mul":
                return builder.add(Mul, inputs, y, multiplier=1 << 30, shift=36)
            if draw(st.booleans()):
                tables = random.integers(-(1 << 28), 1 << 28, (2, 256)).astype(np.int32)
                scaled = {"multiplier": 0, "shift": 21} if draw(st.booleans()) else {"multiplier": 3 << 29, "shift": 52}
                return builder.add(TableAdd, inputs, y, first=tables[0], second=tables[1], **scaled)
            return builder.add(Add, inputs, y, multipliers=((1 << 20) + 12345, 777777), shift=21)
        case _:
            parts = (x, *draw(st.lists(st.sampled_from(alike), min_size=1, max_size=2)))
            total = sum(builder.tensors[name].channels for name in parts)
            return builder.add(Concat, parts, builder.tensor(height, width, total))


@st.composite
def networks(draw: st.DrawFn, most_layers: int = 9) -> Graph:
    """A network of a few operators with branches, and perhaps a head."""
    size = draw(st.integers(1, 14)), draw(st.integers(1, 14)), draw(st.integers(1, 6))
    builder = Builder(draw(st.integers(0, 2**32 - 1)), *size)
    x = builder.input
    pool = [x]
    if draw(st.integers(0, 7)) == 0:
        size = size if draw(st.booleans()) else (draw(st.integers(1, 14)), draw(st.integers(1, 14)), size[2])
        builder.inputs.append(builder.tensor(*size))
        pool.append(builder.inputs[-1])
    for _ in range(draw(st.integers(1, most_layers))):
        if len(pool) > 1 and draw(st.integers(0, 5)) == 0:
            x = draw(st.sampled_from(pool))
        x = draw(layer(builder, x, pool))
        if builder.tensors[x].size > 6000:
            break
        pool.append(x)
    head = draw(st.sampled_from(["none", "pool", "dense", "both"]))
    if head in ("pool", "both"):
        source = builder.tensors[x]
        y = builder.tensor(1, 1, source.channels)
        shift = 30 + int(np.log2(source.height * source.width))
        x = builder.add(GlobalAveragePool, (x,), y, multiplier=1 << 30, shift=shift)
    if head in ("dense", "both"):
        source = builder.tensors[x]
        out = draw(st.integers(1, 5))
        fields = builder.weighted((out, source.size), out, source.size)
        x = builder.add(Dense, (x,), builder.tensor(1, 1, out), **fields)
        if draw(st.booleans()):
            table = builder.random.integers(-128, 128, 256).astype(np.int8)
            x = builder.add(Lookup, (x,), builder.tensor(1, 1, out), table=table)
    if draw(st.integers(0, 3)) == 0:
        made = [operator.output for operator in builder.operators[:-1]]
        builder.outputs = draw(st.permutations(made))[: draw(st.integers(1, 3))]
    return _without_dead_ends(builder.graph())


def _without_dead_ends(graph: Graph) -> Graph:
    """Operators that the output does not need are left out, as an importer does."""
    needed = set(graph.outputs)
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if operator.output in needed:
            kept.append(operator)
            needed.update(operator.inputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in needed}
    inputs = tuple(name for name in graph.inputs if name in needed)
    return Graph(graph.name, tensors, tuple(reversed(kept)), inputs, graph.outputs)


@st.composite
def plans(draw: st.DrawFn, graph: Graph) -> Plan:
    """Any plan of the graph: any cut, any strip width that a stage allows, any input mode that it allows."""
    network = Network(graph)
    mode: InputMode = draw(st.sampled_from(["whole", "rows", "windows"])) if len(graph.inputs) == 1 else "whole"
    overlap = draw(st.booleans())
    stages: list[Stage] = []
    position = 0
    while position < len(graph.operators):
        ends = [
            e for e in range(position + 1, len(graph.operators) + 1) if skeleton(network, position, e, mode, overlap)
        ]
        if not ends:
            mode, stages, position = "whole", [], 0
            continue
        end = draw(st.sampled_from(ends)) if draw(st.booleans()) else ends[-1]
        shape = skeleton(network, position, end, mode, overlap)
        assert shape is not None
        whole = 1 if shape.strip_tensor is None else graph.tensor(shape.strip_tensor).width
        width = draw(st.integers(1, whole)) if shape.strips_allowed else whole
        stages.append(Stage(position, end, width, draw(st.none() | st.integers(0, 400))))
        position = end
    return make_plan(network, tuple(stages), mode, overlap)
