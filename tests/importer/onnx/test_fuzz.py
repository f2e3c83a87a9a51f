"""Damaged models: whatever is wrong with them, an MsfError says so, soon and in little memory."""

from __future__ import annotations

import resource
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from onnx_models import Drawing

from msf_riot.errors import MsfError
from msf_riot.importer import import_model
from msf_riot.reference import execute

SECONDS = 5.0
KIBIBYTES = 1 << 20
INTEGERS = st.sampled_from([0, 1, -1, 2, 3, 7, 255, 65536, 1 << 31, 1 << 40, -(1 << 63), (1 << 63) - 1])
FLOATS = st.sampled_from([0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan"), 0.5])


OPERATORS = [
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "DequantizeLinear", "Div", "Dropout", "Expand", "Flatten", "Foo", "Gather", "Gemm", "GlobalAveragePool",
    "GlobalMaxPool", "HardSwish", "Identity", "LeakyRelu", "MatMul", "MaxPool", "Mul", "PRelu", "Pad", "QGemm",
    "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearConv", "QLinearMatMul", "QLinearSoftmax",
    "QuantizeLinear", "Range", "ReduceMean", "Relu", "Reshape", "Resize", "Shape", "Slice", "Softmax", "Squeeze",
    "Sub", "Transpose", "Unsqueeze", "Upsample",
]  # fmt: skip


@cache
def models() -> tuple[bytes, ...]:
    """Small valid models that together hold most of what the importer reads."""
    first = Drawing(opset=13)
    x = first.op("Transpose", first.activation((1, 6, 6, 3)), perm=[0, 3, 1, 2])
    x = first.op("Pad", x, first.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])))
    x = first.qdq(first.op("Relu", first.op("Conv", x, first.weights((4, 3, 3, 3)), strides=[2, 2], group=1)))
    y = first.qdq(first.op("Conv", x, first.weights((4, 1, 3, 3)), group=4, pads=[1, 1, 1, 1]))
    y = first.qdq(first.op("Add", x, y))
    y = first.op("Concat", y, first.qdq(first.op("Mul", x, first.op("Sigmoid", x))), axis=1)
    y = first.op("MaxPool", first.qdq(y), kernel_shape=[2, 2], strides=[1, 1])
    y = first.op("Resize", y, "", first.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest")
    y = first.qdq(first.op("AveragePool", y, kernel_shape=[2, 2], pads=[1, 1, 0, 0]))
    y = first.op("Reshape", y, first.constant(np.array([0, -1])))
    y = first.qdq(first.op("Gemm", y, first.weights((128, 5), 1), transB=0))
    last = first.qdq(first.op("Softmax", y, axis=-1), (1 / 256, -128))

    second = Drawing(element="uint8", opset=13)
    s, z = second.constant(np.float32(0.02)), second.constant(np.array(7, np.uint8))
    v = second.graph_input(("n", 3, 6, 6), TensorProto.UINT8)
    w, ws = second.constant(np.ones((4, 3, 3, 3), np.uint8)), second.constant(np.float32(0.1))
    b = second.constant(np.arange(4, dtype=np.int32))
    v = second.op("QLinearConv", v, s, z, w, ws, z, s, z, b, kernel_shape=[3, 3])
    v = second.op("QLinearAdd", v, s, z, v, s, z, s, z, domain="com.microsoft")
    v = second.op("QLinearConcat", s, z, v, s, z, v, s, z, axis=1, domain="com.microsoft")
    v = second.op("QLinearGlobalAveragePool", v, s, z, s, z, domain="com.microsoft")
    v = second.op("Flatten", v)
    m = second.constant(np.ones((8, 3), np.uint8))
    v = second.op("QLinearMatMul", v, s, z, m, ws, z, s, z)

    third = Drawing(opset=18)
    t = third.qdq(third.op("Conv", third.activation((1, 2, 20)), third.weights((3, 2, 5)), pads=[2, 2], dilations=[1]))
    t = third.qdq(third.op("Mul", t, third.constant(np.ones((3, 1), np.float32))))
    t = third.qdq(third.op("ReduceMean", t, third.constant(np.array([2])), keepdims=0))
    batch = third.op("Gather", third.op("Shape", t), third.constant(np.array([0])))
    shape = third.op("Concat", batch, third.constant(np.array([-1])), axis=0)
    t = third.op("Clip", third.op("Reshape", t, shape), third.constant(np.float32(0)), third.constant(np.float32(1)))
    drawn = (first.model(last), second.model(v, TensorProto.UINT8), third.model(third.qdq(t)))
    return tuple(model.SerializeToString() for model in drawn)


def survives(data: bytes) -> None:
    """Imports and, where that succeeds on something small, runs it."""
    before = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        try:
            graph = import_model(path)
        except MsfError as error:
            assert str(error) and len(str(error)) < 2000
        else:
            if sum(tensor.size for tensor in graph.tensors.values()) < 1 << 16:
                execute(graph, np.zeros(graph.input_shape, np.int8))
    assert time.monotonic() - before < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 * KIBIBYTES


FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("which", range(3))
def test_the_models_themselves_are_valid(which: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(models()[which])
    graph = import_model(path)
    assert execute(graph, np.zeros(graph.input_shape, np.int8)).size > 0


@FUZZ
@given(st.integers(0, 2), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
       st.floats(0.5, 1))  # fmt: skip
def test_flipped_and_missing_bytes(which: int, flips: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(models()[which])
    for place, value in flips:
        data[int(place * len(data))] = value
    survives(bytes(data[: int(len(data) * kept)] if kept < 0.75 else data))


@FUZZ
@given(st.integers(0, 2), st.data())
def test_changed_structure(which: int, data: st.DataObject) -> None:
    model = onnx.ModelProto()
    model.ParseFromString(models()[which])
    for _ in range(data.draw(st.integers(1, 3))):
        change = data.draw(st.sampled_from([drop_node, change_attribute, change_inputs, change_tensor, change_shape]))
        if model.graph.node:
            change(model, data)
    try:
        survives(model.SerializeToString())
    except (DecodeError, UnicodeEncodeError):  # the change itself cannot be written
        return


def drop_node(model: onnx.ModelProto, data: st.DataObject) -> None:
    del model.graph.node[data.draw(st.integers(0, len(model.graph.node) - 1))]


def change_attribute(model: onnx.ModelProto, data: st.DataObject) -> None:
    nodes = [node for node in model.graph.node if node.attribute]
    if not nodes:
        return
    attribute = data.draw(st.sampled_from(list(data.draw(st.sampled_from(nodes)).attribute)))
    if data.draw(st.booleans()):
        attribute.i = data.draw(INTEGERS)
        attribute.f = data.draw(FLOATS)
        del attribute.ints[:]
        attribute.ints.extend(data.draw(st.lists(INTEGERS, max_size=9)))
    else:
        attribute.type = data.draw(st.integers(0, 14))


def change_inputs(model: onnx.ModelProto, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(list(model.graph.node)))
    names = sorted({name for n in model.graph.node for name in (*n.input, *n.output)})
    if node.input and data.draw(st.booleans()):
        node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
    elif data.draw(st.booleans()):
        del node.input[data.draw(st.integers(0, max(len(node.input) - 1, 0))) :]
    else:
        node.op_type = data.draw(st.sampled_from(OPERATORS))


def change_tensor(model: onnx.ModelProto, data: st.DataObject) -> None:
    if not model.graph.initializer:
        return
    tensor = data.draw(st.sampled_from(list(model.graph.initializer)))
    match data.draw(st.integers(0, 3)):
        case 0:
            tensor.dims[:] = data.draw(st.lists(INTEGERS, max_size=6))
        case 1:
            tensor.data_type = data.draw(st.integers(0, 24))
        case 2:
            tensor.raw_data = data.draw(st.binary(min_size=len(tensor.raw_data), max_size=len(tensor.raw_data)))
        case _:
            kind = tensor.data_type
            if kind == TensorProto.FLOAT:
                tensor.raw_data = np.full(len(tensor.raw_data) // 4, data.draw(FLOATS), np.float32).tobytes()
            elif kind == TensorProto.INT64:
                tensor.raw_data = np.full(len(tensor.raw_data) // 8, data.draw(INTEGERS), np.int64).tobytes()


def change_shape(model: onnx.ModelProto, data: st.DataObject) -> None:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    if data.draw(st.booleans()) and dims:
        dims[data.draw(st.integers(0, len(dims) - 1))].dim_value = data.draw(INTEGERS)
    elif dims:
        del dims[data.draw(st.integers(0, len(dims) - 1))]
