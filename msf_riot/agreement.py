"""How far the Graph's operators are from ONNX Runtime, each on ONNX Runtime's own int8 inputs.

The quantized tensors that the Graph names as origins are made outputs of the model; ONNX Runtime runs it as it would
run it anyway (its optimizations on), and each operator whose inputs and output are among them is executed alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from msf_riot.errors import CalibrationError, ModelError
from msf_riot.importer.onnx.reading import parse
from msf_riot.ir import Graph, Int8Array, Interface, Operator, Tensor
from msf_riot.reference import execute_operator

Array = npt.NDArray[Any]

ZERO_TYPES = {"tensor(float)": np.float32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}
"""ONNX Runtime's names for the element types of inputs."""

_ELEMENT_TYPES = {"int8": onnx.TensorProto.INT8, "uint8": onnx.TensorProto.UINT8, "float32": onnx.TensorProto.FLOAT}
_ELEMENT_TYPES |= {"int32": onnx.TensorProto.INT32, "int64": onnx.TensorProto.INT64}


@dataclass(frozen=True)
class OperatorAgreement:
    """Over all inputs: elements compared, the largest difference, and the fraction that is equal."""

    operator: str
    kind: str
    elements: int
    max_abs_diff: int
    equal_fraction: float


def agreement(
    model: Path, graph: Graph, inputs: Iterable[Array | Mapping[str, Array]]
) -> tuple[OperatorAgreement, ...]:
    """Compares operator by operator. `inputs` are arrays as the ONNX file wants them (its shape, its element type).

    Where the model has several inputs, each is a mapping from their names in the file.

    Operators next to a tensor that the ONNX file does not hold are left out. Raises ModelError where ONNX Runtime
    refuses the model and CalibrationError where an input does not suit it.
    """
    session, names = _exposed(model, graph)
    operators = [op for op in graph.operators if all(graph.tensor(n).origin for n in (*op.inputs, op.output))]
    counts = {op.name: [0, 0, 0] for op in operators}
    for given in inputs:
        tensors = _run(session, names, graph, given)
        for operator in operators:
            difference = _difference(graph, operator, tensors)
            count = counts[operator.name]
            count[0] += difference.size
            count[1] = max(count[1], int(difference.max(initial=0)))
            count[2] += int(np.count_nonzero(difference == 0))
    return tuple(
        OperatorAgreement(op.name, type(op).__name__, elements, largest, equal / max(elements, 1))
        for op in operators
        for elements, largest, equal in [counts[op.name]]
    )


def to_int8(array: Array, tensor: Tensor) -> Int8Array:
    """An ONNX array of the tensor's origin -> the Graph's int8 array [H, W, C]."""
    origin = _origin(tensor)
    hwc = origin.to_hwc(np.asarray(array), tensor.shape)
    if origin.element == "int8":
        return hwc.astype(np.int8)
    if origin.element in ("uint8", "int32", "int64"):
        return (hwc.astype(np.int16) - 128).astype(np.int8)
    steps = np.rint(hwc.astype(np.float32) / np.float32(tensor.quantization.scale)) + tensor.quantization.zero_point
    return np.asarray(np.clip(steps, -128, 127), np.int8)


def from_int8(array: Int8Array, tensor: Tensor) -> Array:
    """The Graph's int8 array [H, W, C] -> an ONNX array as the tensor's origin wants it."""
    origin = _origin(tensor)
    if origin.normalization is not None:
        mean, deviation = (np.array(each, np.float32) for each in origin.normalization)
        return origin.from_hwc((array.astype(np.float32) + np.float32(128) - mean) / deviation)
    if origin.element == "int8":
        return origin.from_hwc(array)
    if origin.element == "uint8":
        return origin.from_hwc((array.astype(np.int16) + 128).astype(np.uint8))
    steps = array.astype(np.int32) - tensor.quantization.zero_point
    return origin.from_hwc(steps.astype(np.float32) * np.float32(tensor.quantization.scale))


def file_name(graph: Graph, name: str) -> str:
    """What the model's file calls a tensor of the Graph."""
    return _origin(graph.tensor(name)).name


def _origin(tensor: Tensor) -> Interface:
    if tensor.origin is None:
        raise ValueError(f"tensor '{tensor.name}' is not in the ONNX file")
    return tensor.origin


def open_session(model: str | bytes) -> onnxruntime.InferenceSession:
    """A quiet session of a model file or its content that computes what the model says on every CPU.

    On x86 without VNNI, fused 8-bit products saturate unless told otherwise; for int8 activations ONNX Runtime cannot
    be told (it fails to load the model), and is kept from fusing instead. Raises what ONNX Runtime raises.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime's exceptions share no base class
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def exposed(model: Path, names: Sequence[str]) -> str | bytes:
    """The model's file, or its content with these of its tensors as outputs, too."""
    proto = parse(model)
    present = {output.name for output in proto.graph.output}
    if present.issuperset(names):
        return str(model)
    for name in names:
        if name not in present:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.load_external_data_for_model(proto, str(model.parent))
    return bytes(proto.SerializeToString())


def _exposed(model: Path, graph: Graph) -> tuple[onnxruntime.InferenceSession, list[str]]:
    """A session that gives every tensor of the Graph which the ONNX file holds, and the names of these."""
    proto = parse(model)
    present = {output.name for output in proto.graph.output}
    made = {name for node in proto.graph.node for name in node.output}
    names = []
    for tensor in graph.tensors.values():
        if tensor.origin is None or tensor.origin.name not in made:
            continue
        names.append(tensor.origin.name)
        if tensor.origin.name not in present:
            kind = _ELEMENT_TYPES[tensor.origin.element]
            proto.graph.output.append(onnx.helper.make_tensor_value_info(tensor.origin.name, kind, None))
    try:
        onnx.load_external_data_for_model(proto, str(model.parent))
        return open_session(proto.SerializeToString()), names
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise ModelError(f"{model}: ONNX Runtime refuses it: {_line(error)}") from error


def _run(
    session: onnxruntime.InferenceSession, names: list[str], graph: Graph, given: Array | Mapping[str, Array]
) -> Mapping[str, Int8Array]:
    """Every exposed tensor by its name in the Graph, as int8 [H, W, C]."""
    arrays = dict(given) if isinstance(given, Mapping) else {file_name(graph, graph.input): given}
    try:
        results = session.run(names, arrays)
    except Exception as error:  # as above
        raise CalibrationError(f"ONNX Runtime refuses the input: {_line(error)}") from error
    arrays |= dict(zip(names, results, strict=True))
    return {
        tensor.name: to_int8(arrays[tensor.origin.name], tensor)
        for tensor in graph.tensors.values()
        if tensor.origin is not None and tensor.origin.name in arrays
    }


def _difference(graph: Graph, operator: Operator, tensors: Mapping[str, Int8Array]) -> npt.NDArray[np.int32]:
    found = execute_operator(graph, operator, [tensors[name] for name in operator.inputs])
    return np.abs(found.astype(np.int32) - tensors[operator.output].astype(np.int32))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
