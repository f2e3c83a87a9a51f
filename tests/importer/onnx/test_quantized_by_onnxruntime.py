"""Models as onnxruntime.quantization writes them, QDQ and QOperator, and the shared trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import differences, run
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from msf_riot.agreement import agreement
from msf_riot.errors import FloatModelError
from msf_riot.importer import import_model

SHARED = Path(__file__).resolve().parents[4] / "shared" / "models"
TRAINED = [
    "mcunet_vww_80",
    "mlperf_ad_autoencoder",
    "mlperf_ic_resnet8",
    "mlperf_kws_dscnn",
    "mlperf_vww_mobilenetv1_96",
]


class Samples(CalibrationDataReader):
    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.arrays = [rng.uniform(-1, 2, (1, 3, 16, 16)).astype(np.float32) for _ in range(4)]
        self.rest = iter(self.arrays)

    def get_next(self) -> dict[str, np.ndarray] | None:
        array = next(self.rest, None)
        return None if array is None else {"input": array}


def float_model() -> onnx.ModelProto:
    """A network with every operator that ONNX Runtime's quantizer has a form of its own for."""
    rng = np.random.default_rng(3)
    constants = {
        "w0": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "b0": rng.normal(0, 0.3, 8),
        "w1": rng.normal(0, 0.4, (8, 1, 3, 3)),
        "w2": rng.normal(0, 0.3, (8, 8, 1, 1)),
        "b2": rng.normal(0, 0.3, 8),
        "w3": rng.normal(0, 0.3, (8, 6)),
        "b3": rng.normal(0, 0.3, 6),
        "w4": rng.normal(0, 0.5, (6, 5)),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["input", "w0", "b0"], ["a"], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "w1"], ["c"], group=8, pads=[1, 1, 1, 1]),
        node("LeakyRelu", ["c"], ["d"], alpha=0.1),
        node("Conv", ["d", "w2", "b2"], ["e"]),
        node("Sigmoid", ["e"], ["f"]),
        node("Mul", ["e", "f"], ["g"]),
        node("Add", ["b", "g"], ["h"]),
        node("MaxPool", ["h"], ["i"], kernel_shape=[2, 2], strides=[2, 2]),
        node("AveragePool", ["h"], ["j"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Concat", ["i", "j"], ["k"], axis=1),
        node("Resize", ["k", "", "scales"], ["l"], mode="nearest"),
        node("Conv", ["l", "w5"], ["m"]),
        node("GlobalAveragePool", ["m"], ["n"]),
        node("Flatten", ["n"], ["o"]),
        node("Gemm", ["o", "w3", "b3"], ["p"]),
        node("MatMul", ["p", "w4"], ["q"]),
        node("Softmax", ["q"], ["output"]),
    ]
    constants["w5"] = rng.normal(0, 0.3, (8, 16, 1, 1))
    constants["scales"] = np.array([1, 1, 2, 2])
    graph = helper.make_graph(
        nodes,
        "everything",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 16, 16])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 5])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
@pytest.mark.parametrize(
    "activations,weights",  # ONNX Runtime has no kernels for signed activations with unsigned weights
    [
        (QuantType.QInt8, QuantType.QInt8),
        (QuantType.QUInt8, QuantType.QInt8),
        (QuantType.QUInt8, QuantType.QUInt8),
    ],
)
@pytest.mark.parametrize("per_channel", [False, True])
def test_quantize_static(
    form: QuantFormat, activations: QuantType, weights: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    source, path = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(float_model(), source)
    quantize_static(
        source,
        path,
        Samples(0),
        quant_format=form,
        activation_type=activations,
        weight_type=weights,
        per_channel=per_channel,
    )
    graph = import_model(path)
    samples = Samples(1).arrays
    for row in agreement(path, graph, samples):
        assert row.max_abs_diff <= 1, row
    assert differences(graph, samples, run(onnx.load(path), samples)).max() <= 3


@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_agree_operator_by_operator(name: str) -> None:
    path = SHARED / f"{name}_int8.onnx"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    graph = import_model(path)
    origin = graph.tensor(graph.input).origin
    assert origin is not None
    rng = np.random.default_rng(0)
    if origin.element == "float32":
        inputs = [rng.uniform(-1, 1, origin.shape).astype(np.float32) for _ in range(4)]
    else:
        inputs = [rng.integers(-128, 128, origin.shape).astype(np.int8) for _ in range(4)]
    rows = agreement(path, graph, inputs)
    assert len(rows) == len(graph.operators)
    assert max(row.max_abs_diff for row in rows) <= 1
    assert sum(row.elements * row.equal_fraction for row in rows) >= 0.999 * sum(row.elements for row in rows)


def test_a_float_model_is_refused_with_the_command_that_quantizes_it(tmp_path: Path) -> None:
    path = tmp_path / "everything.onnx"
    onnx.save(float_model(), path)
    with pytest.raises(FloatModelError, match=r"msf-riot quantize \S+ --calibration DATA.npz -o \S+"):
        import_model(path)


def test_the_trained_float_model_is_refused() -> None:
    path = SHARED / "mlperf_vww_mobilenetv1_96_float.onnx"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with pytest.raises(FloatModelError, match="msf-riot quantize"):
        import_model(path)
