"""A file -> Model: the ONNX protobuf checked, in Python values, its nodes in an order in which they can run.

Takes nothing on trust: no memory is allocated by a size the file claims, and every name must be defined once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.importer.file import read_bytes
from msf_riot.importer.onnx.tensors import to_array
from msf_riot.importer.values import Array
from msf_riot.importer.view import MAX_ELEMENTS

DOMAINS = {"", "ai.onnx", "com.microsoft"}


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node, a `Place`: attributes as numbers, strings, lists and arrays; `opset` is that of its domain."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int
    last: bool = False  # from here to the graph's output no node looks at axes
    written: str = ""  # the operator's name in the file, where this stands for a part of it

    @property
    def result(self) -> str:
        """The name of its first output."""
        return self.outputs[0]

    def unsupported(self, reason: str) -> UnsupportedModelError:
        """The error that names this node."""
        return UnsupportedModelError(self.name, self.written or self.operator, reason)

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.unsupported(f"attribute {name} must be an integer")
        return value

    def number(self, name: str, default: float) -> float:
        """A float attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise self.unsupported(f"attribute {name} must be a finite number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.unsupported(f"attribute {name} must be a string")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        """A list of integers, or the default where the attribute is absent."""
        value = self.attributes.get(name, default)
        if value is not default and not (isinstance(value, tuple) and all(isinstance(v, int) for v in value)):
            raise self.unsupported(f"attribute {name} must be a list of integers")
        return value


@dataclass(frozen=True)
class Port:
    """An input of the graph: symbolic batch taken as 1."""

    name: str
    element: int
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Model:
    """A checked ONNX file."""

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_model(path: Path) -> Model:
    """Reads and checks the file. Raises ModelError or UnsupportedModelError."""
    proto = parse(path)
    graph = proto.graph
    for text in _texts(proto):
        _check_text(text, path)
    if graph.sparse_initializer:
        raise ModelError(f"{path}: sparse initializers are not supported")
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        if tensor.name in constants:
            raise ModelError(f"{path}: initializer '{tensor.name}' is there twice")
        constants[tensor.name] = to_array(tensor, path.parent)
    opsets = {"" if o.domain == "ai.onnx" else o.domain: o.version for o in proto.opset_import}
    if not 7 <= opsets.get("", 0) <= 1000 and graph.node:
        raise ModelError(f"{path}: needs ONNX opset 7 or newer, the file says {opsets.get('', 'none')}")
    nodes = tuple(_node(node, opsets, path) for node in graph.node)
    inputs = {value.name: value for value in graph.input if value.name not in constants}
    outputs = tuple(output.name for output in graph.output)
    for name in outputs:
        if name in constants:
            raise ModelError(f"{path}: the output '{name}' is a constant")
        if outputs.count(name) > 1:
            raise ModelError(f"{path}: the output '{name}' is there twice")
    order = _needed(_sorted(nodes, {*constants, *inputs}, path), outputs)
    made = {name for node in order for name in node.outputs}
    for name in outputs:
        if name not in made and name not in inputs:
            raise ModelError(f"{path}: the output '{name}' is computed nowhere")
    read = {name for node in order for name in node.inputs}.union(outputs)
    ports = tuple(_port(value, path) for name, value in inputs.items() if name in read or read.isdisjoint(inputs))
    if not ports:
        raise UnsupportedModelError(graph.name or path.stem, "graph", "has no input")
    metadata = {entry.key: entry.value for entry in proto.metadata_props if isinstance(entry.value, str)}
    return Model(path.stem, order, constants, ports, outputs, metadata)


def ended_before(model: Model, node: Node) -> Model | None:
    """The model without a node and what follows from it, ending in the activations that these read.

    None where something behind the node is quantized again, or nothing is left.
    """
    from_inputs = _following(model, {port.name for port in model.inputs})
    behind = _following(model, set(), node)
    cut = [each for each in model.nodes if behind.intersection(filter(None, each.outputs))]
    if any("Quantize" in each.operator or each.operator.startswith(("QLinear", "QGemm")) for each in cut):
        return None
    read = dict.fromkeys(name for each in cut for name in each.inputs if name in from_inputs and name not in behind)
    ports = {port.name for port in model.inputs}
    outputs = tuple(dict.fromkeys([*(name for name in model.outputs if name not in behind), *read]))
    nodes = _needed(tuple(each for each in model.nodes if each not in cut), outputs)
    if not outputs or ports.intersection(read) or not nodes:
        return None
    used = {name for each in nodes for name in each.inputs}
    note = f"ends before {node.operator} '{node.name}', which the model computes in float"
    inputs = tuple(port for port in model.inputs if port.name in used)
    return dataclasses.replace(model, nodes=nodes, inputs=inputs, outputs=outputs, notes=(*model.notes, note))


def _following(model: Model, names: set[str], first: Node | None = None) -> set[str]:
    """What is made from these names, and by this node, themselves included."""
    found = set(names)
    for node in model.nodes:
        if node is first or found.intersection(node.inputs):
            found.update(filter(None, node.outputs))
    return found


def parse(path: Path) -> onnx.ModelProto:
    """The protobuf of an ONNX file, not looked into."""
    data = read_bytes(path)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except (DecodeError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not an ONNX file, or truncated") from error
    if not proto.ir_version or not proto.HasField("graph") or not proto.graph.output:
        raise ModelError(f"{path}: not an ONNX file, or truncated")
    return proto


def _texts(proto: onnx.ModelProto) -> Iterator[str | bytes]:
    """Every name in the file that is used or shown; protobuf gives bytes where a string is not UTF-8."""
    yield proto.graph.name
    for opset in proto.opset_import:
        yield opset.domain
    for tensor in proto.graph.initializer:
        yield from _tensor_texts(tensor)
    for value in (*proto.graph.input, *proto.graph.output):
        yield value.name
    for node in proto.graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield attribute.name
            yield from _tensor_texts(attribute.t)


def _tensor_texts(tensor: onnx.TensorProto) -> Iterator[str | bytes]:
    yield tensor.name
    for entry in tensor.external_data:
        yield from (entry.key, entry.value)


def _check_text(text: str | bytes, path: Path) -> None:
    """Names appear in messages of one line and in comments of generated code."""
    if isinstance(text, bytes) or any(ord(letter) < 32 for letter in text):
        raise ModelError(f"{path}: holds the name {text[:80]!r}, which is not printable text; the file is damaged")


def _node(node: onnx.NodeProto, opsets: Mapping[str, int], path: Path) -> Node:
    name = (node.name or (node.output[0] if node.output else "?"))[:200]
    if node.domain not in DOMAINS:
        raise UnsupportedModelError(name, f"{node.domain}.{node.op_type}"[:200], "unsupported operator")
    attributes = {attribute.name: _attribute(attribute, name, node.op_type, path) for attribute in node.attribute}
    opset = opsets.get("" if node.domain == "ai.onnx" else node.domain, 1)
    return Node(name, node.op_type[:200], tuple(node.input), tuple(node.output), attributes, opset)


def _attribute(attribute: onnx.AttributeProto, name: str, operator: str, path: Path) -> Any:
    match attribute.type:
        case onnx.AttributeProto.INT:
            return attribute.i
        case onnx.AttributeProto.FLOAT:
            return attribute.f
        case onnx.AttributeProto.STRING:
            return attribute.s.decode("utf-8", "replace")
        case onnx.AttributeProto.INTS:
            return tuple(attribute.ints)
        case onnx.AttributeProto.FLOATS:
            return tuple(attribute.floats)
        case onnx.AttributeProto.STRINGS:
            return tuple(text.decode("utf-8", "replace") for text in attribute.strings)
        case onnx.AttributeProto.TENSOR:
            return to_array(attribute.t, path.parent)
        case _:
            raise UnsupportedModelError(name, operator, f"attribute {attribute.name} has an unsupported type")


def _port(value: onnx.ValueInfoProto, path: Path) -> Port:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise UnsupportedModelError(value.name, "graph input", "dynamic shape: its shape is not given")
    shape = []
    for axis, dimension in enumerate(kind.shape.dim):
        if dimension.HasField("dim_value") and dimension.dim_value > 0:
            shape.append(dimension.dim_value)
        elif axis == 0:
            shape.append(1)
        else:
            raise UnsupportedModelError(
                value.name,
                "graph input",
                f"dynamic shape: axis {axis} has no fixed size; export the model with a fixed input shape",
            )
    if len(shape) > 8 or math.prod(shape) > MAX_ELEMENTS:
        raise UnsupportedModelError(value.name, "graph input", f"shape {shape[:9]} is absurdly large")
    return Port(value.name, kind.elem_type, tuple(shape))


def _sorted(nodes: tuple[Node, ...], known: set[str], path: Path) -> tuple[Node, ...]:
    """Kahn's algorithm, stable; raises on cycles, names nobody defines and names defined twice."""
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for output in filter(None, node.outputs):
            if output in makers or output in known:
                raise ModelError(f"{path}: tensor '{output}' is defined twice")
            makers[output] = index
    waiting: list[int] = []
    users: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        needed = {name for name in node.inputs if name and name not in known}
        unknown = needed - makers.keys()
        if unknown:
            raise ModelError(f"node '{node.name}' ({node.operator}): input '{min(unknown)}' is defined nowhere")
        waiting.append(len(needed))
        for name in needed:
            users[makers[name]].append(index)
    ready = [index for index, count in enumerate(waiting) if count == 0]
    order: list[Node] = []
    for index in ready:
        order.append(nodes[index])
        for user in users[index]:
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    if len(order) < len(nodes):
        stuck = next(nodes[i] for i, count in enumerate(waiting) if count > 0)
        raise ModelError(f"node '{stuck.name}' ({stuck.operator}): depends on its own output (the graph has a cycle)")
    return tuple(order)


def _needed(order: tuple[Node, ...], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    """Those nodes on which the outputs depend."""
    names = set(outputs)
    kept = []
    for node in reversed(order):
        if names.intersection(filter(None, node.outputs)):
            names.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))
