"""What a network of the zoo is before it has weights: layers with their shapes.

Takes the calls of a builder (`Sketch.convolution(...)`, in the order of execution), gives a frozen `Network` from
which MACs, parameters and tensor sizes follow at once and from which `calibration` makes an int8 model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Activation: TypeAlias = Literal["Relu", "Clip"]
Element: TypeAlias = Literal["float32", "int8", "uint8"]
Attribute: TypeAlias = int | float | str | tuple[int, ...]
Pads: TypeAlias = Literal["symmetric", "same", "valid"]

INPUT = "input"


@dataclass(frozen=True)
class Layer:
    """One ONNX node and the activation after it. `inputs` are names of layers; `shape` is C, H, W (or C, L, or C).

    `weights` is the shape of the weights ([O, I / groups, kernel...] or [O, I]) where the layer has any; such a layer
    also has one bias per output channel. `constant` is the length of the constant second operand of an Add or Mul.
    An activation "Clip" is ReLU6.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    shape: Shape
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    weights: Shape = ()
    constant: int = 0
    activation: Activation | None = None

    @property
    def size(self) -> int:
        """Bytes of the int8 output."""
        return math.prod(self.shape)

    @property
    def macs(self) -> int:
        """Multiply-accumulates: convolutions and dense layers."""
        return math.prod(self.weights) * math.prod(self.shape[1:]) if self.weights else 0

    @property
    def parameters(self) -> int:
        """Weights, biases and constants."""
        return (math.prod(self.weights) + self.weights[0] if self.weights else 0) + self.constant


@dataclass(frozen=True)
class Network:
    """A whole network. The file's input has `interface` elements, and is H, W, C where `channels_last`."""

    name: str
    description: str
    shape: Shape
    layers: tuple[Layer, ...]
    interface: Element = "float32"
    channels_last: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def largest_tensor(self) -> int:
        """Bytes of the largest activation."""
        return max(math.prod(self.shape), *(layer.size for layer in self.layers))

    @property
    def layer_peak(self) -> int:
        """Bytes of inputs and output of the layer where these are the most."""
        sizes = {INPUT: math.prod(self.shape)} | {layer.name: layer.size for layer in self.layers}
        return max(layer.size + sum(sizes[name] for name in layer.inputs) for layer in self.layers)


def _pads(style: Pads, size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> tuple[int, ...]:
    """ONNX pads (all begins, then all ends).

    "symmetric" is PyTorch's habit, k // 2 on every side; "same" TensorFlow's: output ceil(size / stride), the odd
    row of padding at the end.
    """
    if style == "valid":
        return (0,) * (2 * len(kernel))
    spans = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    if style == "symmetric":
        return tuple(span // 2 for span in spans) * 2
    totals = [max((math.ceil(n / s) - 1) * s + span + 1 - n, 0) for n, s, span in zip(size, stride, spans, strict=True)]
    return tuple(total // 2 for total in totals) + tuple(total - total // 2 for total in totals)


def _window(size: Shape, kernel: Shape, stride: Shape, pads: Shape, dilation: Shape) -> Shape:
    axes = range(len(size))
    padded = [size[i] + pads[i] + pads[i + len(size)] for i in axes]
    return tuple((padded[i] - (kernel[i] - 1) * dilation[i] - 1) // stride[i] + 1 for i in axes)


class Sketch:
    """Collects layers. Every method appends one layer and returns its name, the handle for later layers."""

    def __init__(self, shape: Shape) -> None:
        """Starts from an input of that shape: C, H, W (or C, L, or C)."""
        self.shapes: dict[str, Shape] = {INPUT: shape}
        self.layers: list[Layer] = []

    def network(
        self, name: str, description: str, *, interface: Element = "float32", channels_last: bool = False
    ) -> Network:
        """The finished network; the last layer's output is the network's."""
        return Network(name, description, self.shapes[INPUT], tuple(self.layers), interface, channels_last)

    def layer(
        self,
        operator: str,
        inputs: Sequence[str],
        shape: Shape,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        weights: Shape = (),
        constant: int = 0,
        activation: Activation | None = None,
    ) -> str:
        """Any operator, its output shape given."""
        name = f"{operator.lower()}_{len(self.layers)}"
        self.layers.append(Layer(name, operator, tuple(inputs), shape, attributes or {}, weights, constant, activation))
        self.shapes[name] = shape
        return name

    def convolution(
        self,
        x: str,
        channels: int,
        kernel: int | Shape = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        dilation: int = 1,
        pads: Pads = "symmetric",
        activation: Activation | None = None,
    ) -> str:
        """Convolution in as many dimensions as the input has."""
        in_channels, *size = self.shapes[x]
        taps = (kernel,) * len(size) if isinstance(kernel, int) else kernel
        strides, dilations = (stride,) * len(size), (dilation,) * len(size)
        padding = _pads(pads, tuple(size), taps, strides, dilations)
        return self.layer(
            "Conv",
            [x],
            (channels, *_window(tuple(size), taps, strides, padding, dilations)),
            {"kernel_shape": taps, "strides": strides, "dilations": dilations, "pads": padding, "group": groups},
            weights=(channels, in_channels // groups, *taps),
            activation=activation,
        )

    def depthwise(
        self, x: str, kernel: int, stride: int = 1, *, pads: Pads = "symmetric", activation: Activation | None = None
    ) -> str:
        """Convolution with one filter a channel."""
        channels = self.shapes[x][0]
        return self.convolution(x, channels, kernel, stride, groups=channels, pads=pads, activation=activation)

    def dense(self, x: str, channels: int, *, activation: Activation | None = None) -> str:
        """Fully connected layer on a vector."""
        (features,) = self.shapes[x]
        return self.layer("Gemm", [x], (channels,), {"transB": 1}, weights=(channels, features), activation=activation)

    def pool(
        self, operator: str, x: str, kernel: int | Shape, stride: int | Shape = 1, *, pads: Pads = "valid", **more: int
    ) -> str:
        """MaxPool or AveragePool; `more` are further attributes."""
        channels, *size = self.shapes[x]
        taps = (kernel,) * len(size) if isinstance(kernel, int) else kernel
        strides = (stride,) * len(size) if isinstance(stride, int) else stride
        padding = _pads(pads, tuple(size), taps, strides, (1,) * len(size))
        shape = (channels, *_window(tuple(size), taps, strides, padding, (1,) * len(size)))
        return self.layer(operator, [x], shape, {"kernel_shape": taps, "strides": strides, "pads": padding, **more})

    def global_average(self, x: str) -> str:
        """Average over all pixels: C x 1 x 1."""
        channels, *size = self.shapes[x]
        return self.layer("GlobalAveragePool", [x], (channels, *(1 for _ in size)))

    def flatten(self, x: str) -> str:
        """Vector of all elements, in C, H, W order."""
        return self.layer("Flatten", [x], (math.prod(self.shapes[x]),))

    def unary(self, operator: str, x: str, **attributes: Attribute) -> str:
        """A function of one element (Sigmoid, HardSwish, ...), or Softmax."""
        return self.layer(operator, [x], self.shapes[x], attributes)

    def add(self, a: str, b: str, *, activation: Activation | None = None) -> str:
        """Sum of two tensors of one shape."""
        return self.layer("Add", [a, b], self.shapes[a], activation=activation)

    def mul(self, a: str, b: str) -> str:
        """Product with a tensor of the same shape or of C x 1 x 1."""
        return self.layer("Mul", [a, b], self.shapes[a])

    def channel_constant(self, operator: str, x: str) -> str:
        """Add or Mul with one constant a channel."""
        return self.layer(operator, [x], self.shapes[x], constant=self.shapes[x][0])

    def concat(self, *parts: str) -> str:
        """The tensors joined along the channels."""
        channels = sum(self.shapes[part][0] for part in parts)
        return self.layer("Concat", parts, (channels, *self.shapes[parts[0]][1:]), {"axis": 1})

    def pad(self, x: str, top: int, left: int, bottom: int, right: int) -> str:
        """Rows and columns of zeros around the tensor."""
        channels, height, width = self.shapes[x]
        return self.layer(
            "Pad", [x], (channels, height + top + bottom, width + left + right), {"pads": (top, left, bottom, right)}
        )

    def resize(self, x: str, factor: int) -> str:
        """Nearest neighbour, `factor` times as many rows and columns."""
        channels, height, width = self.shapes[x]
        return self.layer("Resize", [x], (channels, height * factor, width * factor), {"factor": factor})
