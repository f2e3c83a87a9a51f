"""A TensorFlow Lite file -> Graph.

Passes: `reading` checks the FlatBuffer; each operator is then read by its file in `operators/`. Everything in such a
file is NHWC and carries its scale; what each operator computes is what TensorFlow Lite's reference kernels compute
(`fixed_point`, `ir.Rounding`).
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from msf_riot.errors import FloatModelError, ModelError, UnsupportedModelError
from msf_riot.importer.draft import Draft, Element, Quantized, Target, add_input
from msf_riot.importer.input_layout import InputLayout, LayoutFound, input_view
from msf_riot.importer.labels import parse
from msf_riot.importer.tflite import operators as operators  # registers the readers
from msf_riot.importer.tflite.reading import Model, Operation, read_model
from msf_riot.importer.tflite.registry import HOW, FloatInput, Import, activation_type, lay_out
from msf_riot.importer.tidy import tidy
from msf_riot.importer.view import MAX_ELEMENTS
from msf_riot.ir import Graph, Interface, Lookup


def import_model(path: Path) -> Graph:
    """Reads an int8 TensorFlow Lite model.

    Raises FloatModelError where it computes in float, UnsupportedModelError (naming operator and reason) where it holds
    what is not supported, ModelError where the file cannot be read.
    """
    model = read_model(path)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedModelError(
            model.name,
            "graph",
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs; exactly one of each is supported",
        )
    _refuse_float(model, path)
    try:
        try:
            return _import(model, None)
        except LayoutFound as found:
            return _import(model, found.layout)
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


def _import(model: Model, layout: InputLayout | None) -> Graph:
    draft = Draft()
    reading = Import(model, draft)
    (given,), (wanted,) = model.inputs, model.outputs
    tensor = model.tensors[given]
    if math.prod(tensor.shape) > MAX_ELEMENTS:
        raise ModelError(
            f"the input '{tensor.name}' has {math.prod(tensor.shape)} elements, more than any device holds"
        )
    view = input_view(tensor.shape, layout)
    place = Operation(tensor.name, "graph input", (), (given,), None, tensor.name)
    if tensor.type == "float32":
        reading.values[given] = FloatInput(given, view)
    else:
        quantization, element = activation_type(place, tensor)
        add_input(draft, tensor.name, view, element, quantization)
        reading.values[given] = Quantized(tensor.name, view, element, quantization)
    for operation in model.operations:
        if operation.operator == "DEQUANTIZE" and operation.outputs[0] == wanted:
            reading.values[wanted] = reading.activation(operation, 0)
        else:
            reading.values[operation.outputs[0]] = reading.read(operation)
    last = reading.values.get(wanted)
    place = Operation(model.tensors[wanted].name, "graph output", (), (wanted,), None, model.tensors[wanted].name)
    if not isinstance(last, Quantized):
        raise place.unsupported("the graph's output does not depend on quantized activations")
    if layout is None:
        lay_out(place, view)
    if last.tensor == model.tensors[given].name:
        target = Target(draft, model.tensors[wanted].name, last.quantization, last.element, origin=False)
        last = target.emit(place, Lookup, [last], last.view, table=np.arange(-128, 128).astype(np.int8))
    kind = model.tensors[wanted].type
    known: Element = "float32" if kind == "float32" else "int8" if kind == "int8" else "uint8"
    if last.view.bound:
        origin = Interface(model.tensors[wanted].name, last.view.shape, known, last.view.memory_axes)
        draft.tensors[last.tensor] = dataclasses.replace(draft.tensors[last.tensor], origin=origin)
    labels = _labels(model, draft.tensors[last.tensor].channels)
    return tidy(Graph(model.name, draft.tensors, tuple(draft.operators), tensor.name, last.tensor, labels))


def _labels(model: Model, channels: int) -> tuple[str, ...]:
    """The first list among the model's text files that names each channel of the output."""
    found = (parse(text) for text in model.texts)
    return next((labels for labels in found if labels is not None and len(labels) == channels), ())
