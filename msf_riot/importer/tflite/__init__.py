"""A TensorFlow Lite file -> Graph.

Passes: `reading` checks the FlatBuffer; each operator is then read by its file in `operators/`. Everything in such a
file is NHWC and carries its scale; what each operator computes is what TensorFlow Lite's reference kernels compute
(`fixed_point`, `ir.Rounding`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from msf_riot.errors import FloatModelError, ModelError
from msf_riot.importer.draft import Draft, Element, Quantized, Target, add_input
from msf_riot.importer.input_layout import InputLayout, LayoutFound, input_view
from msf_riot.importer.labels import parse
from msf_riot.importer.tflite import operators as operators  # registers the readers
from msf_riot.importer.tflite.reading import Model, Operation, read_model
from msf_riot.importer.tflite.registry import HOW, FloatInput, Import, activation_type, lay_out
from msf_riot.importer.tidy import tidy
from msf_riot.importer.view import MAX_ELEMENTS, View
from msf_riot.ir import Graph, Interface, Lookup


def import_model(path: Path) -> Graph:
    """Reads an int8 TensorFlow Lite model.

    Raises FloatModelError where it computes in float, UnsupportedModelError (naming operator and reason) where it holds
    what is not supported, ModelError where the file cannot be read.
    """
    model = read_model(path)
    _refuse_float(model, path)
    layouts: dict[int, InputLayout] = {}
    try:
        while True:
            try:
                return _import(model, layouts)
            except LayoutFound as found:
                layouts[found.input] = found.layout
    except (MemoryError, RecursionError) as error:
        raise ModelError(f"{path}: too large to be read") from error


def _refuse_float(model: Model, path: Path) -> None:
    quantized = ("int8", "uint8", "int16")
    outputs = [model.tensors[index] for operation in model.operations for index in operation.outputs]
    if any(tensor.type in quantized and tensor.scales.size for tensor in outputs):
        return
    weights = any(
        tensor.constant and tensor.type in ("int8", "uint8") and tensor.scales.size for tensor in model.tensors
    )
    what = "only the weights are int8 (dynamic range quantization)" if weights else "the model is float, not int8"
    raise FloatModelError(f"{path}: {what}; {HOW}")


def _import(model: Model, layouts: Mapping[int, InputLayout]) -> Graph:
    draft = Draft()
    reading = Import(model, draft)
    views: dict[int, View] = {}
    for number, given in enumerate(model.inputs):
        tensor = model.tensors[given]
        if math.prod(tensor.shape) > MAX_ELEMENTS:
            raise ModelError(
                f"the input '{tensor.name}' has {math.prod(tensor.shape)} elements, more than any device holds"
            )
        views[given] = input_view(number, tensor.shape, layouts.get(number))
        if tensor.type == "float32":
            reading.values[given] = FloatInput(given, views[given])
            continue
        quantization, element = activation_type(_place(model, given, "input"), tensor)
        add_input(draft, tensor.name, views[given], element, quantization)
        reading.values[given] = Quantized(tensor.name, views[given], element, quantization)
    read = {index for operation in model.operations for index in operation.inputs}
    for operation in model.operations:
        if operation.operator == "DEQUANTIZE" and operation.outputs[0] in model.outputs:
            reading.values[operation.outputs[0]] = reading.activation(operation, 0)
        else:
            reading.values.update(zip(operation.outputs, reading.read(operation), strict=False))
    outputs: list[str] = []
    for wanted in model.outputs:
        outputs.append(_finished(reading, wanted, outputs))
    for given, view in views.items():
        if given in read:
            lay_out(_place(model, given, "input"), view)
    inputs = tuple(model.tensors[given].name for given in model.inputs if given in read)
    for given in model.inputs:
        if given in read and model.tensors[given].name not in draft.tensors:
            raise _place(model, given, "input").unsupported(f"computes in float: {HOW}")
    for given in model.inputs:  # as a signature calls them
        called, found = model.names.get(given), draft.tensors.get(model.tensors[given].name)
        if given in read and called and found is not None and found.origin is not None:
            origin = dataclasses.replace(found.origin, name=called)
            draft.tensors[found.name] = dataclasses.replace(found, origin=origin)
    texts = (_labels(model, draft.tensors[name].channels) for name in outputs)
    labels = next((each for each in texts if each), ())
    pixels = next((p for p, given in zip(model.normalizations, model.inputs, strict=False) if given in read), None)
    graph = Graph(model.name, draft.tensors, tuple(draft.operators), inputs, tuple(outputs), labels, pixels=pixels)
    return tidy(graph)


def _place(model: Model, index: int, what: str) -> Operation:
    name = model.tensors[index].name
    return Operation(name, f"graph {what}", (), (index,), None, name)


def _finished(reading: Import, wanted: int, others: list[str]) -> str:
    """The tensor of a graph's output, given the origin that this asks for; `others` are outputs already."""
    model, draft = reading.model, reading.draft
    tensor, place = model.tensors[wanted], _place(model, wanted, "output")
    last = reading.values.get(wanted)
    if not isinstance(last, Quantized):
        raise place.unsupported("the graph's output does not depend on quantized activations")
    if last.tensor in others or last.tensor in (model.tensors[given].name for given in model.inputs):
        target = Target(draft, tensor.name, last.quantization, last.element, origin=False)
        last = target.emit(place, Lookup, [last], last.view, table=np.arange(-128, 128).astype(np.int8))
    elements: dict[str, Element] = {"float32": "float32", "int8": "int8", "int32": "int32", "int64": "int64"}
    known = elements.get(tensor.type, "uint8")
    if last.view.bound:
        name = model.names.get(wanted) or tensor.name
        origin = Interface(name, last.view.shape, known, last.view.memory_axes)
        draft.tensors[last.tensor] = dataclasses.replace(draft.tensors[last.tensor], origin=origin)
    return last.tensor


def _labels(model: Model, channels: int) -> tuple[str, ...]:
    """The first list among the model's text files that names each channel of the output."""
    found = (parse(text) for text in model.texts)
    return next((labels for labels in found if labels is not None and len(labels) == channels), ())
