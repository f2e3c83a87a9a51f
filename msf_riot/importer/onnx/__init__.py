"""An ONNX file -> Graph.

Passes: `reading` checks the file and sorts its nodes; each node is then folded (`folding`) or read by its file in
`operators/`, which matches QDQ and QOperator forms alike (`importer/values.py` says how) and keeps track of the layout;
`tidy` folds pads and drops what is dead. How to add an operator stands in `operators/__init__.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msf_riot.errors import FloatModelError, ModelError, UnsupportedModelError
from msf_riot.importer.draft import Draft, Element, Quantized, Target
from msf_riot.importer.input_layout import InputLayout, LayoutFound, input_view, usual_layout
from msf_riot.importer.labels import labels_in
from msf_riot.importer.onnx import operators as operators  # registers the readers
from msf_riot.importer.onnx.folding import fold
from msf_riot.importer.onnx.graph_input import GraphInput, input_value
from msf_riot.importer.onnx.reading import Model, Node, ended_before, read_model
from msf_riot.importer.onnx.registry import known, read
from msf_riot.importer.softmax import Exponentials
from msf_riot.importer.tidy import tidy
from msf_riot.importer.values import Constant, Leaf, Mapped, Real, Value
from msf_riot.importer.view import Axis
from msf_riot.ir import Graph, Interface, Lookup, Quantization


def import_model(path: Path) -> Graph:
    """Reads a quantized ONNX model; activations become int8 in HWC order.

    Raises FloatModelError where nothing in the model is quantized, UnsupportedModelError (naming node, operator and
    reason) where it holds what is not supported, ModelError where the file cannot be read.
    """
    model = read_model(path)
    if not any(_quantizes(node) for node in model.nodes):
        _refuse_float(model, path)
    try:
        return _quantized_part(model)
    except (MemoryError, RecursionError) as error:
        raise ModelError(f"{path}: too large to be read") from error


def _quantized_part(model: Model) -> Graph:
    """Where the model ends in what only float arithmetic computes, the network before that, with a note."""
    first: UnsupportedModelError | None = None
    while True:
        try:
            graph = _with_layout(model)
            break
        except UnsupportedModelError as error:
            first = first or error
            node = next((each for each in model.nodes if each.name == error.node), None)
            shorter = None if node is None else ended_before(model, node)
            if shorter is None:
                raise first from None
            model = shorter
    if first is not None and all(isinstance(operator, Lookup) for operator in graph.operators):
        raise first
    return graph


def _with_layout(model: Model) -> Graph:
    """Reads until an operator tells how an input lies, then again; a guess that fails gives way to the other one."""
    layouts: dict[int, InputLayout] = {}
    guesses: list[int] = []
    first: UnsupportedModelError | None = None
    while True:
        try:
            return _import(model, layouts)
        except LayoutFound as found:
            layouts[found.input] = found.layout
            if not found.certain and first is None:
                guesses.append(found.input)
        except UnsupportedModelError as error:
            first = first or error
            while guesses:
                number = guesses.pop()
                other = _swapped(layouts[number])
                if other is not None:
                    layouts = {number: other}
                    break
            else:
                raise first from None


def _swapped(layout: InputLayout) -> InputLayout | None:
    """Channels first instead of last, or the other way round."""
    order = "".join(axis.name for axis in layout.axes)
    other = {"CHW": "HWC", "HWC": "CHW", "HC": "CH", "CH": "HC"}.get(order)
    if other is None:
        return None
    return InputLayout(tuple(Axis(c, axis.size) for c, axis in zip(other, layout.axes, strict=True)))


def _quantizes(node: Node) -> bool:
    return node.operator.endswith(("QuantizeLinear", "DequantizeLinear", "Integer")) or (
        node.operator.startswith("QLinear") or node.operator == "QGemm"
    )


def _refuse_float(model: Model, path: Path) -> None:
    for node in model.nodes:
        if node.operator != "Constant" and node.operator not in _FLOAT_ONLY and not known(node.operator):
            raise node.unsupported("unsupported operator")
    raise FloatModelError(
        f"{path}: the model is float, not int8; quantize it with "
        f"'msf-riot quantize {path} --calibration DATA.npz -o {path.stem}_int8.onnx'"
    )


_FLOAT_ONLY = {
    "Shape", "Size", "Gather", "Slice", "ConstantOfShape", "Expand", "Range", "Floor", "Ceil", "Min", "Max", "Where",
    "Equal",
}  # fmt: skip


def _import(model: Model, layouts: Mapping[int, InputLayout]) -> Graph:
    draft = Draft()
    views = [input_view(number, port.shape, layouts.get(number)) for number, port in enumerate(model.inputs)]
    values: dict[str, Value] = {name: Constant(array) for name, array in model.constants.items()}
    for port, view in zip(model.inputs, views, strict=True):
        values[port.name] = input_value(model, port, view, draft)
    for node in _with_last(model):
        inputs = [values[name] if name else None for name in _defined(node, values)]
        result = fold(node, inputs)
        if not any(node.outputs):
            raise node.unsupported("has no output")
        results = (result,) if result is not None else read(node, inputs, draft)
        values |= dict(zip(node.outputs, results, strict=False))
    outputs: list[str] = []
    for name in model.outputs:
        outputs.append(_finished(model, name, values, draft, outputs))
    for number, view in enumerate(views):
        if not view.bound:
            raise LayoutFound(number, usual_layout(view), certain=True)
    ports = tuple(port.name for port in model.inputs)
    for number, name in enumerate(ports):
        if name not in draft.tensors:
            place = Node(name, "graph input", (), (name,), {}, 0)
            raise place.unsupported(f"input {number} is never quantized; quantize its reader, too")
    found = (labels_in(model.metadata, draft.tensors[name].channels) for name in outputs)
    labels = next((each for each in found if each), ())
    return tidy(Graph(model.name, draft.tensors, tuple(draft.operators), ports, tuple(outputs), labels, model.notes))


_LAST = {
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "QuantizeLinear", "DequantizeLinear", "Sigmoid", "Tanh",
    "Relu", "LeakyRelu", "Clip", "HardSigmoid", "HardSwish", "Elu", "QLinearSigmoid", "QLinearLeakyRelu",
}  # fmt: skip
"""What does not look at the axes of its input."""


def _with_last(model: Model) -> tuple[Node, ...]:
    """The nodes, those marked behind which no node looks at the axes of what it is given."""
    readers: dict[str, list[int]] = {}
    last: set[int] = set()
    for index, node in enumerate(model.nodes):
        for name in node.inputs:
            readers.setdefault(name, []).append(index)
    for index, node in reversed(list(enumerate(model.nodes))):
        behind = [reader for name in node.outputs for reader in readers.get(name, [])]
        if node.operator in _LAST and node.inputs and last.issuperset(behind):
            last.add(index)
    return tuple(
        dataclasses.replace(node, last=True) if index in last else node for index, node in enumerate(model.nodes)
    )


def _defined(node: Node, values: dict[str, Value]) -> tuple[str, ...]:
    for name in node.inputs:
        if name and name not in values:
            raise node.unsupported(f"uses '{name}', an output of an operator that is not supported")
    return node.inputs


_RANGES = {"Tanh": Quantization(1 / 128, 0)} | dict.fromkeys(
    ("Sigmoid", "HardSigmoid", "Softmax"), Quantization(1 / 256, -128)
)
"""What the range of a function gives, where the quantizer has left it in float at the end."""


def _at_the_end(value: Real, draft: Draft, name: str) -> Leaf:
    """The float output as an activation: of a function in the scale that its range gives."""
    if isinstance(value, Mapped | Exponentials) and value.place.operator in _RANGES:
        return _last(value, draft, name, _RANGES[value.place.operator])
    try:
        return value.leaf(draft)
    except UnsupportedModelError:
        extent = value.extent()
        if extent is None:
            raise
        low, high = min(extent[0], 0.0), max(extent[1], 0.0)
        scale = float(np.float32((high - low) / 255)) or 1.0
        return _last(value, draft, name, Quantization(scale, round(-128 - low / scale)))


def _last(value: Real, draft: Draft, name: str, quantization: Quantization) -> Leaf:
    return Leaf(value.place, value.view, value.quantize(Target(draft, name, quantization, origin=False)))


def _finished(model: Model, name: str, values: dict[str, Value], draft: Draft, others: list[str]) -> str:
    """The tensor of a graph's output, given the origin that this asks for; `others` are outputs already."""
    value = values.get(name)
    node = next((n for n in model.nodes if name in n.outputs), None)
    if node is None:
        node = Node(name, "graph output", (), (name,), {}, 0)
    if value is None:
        raise node.unsupported("the graph's output is an output of it that is not supported")
    if isinstance(value, Real) and not isinstance(value, GraphInput):
        element: Element = "float32"
        leaf = _at_the_end(value, draft, name)
        last = leaf.activation
    elif isinstance(value, Quantized):
        element, last = value.element, value
    else:
        raise node.unsupported("the graph's output does not depend on quantized activations")
    if last.tensor in others or last.tensor in (port.name for port in model.inputs):
        target = Target(draft, name, last.quantization, last.element, origin=False)
        last = target.emit(node, Lookup, [last], last.view, table=np.arange(-128, 128).astype(np.int8))
    origin = Interface(name, last.view.shape, element, last.view.memory_axes) if last.view.bound else None
    draft.tensors[last.tensor] = dataclasses.replace(draft.tensors[last.tensor], origin=origin)
    return last.tensor
