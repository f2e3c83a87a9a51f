"""The Graph: a quantized CNN as frozen values, the one form that every later step reads.

Activations are int8 in HWC order with batch 1; a vector is a 1 x 1 x C tensor and a 1-D signal an L x 1 x C one.
Quantized value q of a tensor stands for the real value `scale * (q - zero_point)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Int8Array: TypeAlias = npt.NDArray[np.int8]
Int32Array: TypeAlias = npt.NDArray[np.int32]
UInt32Array: TypeAlias = npt.NDArray[np.uint32]
Pair: TypeAlias = tuple[int, int]
Rounding: TypeAlias = Literal["once", "twice", "even", "odd"]
"""How a product is rounded, acc * multiplier / 2^shift in exact arithmetic.

once: half up, (acc * multiplier + (1 << (shift - 1))) >> shift.
twice: as TensorFlow Lite defines it (MultiplyByQuantizedMultiplier): where shift > 31, to a multiple of 2^31, half up,
and that to a multiple of 2^shift, half away from zero. It is the same as
(acc * multiplier + (1 << (shift - 1)) + (2^30 if acc >= 0 else -2^30)) >> shift.
even, odd: to the nearest integer, an exact half to the even or the odd one. Pools and products know them.
"""


@dataclass(frozen=True)
class Quantization:
    """Affine quantization of a whole activation tensor: real = scale * (q - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Interface:
    """How an HWC tensor stands in the model's file: its name there, shape, element type and the order of its axes.

    `axes` lists which of H (0), W (1), C (2) comes first, second, third in the file's memory: NCHW is (2, 0, 1).
    `shape` is that in the file, batch included, symbolic dimensions taken as 1. Where `normalization` (mean and
    deviation of each channel) is given, the tensor holds pixels p of 0 to 255 in place of the file's floats
    (p - mean) / deviation.
    """

    name: str
    shape: tuple[int, ...]
    element: Literal["float32", "int8", "uint8", "int32", "int64"]
    axes: tuple[int, int, int]
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def to_hwc(self, array: npt.NDArray[np.generic], hwc: tuple[int, int, int]) -> npt.NDArray[np.generic]:
        """Array of the file (any shape with the right number of elements) -> array of shape `hwc`."""
        stored = array.reshape([hwc[axis] for axis in self.axes])
        return np.ascontiguousarray(np.transpose(stored, np.argsort(self.axes)))

    def from_hwc(self, array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """HWC array -> array in the file's shape."""
        return np.ascontiguousarray(np.transpose(array, self.axes)).reshape(self.shape)


@dataclass(frozen=True)
class Tensor:
    """An activation. `origin` says which quantized tensor of the file it equals, None where the importer made it up."""

    name: str
    height: int
    width: int
    channels: int
    quantization: Quantization
    origin: Interface | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels

    @property
    def size(self) -> int:
        """Bytes, which is elements: activations are int8."""
        return self.height * self.width * self.channels


@dataclass(frozen=True)
class Padding:
    """Rows and columns of padding (the input's zero point) around the input of a windowed operator."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Operator:
    """One quantized layer. `inputs` and `output` name tensors of the Graph; `low`, `high` clamp the output.

    The folded activation is the clamp: a ReLU after the operator gives low = max(-128, zero point of the output).
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    low: int = -128
    high: int = 127


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv2D(Operator):
    """weights int8 [out_channels, kernel_h, kernel_w, in_channels / groups], bias int32 [out_channels].

    acc = bias[o] + sum(weights * (x - zero point of the input)), in int32, the padding adding nothing;
    y = clamp(zero point + acc * multiplier[o] / 2^shift[o], rounded as `rounding` says).
    Every multiplier is in [2^30, 2^31) or 0; every shift is at least 1 and has no upper bound.
    """

    weights: Int8Array
    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = Padding()
    groups: int = 1
    rounding: Rounding = "once"

    @property
    def kernel(self) -> Pair:
        """(rows, columns) of taps."""
        return self.weights.shape[1], self.weights.shape[2]


@dataclass(frozen=True, eq=False, kw_only=True)
class DepthwiseConv2D(Operator):
    """One filter a channel: weights int8 [kernel_h, kernel_w, channels]; otherwise as Conv2D."""

    weights: Int8Array
    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = Padding()
    rounding: Rounding = "once"

    @property
    def kernel(self) -> Pair:
        """(rows, columns) of taps."""
        return self.weights.shape[0], self.weights.shape[1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Operator):
    """weights int8 [out_channels, height * width * channels of the input] in HWC order; output 1 x 1 x out_channels.

    Accumulation and requantization as Conv2D, rounded once.
    """

    weights: Int8Array
    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPool2D(Operator):
    """Maximum over the window, padding excluded. Input and output share their quantization."""

    kernel: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = Padding()


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePool2D(Operator):
    """acc = sum over the window of (x - zero point of the input), the padding adding nothing.

    n is the number of taps that lie in the input, or kernel_h * kernel_w when `count_include_pad`;
    y = clamp(zero point + acc * multiplier[n] / 2^shift[n], rounded as `rounding` says). multiplier and shift have
    kernel_h * kernel_w + 1 entries; the division by n is inside them. `center`, where it is given, stands for both zero
    points.
    """

    kernel: Pair
    multiplier: Int32Array
    shift: Int32Array
    stride: Pair = (1, 1)
    padding: Padding = Padding()
    count_include_pad: bool = False
    rounding: Rounding = "once"
    center: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class GlobalAveragePool(Operator):
    """acc[c] = sum over all pixels of (x - zero point of the input); output 1 x 1 x C; one multiplier, one shift.

    Otherwise as AveragePool2D.
    """

    multiplier: int
    shift: int
    rounding: Rounding = "once"
    center: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Operator):
    """y = clamp(zy + ((m0 * (a - za) + m1 * (b - zb) + (1 << (shift - 1))) >> shift)), all of it within int32.

    shift is in [1, 30]. Equal shapes.
    """

    multipliers: tuple[int, int]
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Mul(Operator):
    """y = clamp(zy + (a - za) * (b - zb) * multiplier / 2^shift, rounded as `rounding` says), in exact arithmetic.

    The second input has the shape of the first or is 1 x 1 x C, one factor a channel (squeeze-and-excite).
    """

    multiplier: int
    shift: int
    rounding: Rounding = "once"


@dataclass(frozen=True, eq=False, kw_only=True)
class ChannelAffine(Operator):
    """Add, Mul or batch normalization with constants: one factor and one offset a channel.

    y = clamp(zy + ((multiplier[c] * (x - zx) + offset[c] + (1 << (shift[c] - 1))) >> shift[c])), all within int32,
    shift in [1, 30].
    """

    multiplier: Int32Array
    offset: Int32Array
    shift: Int32Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(Operator):
    """Any function of one element: y = table[x + 128]; table int8 [256], already clamped."""

    table: Int8Array


@dataclass(frozen=True, eq=False, kw_only=True)
class ChannelLookup(Operator):
    """Any function of one element for each channel: y = table[c][x + 128]; table int8 [channels, 256]."""

    table: Int8Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Operator):
    """Joins tensors of one quantization along rows (axis 0), columns (1) or channels (2); the others are equal."""

    axis: Literal[0, 1, 2] = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Operator):
    """Surrounds the input with rows and columns of `value`."""

    padding: Padding
    value: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Gather(Operator):
    """Output row y is input row `rows[y]`, output column x input column `columns[x]`, in any order.

    Nearest-neighbour resizing, slices with strides, reflected and repeated borders.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class GatherChannels(Operator):
    """Output channel c is input channel `channels[c]`, or `value` everywhere where that is -1.

    Slices and splits, channel shuffles, channels of padding. Input and output share their quantization.
    """

    channels: tuple[int, ...]
    value: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class DepthToSpace(Operator):
    """block x block pixels from the channels of each; C = input channels / block^2.

    Output (y, x, c) is channel (y % block) * steps[0] + (x % block) * steps[1] + c * steps[2] of input pixel
    (y // block, x // block): steps are (block * C, C, 1), or (block, 1, block^2) as ONNX's mode CRD has it.
    """

    block: int
    steps: tuple[int, int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class SpaceToDepth(Operator):
    """Output channel (r * block + q) * C + c of pixel (y, x) is channel c of input (y * block + r, x * block + q)."""

    block: int


@dataclass(frozen=True, eq=False, kw_only=True)
class TransposedConv2D(Operator):
    """A convolution over the input with `upsampling` - 1 rows and columns that add nothing put between its own.

    weights int8 [out_channels, kernel_h, kernel_w, in_channels / groups], turned round already; `padding` may be
    negative; otherwise as Conv2D with stride 1.
    """

    weights: Int8Array
    bias: Int32Array
    multiplier: Int32Array
    shift: Int32Array
    upsampling: Pair
    dilation: Pair = (1, 1)
    padding: Padding = Padding()
    groups: int = 1
    rounding: Rounding = "once"

    @property
    def kernel(self) -> Pair:
        """(rows, columns) of taps."""
        return self.weights.shape[1], self.weights.shape[2]


@dataclass(frozen=True, eq=False, kw_only=True)
class ResizeBilinear(Operator):
    """Between the four nearest pixels, with weights in steps of 2^-BILINEAR_BITS.

    Output row y lies `row_weights[y]` steps below input row `rows[y]`, in [0, 2^BILINEAR_BITS), columns alike; a weight
    of 0 does not look at the next row. acc is the weighted sum of (x - center), y = clamp(center + acc /
    2^(2 * BILINEAR_BITS)), rounded half to even, half away from zero, or towards zero. Input and output share their
    quantization.
    """

    rows: tuple[int, ...]
    row_weights: tuple[int, ...]
    columns: tuple[int, ...]
    column_weights: tuple[int, ...]
    center: int
    rounding: Literal["even", "away", "zero"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PRelu(Operator):
    """A factor for each channel where the input is negative: slopes int16 [channels].

    acc = x - zx; where acc < 0, acc * slopes[c]. y = clamp(zy + acc * multipliers[n] / 2^shifts[n], rounded as
    `rounding` says), n = 1 where acc was negative, else 0.
    """

    slopes: npt.NDArray[np.int16]
    multipliers: Pair
    shifts: Pair
    rounding: Rounding = "once"


@dataclass(frozen=True, eq=False, kw_only=True)
class Maximum(Operator):
    """y = clamp(max(a, b)) of two tensors of one shape and quantization."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Minimum(Operator):
    """y = clamp(min(a, b)), otherwise as Maximum."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ArgMax(Operator):
    """The number of the largest channel of each pixel, less 128; of several the first, or the `last`; C <= 256."""

    last: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(Operator):
    """Over the channels of each pixel, in integers.

    e[c] = table[max(x) - x[c]], table uint32 [256] = round(2^20 * exp(-scale * d)); total = sum(e), C <= 4095;
    y = clamp(zy + (e[c] * reciprocal + (total << 11)) // (total << 12)), reciprocal = round(2^12 / output scale).
    """

    table: UInt32Array
    reciprocal: int


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedPointSoftmax(Operator):
    """Over the channels of each pixel, as TensorFlow Lite's integer kernel defines it; C <= 4095.

    e[c] = table[max(x) - x[c]], table int32 [256] = exp in 31 fractional bits; total = sum((e + 2^11) >> 12), whose
    reciprocal r in 31 fractional bits comes from three steps of Newton's method (`reference.reciprocal`), with n bits
    of the total above one; y = clamp(-128 + r * e / 2^(31 + 23 + n), rounded twice).
    """

    table: Int32Array


@dataclass(frozen=True, eq=False, kw_only=True)
class LogSoftmax(Operator):
    """Logarithm of the softmax over the channels of each pixel; C <= 4095.

    total = sum(exponentials[max(x) - x[c]]), exponentials int32 [256] = exp(-scale * d) in 19 fractional bits;
    below = differences[max(x) - x[c]] + (reference.logarithm(total) >> log_shift), differences int32 [256] = scale * d
    in 26 - log_shift fractional bits; y = clamp(zy - ((below * multiplier + 2^(shift - 1)) >> shift)).
    """

    exponentials: Int32Array
    differences: Int32Array
    log_shift: int
    multiplier: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class TableAdd(Operator):
    """y = clamp(zy + (first[a + 128] + second[b + 128]) * multiplier / 2^shift, rounded twice), the sum within int32.

    With multiplier 0, y = clamp(zy + ((first[a + 128] + second[b + 128]) >> shift)). Each addend is a function of one
    input, first and second int32 [256]. Equal shapes.
    """

    first: Int32Array
    second: Int32Array
    multiplier: int
    shift: int


WindowOperator: TypeAlias = Conv2D | DepthwiseConv2D | MaxPool2D | AveragePool2D

BILINEAR_BITS = 11
"""Of the weights of ResizeBilinear: products of two with an int8 stay within int32."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network: input and output tensors in the file's order, operators in an order in which they can run.

    The caller's buffer for the input holds all inputs, one behind the other, and so does that for the output. No tensor
    is an output twice, or an input as well. `labels` name the classes, one for each channel of an output, where the
    model's file says them; `notes` say in one sentence each what else somebody who runs it must know.
    `pixels` (mean, deviation) say what the file does: its first input is (p - mean) / deviation of pixels p.
    """

    name: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def input(self) -> str:
        """The only input, or the first of several."""
        return self.inputs[0]

    @property
    def output(self) -> str:
        """The only output, or the first of several."""
        return self.outputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of what the caller gives: (height, width, channels) of one input, (bytes,) of several."""
        return self.tensor(self.input).shape if len(self.inputs) == 1 else (self.input_bytes,)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Of what the caller gets, as `input_shape`."""
        return self.tensor(self.output).shape if len(self.outputs) == 1 else (self.output_bytes,)

    @property
    def input_bytes(self) -> int:
        """Bytes of all inputs together."""
        return sum(self.tensor(name).size for name in self.inputs)

    @property
    def output_bytes(self) -> int:
        """Bytes of all outputs together."""
        return sum(self.tensor(name).size for name in self.outputs)

    def place(self, name: str) -> int:
        """The first byte of an input or output in the caller's buffer."""
        names = self.inputs if name in self.inputs else self.outputs
        return sum(self.tensor(each).size for each in names[: names.index(name)])

    def split_input(self, data: Int8Array) -> dict[str, Int8Array]:
        """What the caller gives, int8 of `input_shape` -> each input [H, W, C]. Raises ValueError for another shape."""
        if data.dtype != np.int8 or data.shape != self.input_shape:
            raise ValueError(
                f"the input of graph '{self.name}' must be int8 of shape {self.input_shape}, "
                f"got {data.dtype} of shape {data.shape}"
            )
        ends = np.cumsum([self.tensor(name).size for name in self.inputs])
        parts = np.split(data.reshape(-1), ends[:-1])
        return {n: part.reshape(self.tensor(n).shape) for n, part in zip(self.inputs, parts, strict=True)}

    def join_outputs(self, values: Sequence[Int8Array]) -> Int8Array:
        """Each output [H, W, C], in order -> what the caller gets, int8 of `output_shape`."""
        return np.concatenate([value.reshape(-1) for value in values]).reshape(self.output_shape)

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.tensors[name]


WEIGHTED = (Conv2D, DepthwiseConv2D, Dense, TransposedConv2D)
"""The operators with weights."""


def rounds_twice(operator: Operator) -> bool:
    """Whether a convolution rounds as TensorFlow Lite does; False for every other operator."""
    return isinstance(operator, Conv2D | DepthwiseConv2D) and operator.rounding == "twice"


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
        case Concat(axis=axis):
            return axis == 2
        case Add() | TableAdd() | Mul() | ChannelAffine() | Lookup() | ChannelLookup() | Softmax():
            return True
        case FixedPointSoftmax() | LogSoftmax() | GatherChannels() | PRelu() | Maximum() | Minimum() | ArgMax():
            return True
        case _:
            return False


def macs_per_pixel(operator: Operator) -> int:
    """Multiply-accumulates for one output pixel (all channels); 0 for operators that are not convolutions or dense."""
    match operator:
        case Conv2D(weights=weights) | DepthwiseConv2D(weights=weights) | Dense(weights=weights):
            return int(weights.size)
        case TransposedConv2D(weights=weights, upsampling=(rows, columns)):
            return -(-int(weights.size) // (rows * columns))
        case _:
            return 0


def macs(graph: Graph) -> int:
    """Multiply-accumulates of layer-by-layer execution."""
    total = 0
    for operator in graph.operators:
        output = graph.tensor(operator.output)
        total += macs_per_pixel(operator) * output.height * output.width
    return total


def parameter_bytes(graph: Graph) -> int:
    """Bytes of int8 weights."""
    return sum(int(op.weights.size) for op in graph.operators if isinstance(op, WEIGHTED))
