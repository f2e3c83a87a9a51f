"""The graph's input: the views that it may have, its scale where it is an integer, and what it is while it is float."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Draft, Element, Quantized, Target, add_input
from msf_riot.importer.onnx.folding import fold
from msf_riot.importer.onnx.operators.quantizers import quantization_of
from msf_riot.importer.onnx.reading import Model, Node, Port
from msf_riot.importer.place import Place
from msf_riot.importer.values import ChannelMapped, Constant, FloatArray, Leaf, Real, Value
from msf_riot.importer.view import View
from msf_riot.ir import Quantization

_INTEGER_ELEMENTS: dict[int, Element] = {2: "uint8", 3: "int8"}
_FLOAT32 = 1


@dataclass(frozen=True, eq=False)
class GraphInput(Real):
    """A float input of the graph before its QuantizeLinear."""

    name: str
    original: View

    def leaf(self, draft: Draft) -> Leaf:
        """No activation yet."""
        raise self.place.unsupported(
            "float in the middle: the float input is used without QuantizeLinear; quantize activations too, as "
            "'msf-riot quantize' does with the float model"
        )

    def quantize(self, target: Target) -> Quantized:
        """The graph's input tensor, made by the first quantizer; any other must agree with it."""
        if target.clamps:
            return self.prepared(self.place, self.view, lambda x: x).quantize(target)
        self.known_as(target.draft, target.quantization)
        return Quantized(self.name, self.view, target.element, target.quantization)

    def known_as(self, draft: Draft, quantization: Quantization) -> None:
        """Puts the tensor into the draft. Raises UnsupportedModelError where it is there in another quantization."""
        known = draft.tensors.get(self.name)
        if known is not None and known.quantization != quantization:
            raise self.place.unsupported("the float graph input is quantized twice in different ways")
        add_input(draft, self.name, self.original, "float32", quantization)

    def prepared(self, place: Place, view: View, function: Callable[[FloatArray], FloatArray]) -> Real:
        """A function of it for each channel, float32 [1 or channels, n] in and out."""
        return Prepared(place, view, self, function)

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """The same for all channels."""
        return self.prepared(place, self.view, function)


@dataclass(frozen=True, eq=False)
class Prepared(Real):
    """What stands in the model before its first quantizer: a factor and an offset for each channel."""

    source: GraphInput
    function: Callable[[FloatArray], FloatArray]

    def prepared(self, place: Place, view: View, function: Callable[[FloatArray], FloatArray]) -> Real:
        """One more step."""
        before = self.function
        return Prepared(place, view, self.source, lambda x: function(before(x)))

    def mapped(self, place: Place, function: Callable[[FloatArray], FloatArray]) -> Real:
        """One more step, the same for all channels."""
        return self.prepared(place, self.view, function)

    def quantize(self, target: Target) -> Quantized:
        """A table for each channel, exact for each step of the input; the input's scale comes of what it must hold."""
        quantization = self._input_quantization(target.quantization)
        self.source.known_as(target.draft, quantization)
        leaf = Leaf(self.place, self.view, Quantized(self.source.name, self.view, target.element, quantization))
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(leaf.table.values[np.newaxis]), np.float32)
        channels = self.view.hwc[2]
        return ChannelMapped(self.place, self.view, leaf, np.broadcast_to(values, (channels, 256))).quantize(target)

    def _input_quantization(self, wanted: Quantization) -> Quantization:
        """Pixels (0 to 255, or 0 to 1) where they fill what the first quantizer holds, else a scale for all of that."""
        with np.errstate(all="ignore"):
            at = np.asarray(self.function(np.array([[0.0, 1.0, 2.0]], np.float32)), np.float64)
        offset, factor = at[:, 0], at[:, 1] - at[:, 0]
        if not (np.isfinite(at).all() and (factor != 0).all() and np.allclose(at[:, 2] - at[:, 1], factor, rtol=1e-3)):
            raise self.place.unsupported("only factors and offsets may change the float input before its quantizer")
        ends = np.array([[wanted.scale * (code - wanted.zero_point)] for code in (-128, 127)])
        reals = (ends - offset) / factor
        low, high = min(float(reals.min()), 0.0), max(float(reals.max()), 0.0)
        for most in (255.0, 1.0):
            if -0.15 * most <= low and 0.8 * most <= high <= 1.4 * most:
                return Quantization(most / 255.0, -128)
        scale = float(np.float32((high - low) / 255))
        return Quantization(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def input_value(model: Model, port: Port, view: View, draft: Draft) -> Value:
    """What an input of the graph stands for; an integer one is put into the draft at once."""
    node = Node(port.name, "graph input", (), (port.name,), {}, 0)
    if port.element == _FLOAT32:
        return GraphInput(node, view, port.name, view)
    if port.element not in _INTEGER_ELEMENTS:
        raise node.unsupported(f"element type {port.element} is not supported, only float32, int8 and uint8")
    element = _INTEGER_ELEMENTS[port.element]
    quantization = _input_quantization(model, port, node, element)
    add_input(draft, port.name, view, element, quantization)
    return Quantized(port.name, view, element, quantization)


def _input_quantization(model: Model, port: Port, place: Node, element: Element) -> Quantization:
    """What the first operator that knows the input's scale says; raises where none does."""
    names = {port.name}
    constants = {name: Constant(array) for name, array in model.constants.items()}
    for node in model.nodes:
        if node.operator == "Constant" and node.outputs:
            found = fold(node, [])
            if found is not None:
                constants[node.outputs[0]] = found
        used = [i for i, name in enumerate(node.inputs) if name in names]
        if not used:
            continue
        if node.operator == "Cast":  # pixels, made floats
            return Quantization(1.0, -128 if element == "uint8" else 0)
        if node.operator == "DequantizeLinear" or node.operator.startswith("QLinear") or node.operator == "QGemm":
            scale, zero = (_constant(constants, node, used[0] + 1), _constant(constants, node, used[0] + 2))
            if zero is None:
                zero = Constant(np.zeros((), np.dtype(element)))
            quantization, kind = quantization_of(node, scale, zero)
            if kind != element:
                raise node.unsupported(f"its zero point is {kind}, but the input it is for is {element}")
            return quantization
        names.update(node.outputs)
    raise place.unsupported("missing scale: no DequantizeLinear tells the scale of this integer input")


def _constant(constants: dict[str, Constant], node: Node, index: int) -> Value | None:
    name = node.inputs[index] if index < len(node.inputs) else ""
    if not name:
        return None
    if name not in constants:
        raise node.unsupported("its scale and zero point must be constant")
    return constants[name]
