"""The ONNX project's backend node tests of float operators, put between quantizers: right within the steps of these.

Each test either gives what ONNX says, or is refused in one line.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test import loader

from msf_riot.agreement import from_int8, to_int8
from msf_riot.errors import ModelError
from msf_riot.importer import import_model
from msf_riot.reference import execute_all

OPERATORS = re.compile(
    r"test_(slice|split|depthtospace|spacetodepth|concat|edge_pad|reflect_pad|wrap_pad|constant_pad|gather_[0-9n]|argmax|"
    r"prelu|resize|upsample|convtranspose|reduce_max|reduce_mean|reduce_sum_(?!sq)|averagepool|maxpool|globalaverage|"
    r"globalmax|conv_|basic_conv|elu|selu|softplus|leakyrelu|celu|hardsigmoid|hardswish|gelu|mish|softsign|thresholdedrelu|"
    r"sigmoid|tanh|softmax|logsoftmax|transpose|reshape|flatten|squeeze|unsqueeze|batchnorm|relu|clip|abs|neg|exp|sqrt|floor|ceil|"
    r"sin_|cos_|atan_|pow_|sign|log_|identity|max_|min_|sub|add|mul|sum_)"
)
NO_TESTS_OF_THEM = re.compile("expanded|seq|optional")
PASSING = 205
STEPS = 3.0
"""Of the output: the input is rounded, too, and some functions are steeper than 1."""

BEYOND_QUANTIZATION = {
    "test_thresholdedrelu_example": "an input lies on the threshold",
    "test_softmax_large_number": "a range of 10,000 in 255 steps",
    "test_logsoftmax_large_number": "a range of 10,000 in 255 steps",
}


def arrays(values: list) -> list[np.ndarray]:
    return [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in values]


def parameters(array: np.ndarray) -> tuple[np.float32, np.int8]:
    low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
    scale = np.float32(max(high - low, 1e-3) / 255)
    return scale, np.int8(np.clip(round(-128 - low / scale), -128, 127))


class Wrapped:
    """One test as a model whose first input and whose outputs are quantized; other inputs are constants."""

    def __init__(self, proto: onnx.ModelProto, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
        graph = proto.graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        source = graph.input[0].name
        given = self.quantized(source, inputs[0], "given")
        for value, array in zip(graph.input[1:], inputs[1:], strict=True):
            weights = graph.node[0].op_type in ("Conv", "ConvTranspose") and value.name == graph.node[0].input[1]
            if weights and array.dtype == np.float32:
                scale = np.float32(np.abs(array).max() / 127 or 1)
                names = self.constant(np.rint(array / scale).astype(np.int8)), self.constant(scale)
                self.nodes.append(helper.make_node("DequantizeLinear", names, [value.name]))
            else:
                self.constants.append(numpy_helper.from_array(array, value.name))
        for node in graph.node:
            node.input[:] = [given if name == source else name for name in node.input]
            self.nodes.append(node)
        ends = []
        for value, array in zip(graph.output, outputs, strict=True):
            kind = TensorProto.FLOAT if array.dtype == np.float32 else TensorProto.INT64
            name = self.quantized(value.name, array, f"end_{len(ends)}") if kind == TensorProto.FLOAT else value.name
            ends.append(helper.make_tensor_value_info(name, kind, None))
        first = helper.make_tensor_value_info(source, TensorProto.FLOAT, inputs[0].shape)
        whole = helper.make_graph(self.nodes, "wrapped", [first], ends, self.constants)
        self.model = helper.make_model(whole, opset_imports=proto.opset_import, ir_version=8)

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def quantized(self, value: str, array: np.ndarray, name: str) -> str:
        names = [self.constant(each) for each in parameters(array)]
        self.nodes.append(helper.make_node("QuantizeLinear", [value, *names], [f"{name}_int8"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_int8", *names], [name]))
        return name


def test_every_test_passes_or_is_refused_in_one_line(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = loader.load_model_tests(kind="node")
    passed, wrong = [], {}
    for test in tests:
        if not OPERATORS.match(test.name) or NO_TESTS_OF_THEM.search(test.name):
            continue
        inputs, outputs = (arrays(values) for values in test.data_sets[0])
        floats = inputs and inputs[0].dtype == np.float32 and min(array.size for array in (*inputs, *outputs)) > 0
        if not floats or any(array.dtype not in (np.float32, np.int64) for array in outputs):
            continue
        proto = onnx.ModelProto()
        proto.CopyFrom(test.model)
        path = tmp_path / "model.onnx"
        path.write_bytes(Wrapped(proto, inputs, outputs).model.SerializeToString())
        try:
            graph = import_model(path)
        except ModelError as error:
            assert "\n" not in str(error)
            continue
        values = execute_all(graph, to_int8(inputs[0], graph.tensor(graph.input)))
        for name, wanted in zip(graph.outputs, outputs, strict=True):
            tensor = graph.tensor(name)
            numbers = wanted.dtype == np.int64
            found = values[name].astype(np.int64) + 128 if numbers else from_int8(values[name], tensor)
            error = np.abs(found.reshape(wanted.shape) - wanted).max() / (1 if numbers else tensor.quantization.scale)
            if error > (0 if numbers else STEPS) and test.name not in BEYOND_QUANTIZATION:
                wrong[test.name] = float(error)
        passed.append(test.name)
    assert not wrong
    assert len(passed) >= PASSING, len(passed)
