"""The graph's input: the views that it may have, its scale where it is an integer, and what it is while it is float."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from msf_riot.importer.draft import Draft, Element, Quantized, Target, add_input
from msf_riot.importer.onnx.folding import fold
from msf_riot.importer.onnx.operators.quantizers import quantization_of
from msf_riot.importer.onnx.reading import Model, Node, Port
from msf_riot.importer.values import Constant, Leaf, Real, Value
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
            raise self.place.unsupported("the float graph input is changed before QuantizeLinear")
        known = target.draft.tensors.get(self.name)
        if known is not None and known.quantization != target.quantization:
            raise self.place.unsupported("the float graph input is quantized twice in different ways")
        add_input(target.draft, self.name, self.original, "float32", target.quantization)
        return Quantized(self.name, self.view, target.element, target.quantization)


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
