"""Random small TensorFlow Lite models, written with the schema's object API and drawn by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import strategies as st

TYPES = {"int8": schema.TensorType.INT8, "uint8": schema.TensorType.UINT8, "int32": schema.TensorType.INT32,
         "int64": schema.TensorType.INT64}  # fmt: skip


@dataclass
class Activation:
    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int


@dataclass
class Writer:
    """A model under construction: tensors and operators are appended, `content` is the file."""

    element: str = "int8"
    tensors: list = field(default_factory=list)
    buffers: list = field(default_factory=lambda: [schema.BufferT()])
    operators: list = field(default_factory=list)
    codes: list = field(default_factory=list)

    def tensor(self, shape, element, scales=None, zeros=None, axis=0, data=None) -> int:
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.tensors)}"
        tensor.shape = list(shape)
        tensor.type = TYPES[element]
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(s) for s in np.asarray(scales, np.float32).reshape(-1)]
            tensor.quantization.zeroPoint = [int(z) for z in np.asarray(zeros).reshape(-1)]
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = list(np.ascontiguousarray(data).tobytes())
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, data: np.ndarray, **quantization) -> int:
        return self.tensor(data.shape, str(data.dtype), data=data, **quantization)

    def activation(self, shape, scale: float, zero: int) -> Activation:
        """`zero` as of int8."""
        given = zero + (128 if self.element == "uint8" else 0)
        return Activation(
            self.tensor(shape, self.element, [scale], [given]), tuple(shape), float(np.float32(scale)), zero
        )

    def operator(self, name: str, inputs, outputs, options=None, version: int = 1) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.codes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.operators.append(operator)

    def content(self, inputs, outputs) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes, model.subgraphs, model.buffers = self.codes, [graph], self.buffers
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def options(kind: str, **fields):
    result = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        assert hasattr(result, name), name
        setattr(result, name, value)
    return result


class Network(Writer):
    """Random operators, each from the activation `x`."""

    def __init__(self, seed: int, element: str, shape: tuple[int, ...]) -> None:
        super().__init__(element)
        self.random = np.random.default_rng(seed)
        self.outputs: list[Activation] = []
        self.source = self.fresh(shape)

    def fresh(self, shape, scale: float | None = None) -> Activation:
        zero = int(self.random.choice([-128, 127, 0, int(self.random.integers(-128, 128))]))
        return self.activation(shape, scale or float(np.exp(self.random.uniform(-6, 1))), zero)

    def like(self, shape, x: Activation) -> Activation:
        return self.activation(shape, x.scale, x.zero)

    def weights(self, shape, axis: int) -> tuple[int, np.ndarray, np.ndarray]:
        """(tensor, values less their zero point, scales)."""
        if self.element == "uint8":
            zero = int(self.random.integers(0, 256))
            values = self.random.integers(0, 256, shape).astype(np.uint8)
            scales = np.exp(self.random.uniform(-6, -1, 1)).astype(np.float32)
            return self.constant(values, scales=scales, zeros=[zero]), values.astype(np.int32) - zero, scales
        values = self.random.integers(-127, 128, shape).astype(np.int8)
        count = shape[axis] if self.random.random() < 0.7 else 1
        scales = np.exp(self.random.uniform(-6, -1, count)).astype(np.float32)
        index = self.constant(values, scales=scales, zeros=np.zeros(count, int), axis=axis if count > 1 else 0)
        return index, values.astype(np.int32), scales

    def linear_output(self, x: Activation, scales: np.ndarray, fan_in: int, shape) -> Activation:
        """An output whose scale suits the accumulators, give or take; now and then a multiplier above one."""
        spread = x.scale * float(np.median(scales)) * 74 * 74 * fan_in**0.5
        scale = spread / 60 * float(np.exp(self.random.normal(0, 0.7)))
        if self.random.random() < 0.05:
            scale = x.scale * float(np.max(scales)) / 1.7
        return self.fresh(shape, scale)

    def bias(self, x: Activation, weight_scales: np.ndarray, count: int, fan_in: int, optional: bool = False) -> int:
        if optional and self.random.random() < 0.2:
            return -1
        values = self.random.integers(-4000, 4000, count).astype(np.int32) * int(max(1, fan_in**0.5))
        scales = np.float32(x.scale) * weight_scales
        return self.constant(values, scales=scales, zeros=np.zeros(len(scales), int))

    def fused(self) -> int:
        return int(self.random.choice([0, 0, 1, 2, 3]))


def draw_window(draw, size: tuple[int, int], dilates: bool = False) -> dict[str, object]:
    kernel = tuple(draw(st.integers(1, min(5, size[a]))) for a in (0, 1))
    dilation = (1, 1)
    if dilates and draw(st.booleans()):
        dilation = tuple(draw(st.integers(1, max(1, (size[a] - 1) // max(1, kernel[a] - 1)))) for a in (0, 1))
        dilation = tuple(min(d, 3) for d in dilation)
    stride = (1, 1) if dilation != (1, 1) else tuple(draw(st.integers(1, 3)) for _ in (0, 1))
    same = draw(st.booleans())
    output = []
    for axis in (0, 1):
        extent = (kernel[axis] - 1) * dilation[axis] + 1
        output.append(-(-size[axis] // stride[axis]) if same else (size[axis] - extent) // stride[axis] + 1)
    return {"kernel": kernel, "stride": stride, "dilation": dilation, "same": same, "output": tuple(output)}


def window_options(kind: str, window, **fields):
    return options(
        kind, padding=0 if window["same"] else 1, strideH=window["stride"][0], strideW=window["stride"][1], **fields
    )


def conv(draw, net: Network, x: Activation) -> Activation:
    _, height, width, channels = x.shape
    window = draw_window(draw, (height, width), dilates=True)
    groups = draw(st.sampled_from([g for g in (1, 1, 1, 2) if channels % g == 0])) if net.element == "int8" else 1
    outputs = groups * draw(st.integers(1, 9))
    depth = channels // groups
    weights, _, scales = net.weights((outputs, *window["kernel"], depth), 0)
    fan_in = window["kernel"][0] * window["kernel"][1] * depth
    y = net.linear_output(x, scales, fan_in, (1, *window["output"], outputs))
    given = window_options(
        "Conv2D", window, dilationHFactor=window["dilation"][0], dilationWFactor=window["dilation"][1],
        fusedActivationFunction=net.fused(),
    )  # fmt: skip
    net.operator("CONV_2D", [x.index, weights, net.bias(x, scales, outputs, fan_in)], [y.index], given, 3)
    return y


def depthwise(draw, net: Network, x: Activation) -> Activation:
    _, height, width, channels = x.shape
    window = draw_window(draw, (height, width), dilates=True)
    multiplier = draw(st.sampled_from([1, 1, 1, 2, 3]))
    outputs = channels * multiplier
    weights, _, scales = net.weights((1, *window["kernel"], outputs), 3)
    fan_in = window["kernel"][0] * window["kernel"][1]
    y = net.linear_output(x, scales, fan_in, (1, *window["output"], outputs))
    given = window_options(
        "DepthwiseConv2D", window, dilationHFactor=window["dilation"][0], dilationWFactor=window["dilation"][1],
        depthMultiplier=multiplier, fusedActivationFunction=net.fused(),
    )  # fmt: skip
    net.operator("DEPTHWISE_CONV_2D", [x.index, weights, net.bias(x, scales, outputs, fan_in)], [y.index], given, 3)
    return y


def dense(draw, net: Network, x: Activation) -> Activation:
    count = int(np.prod(x.shape))
    outputs = draw(st.integers(1, 11))
    by_pixel = len(x.shape) == 4 and draw(st.booleans())
    depth = x.shape[-1] if by_pixel else count
    weights, _, scales = net.weights((outputs, depth), 0)
    shape = (*x.shape[:-1], outputs) if by_pixel else (1, outputs)
    y = net.linear_output(x, scales, depth, shape)
    given = options("FullyConnected", fusedActivationFunction=net.fused(), keepNumDims=by_pixel)
    net.operator(
        "FULLY_CONNECTED", [x.index, weights, net.bias(x, scales, outputs, depth, optional=True)], [y.index], given, 5
    )
    return y


def pool(draw, net: Network, x: Activation) -> Activation:
    _, height, width, channels = x.shape
    window = draw_window(draw, (height, width))
    y = net.like((1, *window["output"], channels), x)
    name = draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    given = window_options(
        "Pool2D", window, filterHeight=window["kernel"][0], filterWidth=window["kernel"][1],
        fusedActivationFunction=net.fused(),
    )  # fmt: skip
    net.operator(name, [x.index], [y.index], given, 2)
    return y


def mean(draw, net: Network, x: Activation) -> Activation:
    axes = draw(st.sampled_from([(1, 2), (2, 1), (1,), (2,), (-3, -2)]))
    keep = draw(st.booleans())
    dropped = {a % 4 for a in axes}
    shape = [1 if a in dropped else s for a, s in enumerate(x.shape) if keep or a not in dropped]
    y = net.like(shape, x) if draw(st.booleans()) else net.fresh(shape, x.scale * draw(st.floats(0.3, 2)))
    net.operator(
        "MEAN", [x.index, net.constant(np.array(axes, np.int32))], [y.index], options("Reducer", keepDims=keep), 2
    )
    return y


def add(draw, net: Network, x: Activation) -> Activation:
    name = draw(st.sampled_from(["ADD", "SUB", "MUL"]))
    other = x if draw(st.booleans()) else quantize(draw, net, x)
    scale = x.scale * other.scale * 40 if name == "MUL" else max(x.scale, other.scale) * draw(st.floats(0.4, 2.5))
    y = net.fresh(x.shape, scale)
    kind = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}[name]
    pair = [x.index, other.index] if draw(st.booleans()) else [other.index, x.index]
    net.operator(name, pair, [y.index], options(kind, fusedActivationFunction=net.fused()), 2)
    return y


def constant(draw, net: Network, x: Activation) -> Activation:
    """A sum or product with a constant number, or a product with one a channel."""
    name = draw(st.sampled_from(["ADD", "SUB", "MUL", "MUL"]))
    shape = (x.shape[-1],) if name == "MUL" and draw(st.booleans()) else draw(st.sampled_from([(), (1,)]))
    values = net.random.integers(-128, 128, shape).astype(np.int8)
    zero = 0 if shape else int(net.random.integers(-128, 128))
    if net.element == "uint8":
        values, zero = (values.astype(np.int16) + 128).astype(np.uint8), zero + 128
    scale = float(np.float32(x.scale * draw(st.floats(0.3, 3))))
    other = net.constant(values, scales=[scale], zeros=[zero])
    y = net.fresh(x.shape, x.scale * scale * 40 if name == "MUL" else max(x.scale, scale) * draw(st.floats(0.4, 2.5)))
    kind = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}[name]
    pair = [x.index, other] if draw(st.booleans()) else [other, x.index]
    net.operator(name, pair, [y.index], options(kind, fusedActivationFunction=net.fused()), 2)
    return y


def quantize(draw, net: Network, x: Activation) -> Activation:
    y = net.fresh(x.shape, x.scale * draw(st.floats(0.3, 3)))
    net.operator("QUANTIZE", [x.index], [y.index], options("Quantize"), 2)
    return y


def softmax(draw, net: Network, x: Activation) -> Activation:
    y = net.activation(x.shape, 1 / 256, -128)
    net.operator("SOFTMAX", [x.index], [y.index], options("Softmax", beta=draw(st.sampled_from([1.0, 0.5, 3.0]))), 2)
    return y


def log_softmax(draw, net: Network, x: Activation) -> Activation:
    y = net.activation(x.shape, 1 / 16, 127)
    net.operator("LOG_SOFTMAX", [x.index], [y.index], options("LogSoftmax"), 2)
    return y


def pad(draw, net: Network, x: Activation) -> Activation:
    amounts = np.array([[0, 0], *([draw(st.integers(0, 2)) for _ in (0, 1)] for _ in (0, 1)), [0, 0]], np.int32)
    y = net.like([s + int(a.sum()) for s, a in zip(x.shape, amounts, strict=True)], x)
    net.operator("PAD", [x.index, net.constant(amounts)], [y.index], options("Pad"), 2)
    return y


def concat(draw, net: Network, x: Activation) -> Activation:
    count = draw(st.integers(2, 3))
    y = net.like((*x.shape[:-1], x.shape[-1] * count), x)
    axis = draw(st.sampled_from([-1, len(x.shape) - 1]))
    net.operator("CONCATENATION", [x.index] * count, [y.index], options("Concatenation", axis=axis), 2)
    return y


def resize(draw, net: Network, x: Activation) -> Activation:
    height, width = (draw(st.integers(1, 2 * size)) for size in x.shape[1:3])
    y = net.like((1, height, width, x.shape[3]), x)
    mode = draw(st.sampled_from([{}, {"alignCorners": True}, {"halfPixelCenters": True}]))
    size = net.constant(np.array([height, width], np.int32))
    net.operator("RESIZE_NEAREST_NEIGHBOR", [x.index, size], [y.index], options("ResizeNearestNeighbor", **mode), 3)
    return y


FUNCTIONS = {
    "RELU": 2,
    "RELU6": 2,
    "RELU_N1_TO_1": 1,
    "LEAKY_RELU": 2,
    "LOGISTIC": 2,
    "TANH": 2,
    "GELU": 2,
    "ABS": 1,
    "HARD_SWISH": 1,
}
"""With the versions that have int8."""


def function(draw, net: Network, x: Activation) -> Activation:
    only_int8 = ("LOGISTIC", "TANH", "GELU", "HARD_SWISH", "ABS")
    known = [name for name in FUNCTIONS if net.element == "int8" or name not in only_int8]
    name = draw(st.sampled_from(known))
    match name:
        case "LOGISTIC":
            y = net.activation(x.shape, 1 / 256, -128)
        case "TANH":
            y = net.activation(x.shape, 1 / 128, 0)
        case _:
            y = net.fresh(x.shape, x.scale * draw(st.floats(0.5, 2)))
    given = None
    if name == "LEAKY_RELU":
        given = options("LeakyRelu", alpha=draw(st.floats(-0.5, 1.5, width=32)))
    elif name == "GELU":
        given = options("Gelu")
    net.operator(name, [x.index], [y.index], given, FUNCTIONS[name])
    return y


def transposed(draw, net: Network, x: Activation) -> Activation:
    _, height, width, channels = x.shape
    kernel, stride = ((draw(st.integers(1, n)), draw(st.integers(1, n))) for n in (4, 3))
    same = draw(st.booleans())
    size = [
        s * u - draw(st.integers(0, u - 1)) if same else (s - 1) * u + k
        for s, u, k in zip((height, width), stride, kernel, strict=True)
    ]
    outputs = draw(st.integers(1, 5))
    weights, _, scales = net.weights((outputs, *kernel, channels), 0)
    fan_in = channels * -(-kernel[0] // stride[0]) * -(-kernel[1] // stride[1])
    y = net.linear_output(x, scales, fan_in, (1, *size, outputs))
    shape = net.constant(np.array([1, *size, outputs], np.int32))
    inputs = [shape, weights, x.index]
    if draw(st.booleans()):
        inputs.append(net.bias(x, scales, outputs, fan_in))
    given = options("TransposeConv", padding=0 if same else 1, strideH=stride[0], strideW=stride[1])
    net.operator("TRANSPOSE_CONV", inputs, [y.index], given, 3)
    return y


def bilinear(draw, net: Network, x: Activation) -> Activation:
    height, width = (draw(st.integers(1, 3 * size)) for size in x.shape[1:3])
    mode = draw(st.sampled_from([{}, {"alignCorners": True}, {"halfPixelCenters": True}]))
    if net.element == "uint8":  # computed in float there: equal where its weights are short binary fractions
        height, width, mode = 2 * x.shape[1], 4 * x.shape[2], {}
    y = net.like((1, height, width, x.shape[3]), x)
    size = net.constant(np.array([height, width], np.int32))
    net.operator("RESIZE_BILINEAR", [x.index, size], [y.index], options("ResizeBilinear", **mode), 3)
    return y


def split(draw, net: Network, x: Activation) -> Activation:
    """Two parts, joined again the other way round; or one of them, the other an output of its own."""
    axis = draw(st.sampled_from([a for a, size in enumerate(x.shape) if a > 0 and size > 1] or [0]))
    if axis == 0:
        return quantize(draw, net, x)
    size = x.shape[axis]
    first = size // 2 if size % 2 == 0 and draw(st.booleans()) else draw(st.integers(1, size - 1))
    parts = [net.like((*x.shape[:axis], n, *x.shape[axis + 1 :]), x) for n in (first, size - first)]
    indices = [part.index for part in parts]
    number = net.constant(np.array(axis, np.int32))
    if 2 * first == size:
        net.operator("SPLIT", [number, x.index], indices, options("Split", numSplits=2), 2)
    else:
        sizes = net.constant(np.array([first, size - first], np.int32))
        net.operator("SPLIT_V", [x.index, sizes, number], indices, options("SplitV", numSplits=2), 2)
    if draw(st.booleans()):
        net.outputs.append(parts[1])
        return parts[0]
    y = net.like(x.shape, x)
    net.operator("CONCATENATION", indices[::-1], [y.index], options("Concatenation", axis=axis), 2)
    return y


def cut(draw, net: Network, x: Activation) -> Activation:
    begin = [0, *(draw(st.integers(0, size - 1)) for size in x.shape[1:])]
    end = [1, *(draw(st.integers(b + 1, size)) for b, size in zip(begin[1:], x.shape[1:], strict=True))]
    if draw(st.booleans()):
        y = net.like([e - b for b, e in zip(begin, end, strict=True)], x)
        given = [net.constant(np.array(v, np.int32)) for v in (begin, np.subtract(end, begin))]
        net.operator("SLICE", [x.index, *given], [y.index], options("Slice"), 2)
        return y
    steps = [1, *(draw(st.integers(1, 3)) for _ in x.shape[1:])]
    y = net.like([-(-(e - b) // s) for b, e, s in zip(begin, end, steps, strict=True)], x)
    given = [net.constant(np.array(v, np.int32)) for v in (begin, end, steps)]
    net.operator("STRIDED_SLICE", [x.index, *given], [y.index], options("StridedSlice"), 2)
    return y


def gather(draw, net: Network, x: Activation) -> Activation:
    axis = draw(st.integers(1, 3))
    indices = [draw(st.integers(0, x.shape[axis] - 1)) for _ in range(draw(st.integers(1, 5)))]
    y = net.like((*x.shape[:axis], len(indices), *x.shape[axis + 1 :]), x)
    given = net.constant(np.array(indices, np.int32))
    net.operator("GATHER", [x.index, given], [y.index], options("Gather", axis=axis), 2)
    return y


def rearrange(draw, net: Network, x: Activation) -> Activation:
    _, height, width, channels = x.shape
    kinds = ["shuffle"]
    kinds += ["DEPTH_TO_SPACE"] * (channels % 4 == 0) + ["SPACE_TO_DEPTH"] * (height % 2 == 0 and width % 2 == 0)
    kind = draw(st.sampled_from(kinds))
    if kind == "shuffle":
        groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
        parts, turned, y = (
            net.like(shape, x)
            for shape in (
                (1, height, width, groups, channels // groups),
                (1, height, width, channels // groups, groups),
                x.shape,
            )
        )
        order = net.constant(np.array([0, 1, 2, 4, 3], np.int32))
        shapes = [net.constant(np.array(each.shape, np.int32)) for each in (parts, y)]
        net.operator("RESHAPE", [x.index, shapes[0]], [parts.index], options("Reshape"))
        net.operator("TRANSPOSE", [parts.index, order], [turned.index], options("Transpose"), 2)
        net.operator("RESHAPE", [turned.index, shapes[1]], [y.index], options("Reshape"))
        return y
    shape = (2 * height, 2 * width, channels // 4)
    if kind == "SPACE_TO_DEPTH":
        shape = (height // 2, width // 2, 4 * channels)
    y = net.like((1, *shape), x)
    given = options("DepthToSpace" if kind == "DEPTH_TO_SPACE" else "SpaceToDepth", blockSize=2)
    net.operator(kind, [x.index], [y.index], given, 1)
    return y


def mirror(draw, net: Network, x: Activation) -> Activation:
    mode = draw(st.integers(0, 1))
    amounts = [[0, 0], *([draw(st.integers(0, min(3, s - 1 + mode))) for _ in (0, 1)] for s in x.shape[1:])]
    y = net.like([s + sum(a) for s, a in zip(x.shape, amounts, strict=True)], x)
    given = net.constant(np.array(amounts, np.int32))
    net.operator("MIRROR_PAD", [x.index, given], [y.index], options("MirrorPad", mode=mode), 2)
    return y


def wide_pad(draw, net: Network, x: Activation) -> Activation:
    amounts = np.array([[0, 0], *([draw(st.integers(0, 2)) for _ in (0, 1)] for _ in x.shape[1:])], np.int32)
    y = net.like([s + int(a.sum()) for s, a in zip(x.shape, amounts, strict=True)], x)
    net.operator("PAD", [x.index, net.constant(amounts)], [y.index], options("Pad"), 2)
    return y


def slopes(draw, net: Network, x: Activation) -> Activation:
    shape = draw(st.sampled_from([(1, 1, x.shape[3]), (1, 1, 1)]))
    values = net.random.integers(-128, 128, shape).astype(np.int8)
    zero = int(net.random.integers(-128, 128))
    if net.element == "uint8":
        values, zero = (values.astype(np.int16) + 128).astype(np.uint8), zero + 128
    alpha = net.constant(values, scales=[draw(st.floats(0.001, 0.05))], zeros=[zero])
    y = net.fresh(x.shape, x.scale * draw(st.floats(0.5, 2)))
    net.operator("PRELU", [x.index, alpha], [y.index], None)
    return y


def extreme(draw, net: Network, x: Activation) -> Activation:
    name = draw(st.sampled_from(["MAXIMUM", "MINIMUM"]))
    if draw(st.booleans()):
        shape = draw(st.sampled_from([(), (x.shape[-1],)]))
        values = net.random.integers(-128, 128, shape).astype(np.int8)
        zero = x.zero
        if net.element == "uint8":
            values, zero = (values.astype(np.int16) + 128).astype(np.uint8), zero + 128
        other = net.constant(values, scales=[x.scale], zeros=[zero])
    else:
        other = resized_like(draw, net, x).index
    y = net.like(x.shape, x)
    net.operator(name, [x.index, other], [y.index], options("MaximumMinimum"), 2)
    return y


def resized_like(draw, net: Network, x: Activation) -> Activation:
    """The same pixels in another order."""
    y = net.like(x.shape, x)
    axes = net.constant(np.array([draw(st.integers(1, len(x.shape) - 1))], np.int32))
    net.operator("REVERSE_V2", [x.index, axes], [y.index], options("ReverseV2"), 2)
    return y


def by_channel(draw, net: Network, x: Activation) -> Activation:
    """A sum or difference with a constant for each channel."""
    name = draw(st.sampled_from(["ADD", "SUB"]))
    values = net.random.integers(-128, 128, (x.shape[-1],)).astype(np.int8)
    zero = int(net.random.integers(-128, 128))
    if net.element == "uint8":
        values, zero = (values.astype(np.int16) + 128).astype(np.uint8), zero + 128
    scale = float(np.float32(x.scale * draw(st.floats(0.3, 3))))
    other = net.constant(values, scales=[scale], zeros=[zero])
    y = net.fresh(x.shape, max(x.scale, scale) * draw(st.floats(0.4, 2.5)))
    pair = [x.index, other] if draw(st.booleans()) else [other, x.index]
    kind = {"ADD": "Add", "SUB": "Sub"}[name]
    net.operator(name, pair, [y.index], options(kind, fusedActivationFunction=net.fused()), 2)
    return y


def largest(draw, net: Network, x: Activation) -> Activation:
    axes = draw(st.sampled_from([(1, 2), (1,), (2,)]))
    keep = draw(st.booleans())
    shape = [1 if a in axes else s for a, s in enumerate(x.shape) if keep or a not in axes]
    y = net.like(shape, x)
    given = options("Reducer", keepDims=keep)
    net.operator("REDUCE_MAX", [x.index, net.constant(np.array(axes, np.int32))], [y.index], given, 2)
    return y


def in_batches(draw, net: Network, x: Activation) -> Activation:
    """A dilated convolution as TensorFlow writes it."""
    _, height, width, channels = x.shape
    block = [draw(st.integers(1, 3)) for _ in (0, 1)]
    kernel = [draw(st.integers(1, 3)) for _ in (0, 1)]
    same = draw(st.booleans())
    before = [(k - 1) * b // 2 if same else 0 for k, b in zip(kernel, block, strict=True)]
    pads, sizes = [], []
    for size, b, first, k in zip((height, width), block, before, kernel, strict=True):
        last = (k - 1) * b - first if same else 0
        last += -(size + first + last) % b
        pads.append((first, last))
        sizes.append((size + first + last) // b)
    inner = [s - k + 1 for s, k in zip(sizes, kernel, strict=True)]
    if min(inner) < 1:
        return quantize(draw, net, x)
    wanted = [size if same else size - (k - 1) * b for size, k, b in zip((height, width), kernel, block, strict=True)]
    crops = [(0, n * b - w) for n, b, w in zip(inner, block, wanted, strict=True)]
    if min(wanted) < 1 or min(c for _, c in crops) < 0:
        return quantize(draw, net, x)
    batches = net.like((block[0] * block[1], *sizes, channels), x)
    shape = net.constant(np.array(block, np.int32))
    given = [shape, net.constant(np.array(pads, np.int32))]
    net.operator("SPACE_TO_BATCH_ND", [x.index, *given], [batches.index], options("SpaceToBatchND"), 2)
    outputs = draw(st.integers(1, 4))
    weights, _, scales = net.weights((outputs, *kernel, channels), 0)
    fan_in = kernel[0] * kernel[1] * channels
    middle = net.linear_output(x, scales, fan_in, (block[0] * block[1], *inner, outputs))
    window = {"same": False, "stride": (1, 1)}
    conv_options = window_options("Conv2D", window, fusedActivationFunction=net.fused())
    bias = net.bias(x, scales, outputs, fan_in)
    net.operator("CONV_2D", [batches.index, weights, bias], [middle.index], conv_options, 3)
    y = net.like((1, *wanted, outputs), middle)
    given = [shape, net.constant(np.array(crops, np.int32))]
    net.operator("BATCH_TO_SPACE_ND", [middle.index, *given], [y.index], options("BatchToSpaceND"), 2)
    return y


IMAGE = [
    *(conv, depthwise, conv, depthwise, pool, mean, add, constant, quantize, pad, concat, resize, function, dense),
    *(
        softmax,
        log_softmax,
        transposed,
        bilinear,
        split,
        cut,
        gather,
        rearrange,
        mirror,
        wide_pad,
        slopes,
        extreme,
        by_channel,
    ),
    *(largest, in_batches, resized_like),
]
VECTOR = [dense, add, constant, quantize, softmax, log_softmax, function, concat, extreme]


@dataclass(frozen=True)
class Model:
    """A file's content; what hypothesis shows of it are its operators."""

    content: bytes
    operators: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Model of {', '.join(self.operators)}"


@st.composite
def models(draw, element: str = "int8", most: int = 4) -> Model:
    """One to `most` operators."""
    shape = (1, draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    net = Network(draw(st.integers(0, 2**31)), element, shape)
    x = net.source
    inputs = [x.index]
    if draw(st.integers(0, 7)) == 0:
        other = net.fresh(shape, x.scale * draw(st.floats(0.5, 2)))
        inputs.append(other.index)
        y = net.fresh(shape, x.scale * 2)
        net.operator("ADD", inputs, [y.index], options("Add"), 2)
        x = y
    for _ in range(draw(st.integers(1, most))):
        kinds = IMAGE if len(x.shape) == 4 else VECTOR if len(x.shape) == 2 else [add, quantize, function]
        x = draw(st.sampled_from(kinds))(draw, net, x)
        if int(np.prod(x.shape)) > 6000:
            break
        if draw(st.integers(0, 11)) == 0:
            net.outputs.append(x)
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    outputs = list(dict.fromkeys([x.index, *(each.index for each in net.outputs)]))
    if len(x.shape) == 4 and draw(st.integers(0, 9)) == 0:
        numbers = net.tensor(x.shape[:3], "int64")
        axis = net.constant(np.array(3, np.int32))
        given = options("ArgMax", outputType=schema.TensorType.INT64)
        net.operator("ARG_MAX", [x.index, axis], [numbers], given, 2)
        outputs.append(numbers)
    return Model(net.content(inputs, outputs), tuple(names[code.builtinCode] for code in net.codes))
