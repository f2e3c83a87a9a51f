"""Small ONNX models for the importer's tests, and their comparison with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from msf_riot.agreement import open_session, to_int8
from msf_riot.importer import import_model
from msf_riot.ir import Graph
from msf_riot.reference import execute

Given: TypeAlias = np.ndarray | dict[str, np.ndarray]


class Drawing:
    """Builds a QDQ model node by node; scales come from running the float part on random inputs."""

    def __init__(self, seed: int = 0, element: str = "int8", opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.element = np.dtype(element)
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.count = 0
        self.inputs: list[onnx.ValueInfoProto] = []

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def constant(self, array: np.ndarray, stem: str = "constant") -> str:
        name = self.name(stem)
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: object) -> str:
        outs = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), outs, name=f"node_{outs[0]}", domain=domain, **attributes)
        )
        return outs[0]

    def graph_input(self, shape: Sequence[int | str], element: int = TensorProto.FLOAT) -> str:
        name = f"input_{len(self.inputs)}" if self.inputs else "input"
        self.inputs.append(helper.make_tensor_value_info(name, element, list(shape)))
        return name

    def activation(self, shape: Sequence[int | str], quantized: bool = True) -> str:
        source = self.graph_input(shape)
        return self.qdq(source) if quantized else source

    def weights(self, shape: Sequence[int], axis: int | None = 0, element: str = "int8", zero_point: int = 0) -> str:
        limits = np.iinfo(element)
        integers = self.rng.integers(limits.min, limits.max, shape, endpoint=True).astype(element)
        scale = self.rng.uniform(0.002, 0.02, () if axis is None else shape[axis]).astype(np.float32)
        zero = np.full(scale.shape, zero_point, element)
        extra = {} if axis is None else {"axis": axis}
        parts = [self.constant(v, "w") for v in (integers, scale, zero)]
        return self.op("DequantizeLinear", *parts, **extra)

    def sample(self) -> Given:
        """An input, or each by its name where there are several."""
        if len(self.inputs) == 1:
            return self.sample_of(self.inputs[0])
        return {info.name: self.sample_of(info) for info in self.inputs}

    def sample_of(self, info: onnx.ValueInfoProto) -> np.ndarray:
        shape = [d.dim_value or 1 for d in info.type.tensor_type.shape.dim]
        match info.type.tensor_type.elem_type:
            case TensorProto.FLOAT:
                return self.rng.uniform(-2, 3, shape).astype(np.float32)
            case TensorProto.INT8:
                return self.rng.integers(-128, 128, shape).astype(np.int8)
            case _:
                return self.rng.integers(0, 256, shape).astype(np.uint8)

    def parameters(self, value: str) -> tuple[np.float32, np.ndarray]:
        """Scale and zero point that cover most of what a float tensor holds."""
        results = self.run(value, [self.sample() for _ in range(3)])
        low, high = min(0.0, float(np.min(results))), max(0.0, float(np.max(results)))
        scale = np.float32(max(high - low, 1e-3) * 0.95 / 255)
        limits = np.iinfo(self.element)
        zero = np.clip(round(limits.min - low / scale), limits.min, limits.max)
        return scale, np.array(zero, self.element)

    def qdq(self, value: str, parameters: tuple[object, object] | None = None) -> str:
        scale, zero = parameters or self.parameters(value)
        parts = [self.constant(np.asarray(scale, np.float32)), self.constant(np.asarray(zero, self.element))]
        return self.op("DequantizeLinear", self.op("QuantizeLinear", value, *parts), *parts)

    def model(self, output: str, element: int = TensorProto.FLOAT) -> onnx.ModelProto:
        outputs = [helper.make_tensor_value_info(output, element, None)]
        graph = helper.make_graph(self.nodes, "drawing", self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def run(self, output: str, inputs: Sequence[Given]) -> list[np.ndarray]:
        if output in (info.name for info in self.inputs):
            return [each[output] if isinstance(each, dict) else each for each in inputs]
        return run(self.model(output), inputs)


def run(model: onnx.ModelProto, inputs: Sequence[Given]) -> list[np.ndarray]:
    """What ONNX Runtime answers."""
    session = open_session(model.SerializeToString())
    name = session.get_inputs()[0].name
    return [session.run(None, each if isinstance(each, dict) else {name: each})[0] for each in inputs]


def imported(model: onnx.ModelProto, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return import_model(path)


def differences(graph: Graph, inputs: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> np.ndarray:
    """|reference - expected|, in int8 steps, over all inputs."""
    source, last = graph.tensor(graph.input), graph.tensor(graph.output)
    found = [
        execute(graph, to_int8(value, source)).astype(np.int32) - to_int8(answer, last).astype(np.int32)
        for value, answer in zip(inputs, expected, strict=True)
    ]
    return np.abs(np.stack(found))


def check(drawing: Drawing, output: str, folder: Path, element: int = TensorProto.FLOAT, limit: int = 1) -> Graph:
    """The importer and the reference equal ONNX Runtime within `limit`; the result is not constant. Gives the Graph."""
    model = drawing.model(output, element)
    inputs = [drawing.sample() for _ in range(3)]
    graph = imported(model, folder)
    expected = run(model, inputs)
    assert np.std(np.stack(expected).astype(np.float64)) > 0
    assert differences(graph, inputs, expected).max() <= limit
    origins = [graph.tensor(graph.input).origin, graph.tensor(graph.output).origin]
    assert [origin.name for origin in origins if origin] == ["input", output]
    assert origins[1] is not None and origins[1].shape == expected[0].shape
    return graph
