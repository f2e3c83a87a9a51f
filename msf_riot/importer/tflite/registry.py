"""Which function reads which TensorFlow Lite operator. The files in `operators/` register themselves with `reads`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from msf_riot.errors import FloatModelError
from msf_riot.importer.draft import Draft, Element, Quantized, Target
from msf_riot.importer.input_layout import bind
from msf_riot.importer.place import Place
from msf_riot.importer.tflite.fixed_point import round_away
from msf_riot.importer.tflite.reading import FileTensor, Model, Operation
from msf_riot.importer.values import Array
from msf_riot.importer.view import View
from msf_riot.ir import Padding, Pair, Quantization

HOW = (
    "convert the model again with optimizations = [tf.lite.Optimize.DEFAULT] and a representative_dataset, "
    "so that activations are int8, too"
)


@dataclass(frozen=True, eq=False)
class FloatInput:
    """An input of the graph in float, before its QUANTIZE."""

    tensor: int
    view: View


@dataclass(frozen=True, eq=False)
class Batches:
    """What SPACE_TO_BATCH_ND makes of an image, and a convolution of that: a dilated one once it is put together."""

    source: Quantized
    block: Pair
    padding: Padding
    convolution: Operation | None = None

    @property
    def view(self) -> View:
        """Of the image."""
        return self.source.view


Value: TypeAlias = Quantized | Array | FloatInput | Batches
Reader: TypeAlias = Callable[[Operation, "Import"], Value | tuple[Value, ...]]

_READERS: dict[str, Reader] = {}


def reads(*operators: str) -> Callable[[Reader], Reader]:
    """Registers a reader for the operators of these names."""

    def register(reader: Reader) -> Reader:
        for operator in operators:
            assert operator not in _READERS, operator
            _READERS[operator] = reader
        return reader

    return register


@dataclass(frozen=True, eq=False)
class Import:
    """A model being read: what each of its tensors stands for so far."""

    model: Model
    draft: Draft
    values: dict[int, Value] = field(default_factory=dict)

    def read(self, operation: Operation) -> tuple[Value, ...]:
        """What the operator gives. Raises UnsupportedModelError."""
        if operation.operator not in _READERS:
            raise operation.unsupported("unsupported operator")
        found = _READERS[operation.operator](operation, self)
        return found if isinstance(found, tuple) else (found,)

    def tensor(self, operation: Operation, index: int) -> FileTensor | None:
        """Input `index` as the file has it, None where it is left out."""
        found = operation.inputs[index] if index < len(operation.inputs) else -1
        return None if found < 0 else self.model.tensors[found]

    def output(self, operation: Operation) -> FileTensor:
        """The first output as the file has it."""
        return self.model.tensors[operation.outputs[0]]

    def value(self, operation: Operation, index: int) -> Value:
        """What input `index` stands for; a constant is an array."""
        tensor = self.tensor(operation, index)
        if tensor is None:
            raise operation.unsupported("an input is absent")
        found = self.values.get(operation.inputs[index])
        if found is not None:
            return found
        if tensor.data is None:
            raise operation.unsupported(_unreadable(tensor))
        return tensor.data

    def activation(self, operation: Operation, index: int) -> Quantized:
        """Input `index` as an int8 activation; whose channels are its last axis, if nothing is known of them yet."""
        value = self.value(operation, index)
        if isinstance(value, Quantized):
            lay_out(operation, value.view)
            if not value.view.whole:
                raise operation.unsupported(
                    "rows, columns or channels were cut into parts before, and not put together again"
                )
            return value
        tensor = self.tensor(operation, index)
        assert tensor is not None
        if isinstance(value, Batches):
            raise operation.unsupported("stands between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND; only convolutions may")
        if isinstance(value, FloatInput) or tensor.type in ("float32", "float16"):
            raise FloatModelError(f"{operation.operator} '{operation.name}' computes in float: {HOW}")
        raise operation.unsupported("an input that must be an activation is constant")

    def constant(self, operation: Operation, index: int, what: str) -> Array:
        """Input `index` as a constant."""
        value = self.value(operation, index)
        if not isinstance(value, np.ndarray):
            raise operation.unsupported(f"its {what} must be constant")
        return value

    def integers(self, operation: Operation, index: int, what: str) -> tuple[int, ...]:
        """Input `index` as a short constant list of integers that says a shape, axes or the like."""
        found = self.constant(operation, index, what)
        if found.dtype.kind not in "iu" or found.size > 64:
            raise operation.unsupported(f"its {what} must be a short list of integers")
        return tuple(int(v) for v in found.reshape(-1))

    def target(self, operation: Operation, index: int = 0) -> Target:
        """What the file wants output `index` to be, its fused activation as the clamp."""
        tensor = self.model.tensors[operation.outputs[index]]
        quantization, element = activation_type(operation, tensor)
        low, high = clamp(operation, tensor, quantization, element)
        return Target(self.draft, tensor.name, quantization, element, low, high)


def lay_out(place: Place, view: View) -> None:
    """Says how the graph's input lies, if that is not known yet: rows, columns, channels, in this order.

    Raises LayoutFound, with which reading starts again, or UnsupportedModelError where it has more axes than that.
    """
    if view.bound:
        return
    letters = {2: "NC", 3: "NWC", 4: "NHWC"}.get(len(view.shape), "")
    if not letters or any(len(dim) > 1 for dim in view.dims) or view.dims[0]:
        letters = {1: "C", 2: "WC", 3: "HWC"}.get(len(view.flat), "")
        view = View(tuple(axis.size for axis in view.flat), tuple((axis,) for axis in view.flat))
    if not letters:
        raise place.unsupported(f"its input {list(view.shape)} has more than height, width and channels")
    bind(place, view, letters, certain=True)


def _unreadable(tensor: FileTensor) -> str:
    if tensor.sparse:
        return f"its weights '{tensor.name}' are sparse, which is not supported; convert the model without sparsity"
    if tensor.type == "int4":
        return f"its weights '{tensor.name}' are int4; only int8 is supported"
    if tensor.variable:
        return f"keeps a state in '{tensor.name}'; models with state are not supported"
    if tensor.constant:
        return f"its constant '{tensor.name}' of {tensor.type} is damaged or of a type that is not supported"
    return f"uses '{tensor.name}', which nothing computes"


def activation_type(operation: Operation, tensor: FileTensor) -> tuple[Quantization, Element]:
    """Quantization, zero point as of int8, and element type of an activation."""
    if tensor.type in ("float32", "float16"):
        raise FloatModelError(f"{operation.operator} '{operation.name}' computes in float: {HOW}")
    if tensor.type == "int16":
        raise operation.unsupported("its activations are int16 (16x8 quantization); convert the model to int8")
    if tensor.type not in ("int8", "uint8"):
        raise operation.unsupported(f"gives {tensor.type}; only int8 and uint8 activations are supported")
    if tensor.scales.size != 1 or tensor.zero_points.size != 1:
        raise operation.unsupported(f"its output '{tensor.name}' must have one scale and one zero point")
    scale = float(tensor.scales[0])
    element: Element = "int8" if tensor.type == "int8" else "uint8"
    zero = int(tensor.zero_points[0]) - (128 if element == "uint8" else 0)
    if not (math.isfinite(scale) and scale > 0) or not -128 <= zero <= 127:
        raise operation.unsupported(f"its output '{tensor.name}' has the scale {scale} and the zero point {zero}")
    return Quantization(scale, zero), element


_FUSED = {0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""ActivationFunctionType -> limits: none, ReLU, ReLU between -1 and 1, ReLU6."""


def clamp(operation: Operation, tensor: FileTensor, quantization: Quantization, element: Element) -> tuple[int, int]:
    """CalculateActivationRangeQuantized: least and largest int8 output."""
    fuses = hasattr(operation.options, "FusedActivationFunction")
    activation = operation.option("FusedActivationFunction") if fuses else 0
    if activation not in _FUSED:
        raise operation.unsupported(
            f"fused activation {activation} is not supported, only ReLU, ReLU6 and ReLU_N1_TO_1"
        )
    least, most = _FUSED[activation]
    low = -128 if least is None else max(-128, code_of(least, quantization))
    high = 127 if most is None else min(127, code_of(most, quantization))
    return min(low, 127), max(high, min(low, 127))


def code_of(real: float, quantization: Quantization) -> int:
    """The int8 code of a real value, not limited to int8."""
    return quantization.zero_point + int(round_away(np.asarray(real, np.float32) / np.float32(quantization.scale)))
