from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from msf_riot import zoo
from msf_riot.errors import CalibrationError, ModelError, MsfError
from msf_riot.importer.onnx.quantize import quantize_model

FLOAT_VWW = Path(__file__).parents[4] / "shared" / "models" / "mlperf_vww_mobilenetv1_96_float.onnx"
RANDOM = np.random.default_rng(7)


def weight(name: str, *shape: int) -> TensorProto:
    values = np.random.default_rng(len(name)).standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
    return numpy_helper.from_array(values.astype(np.float32), name)


def save(
    path: Path, nodes: list[onnx.NodeProto], initializers: list[TensorProto], opset: int = 17, batch: int | str = "N"
) -> Path:
    graph = helper.make_graph(
        nodes,
        "float",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "classes"])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def float_model(path: Path, opset: int = 17, batch: int | str = "N") -> Path:
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], kernel_shape=[3, 3], pads=[1] * 4, group=8),
        helper.make_node("Add", ["r0", "c1"], ["a"]),
        helper.make_node("GlobalAveragePool", ["a"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
    ]
    weights = [weight("w0", 8, 3, 3, 3), weight("b0", 8), weight("w1", 8, 1, 3, 3), weight("w2", 5, 8), weight("b2", 5)]
    return save(path, nodes, weights, opset, batch)


def samples(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **(arrays or {"x": RANDOM.standard_normal((20, 3, 12, 12)).astype(np.float32)}))
    return path


def check_int8(path: Path) -> onnx.ModelProto:
    """Q first, DQ last, int8 in between: no operator reads a float tensor that is not dequantized."""
    model = onnx.load(path)
    onnx.checker.check_model(model)
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    readers = [node.op_type for node in model.graph.node if model.graph.input[0].name in node.input]
    assert readers == ["QuantizeLinear"]
    assert makers[model.graph.output[0].name] == "DequantizeLinear"
    for node in model.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            assert makers[node.input[0]] == "DequantizeLinear"
    zero_points = {node.input[2] for node in model.graph.node if node.op_type == "QuantizeLinear"}
    for tensor in model.graph.initializer:
        if tensor.name in zero_points:
            assert tensor.data_type == TensorProto.INT8
    return model


def test_a_float_model_becomes_wholly_int8_and_agrees(tmp_path: Path) -> None:
    source, data, output = float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz"), tmp_path / "q.onnx"
    report = quantize_model(source, data, output)
    model = check_int8(output)
    assert report.samples == 20
    assert report.top1_agreement >= 0.9
    assert report.snr_db is not None and report.snr_db > 25
    assert 0 < report.mean_abs_diff <= report.max_abs_diff < 0.2
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npz", "f.onnx", "q.onnx"]


def test_the_reported_figures_are_those_of_running_both_models(tmp_path: Path) -> None:
    x = RANDOM.standard_normal((20, 3, 12, 12)).astype(np.float32)
    source, data, output = float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz", x=x), tmp_path / "q.onnx"
    report = quantize_model(source, data, output)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    exact, rounded = (
        np.concatenate([session.run(None, {"x": sample[None]})[0] for sample in x])
        for session in (onnxruntime.InferenceSession(str(path), options) for path in (source, output))
    )
    difference = np.abs(exact - rounded)
    assert report.max_abs_diff == pytest.approx(difference.max(), rel=1e-3)
    assert report.mean_abs_diff == pytest.approx(difference.mean(), rel=1e-3)
    assert report.snr_db == pytest.approx(10 * np.log10(np.mean(exact**2) / np.mean(difference**2)), abs=0.01)
    assert report.top1_agreement == np.mean(exact.argmax(axis=1) == rounded.argmax(axis=1))


def test_weights_are_quantized_per_channel(tmp_path: Path) -> None:
    output = tmp_path / "q.onnx"
    quantize_model(float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz"), output)
    shapes = {tensor.name: list(tensor.dims) for tensor in onnx.load(output).graph.initializer}
    assert shapes["w0_scale"] == [8]
    assert shapes["w1_scale"] == [8]
    assert shapes["w2_scale"] == [5]


@pytest.mark.parametrize("operator", ["Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "LeakyRelu", "Softmax"])
def test_functions_are_quantized_too(tmp_path: Path, operator: str) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["c"], kernel_shape=[3, 3]),
        helper.make_node(operator, ["c"], ["s"]),
        helper.make_node("ReduceMean", ["s"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "w1"], ["p"]),
        helper.make_node("Add", ["p", "b1"], ["y"]),
    ]
    source = save(tmp_path / "f.onnx", nodes, [weight("w0", 6, 3, 3, 3), weight("w1", 6, 4), weight("b1", 4)])
    report = quantize_model(source, samples(tmp_path / "d.npz"), tmp_path / "q.onnx")
    check_int8(tmp_path / "q.onnx")
    assert report.snr_db is not None and report.snr_db > 20


@pytest.mark.parametrize("opset", [11, 12])
def test_an_old_opset_is_raised(tmp_path: Path, opset: int) -> None:
    quantize_model(float_model(tmp_path / "f.onnx", opset), samples(tmp_path / "d.npz"), tmp_path / "q.onnx")
    check_int8(tmp_path / "q.onnx")


def test_a_single_array_may_have_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", RANDOM.standard_normal((6, 3, 12, 12)))
    quantize_model(float_model(tmp_path / "f.onnx"), tmp_path / "d.npz", tmp_path / "q.onnx")


def bad_calibrations() -> dict[str, tuple[bytes, str]]:
    def npz(**arrays: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()

    good = np.zeros((4, 3, 12, 12), np.float32)
    stream = io.BytesIO()
    np.save(stream, good)
    return {
        "other shape": (npz(x=good[:, :, :5]), "wants samples x 3 x 12 x 12"),
        "no batch axis": (npz(x=good[0]), "wants samples x"),
        "no sample": (npz(x=good[:0]), "one or more samples"),
        "a scalar": (npz(x=np.float32(1)), "one or more samples"),
        "other names": (npz(u=good, v=good), "no array for the model's input 'x'"),
        "empty": (npz(), "no array for the model's input 'x'"),
        "not a number": (npz(x=good * np.nan), "not finite"),
        "text": (npz(x=good.astype(str)), "not numbers"),
        "pickled": (npz(x=np.array([{"a": 1}] * 4, object)), "plain arrays"),
        "npy": (stream.getvalue(), "numpy.savez"),
        "truncated": (npz(x=good)[:600], "plain arrays"),
        "junk": (b"junk", "plain arrays"),
    }


@pytest.mark.parametrize("case", bad_calibrations())
def test_bad_calibration_data_is_one_line_and_keeps_the_old_output(tmp_path: Path, case: str) -> None:
    content, message = bad_calibrations()[case]
    (tmp_path / "d.npz").write_bytes(content)
    output = tmp_path / "q.onnx"
    output.write_bytes(b"kept")
    with pytest.raises(CalibrationError, match=message) as caught:
        quantize_model(float_model(tmp_path / "f.onnx"), tmp_path / "d.npz", output)
    assert "\n" not in str(caught.value)
    assert output.read_bytes() == b"kept"


def test_absent_calibration_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no such file"):
        quantize_model(float_model(tmp_path / "f.onnx"), tmp_path / "absent.npz", tmp_path / "q.onnx")


def test_bad_models_are_one_line(tmp_path: Path) -> None:
    data = samples(tmp_path / "d.npz")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    quantized = tmp_path / "int8.onnx"
    quantized.write_bytes(zoo.build("tiny-vww").SerializeToString())
    broken = save(tmp_path / "broken.onnx", [helper.make_node("Nonsense", ["x"], ["y"])], [])
    batch = float_model(tmp_path / "batch.onnx", batch=4)
    cases = {
        tmp_path / "absent.onnx": "cannot be read",
        tmp_path / "junk.onnx": "not an ONNX file",
        quantized: "already quantized",
        broken: "Nonsense",
        batch: "batch",
    }
    for path, message in cases.items():
        with pytest.raises(ModelError, match=message) as caught:
            quantize_model(path, data, tmp_path / "q.onnx")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "q.onnx").exists()


def test_the_inputs_are_never_overwritten(tmp_path: Path) -> None:
    source, data = float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz")
    before = source.read_bytes(), data.read_bytes()
    (tmp_path / "link.onnx").symlink_to(source)
    for output in (source, data, tmp_path / "link.onnx"):
        with pytest.raises(MsfError, match="overwrite"):
            quantize_model(source, data, output)
    assert (source.read_bytes(), data.read_bytes()) == before


@pytest.mark.parametrize("output", ["folder", "absent/q.onnx"])
def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path, output: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match="cannot be written"):
        quantize_model(float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz"), tmp_path / output)


def test_quantizing_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    quantize_model(float_model(tmp_path / "f.onnx"), samples(tmp_path / "d.npz"), tmp_path / "q.onnx")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not FLOAT_VWW.exists(), reason=f"{FLOAT_VWW} is absent")
def test_the_trained_float_model_quantizes(tmp_path: Path) -> None:
    batch = zoo.calibration.images((3, 96, 96), 16, np.random.default_rng(1))
    data = samples(tmp_path / "d.npz", input_1=(np.moveaxis(batch, 1, -1) + 128.0) / 255)
    report = quantize_model(FLOAT_VWW, data, tmp_path / "q.onnx")
    assert report.top1_agreement >= 0.9
    assert report.snr_db is not None and report.snr_db > 15
