"""What cannot be imported is refused in one line that names node, operator and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import Drawing, imported

from msf_riot.errors import FloatModelError, ModelError, MsfError, UnsupportedModelError
from msf_riot.importer import import_model


def convolution() -> tuple[Drawing, onnx.ModelProto]:
    draw = Drawing()
    y = draw.qdq(draw.op("Conv", draw.activation((1, 3, 6, 6)), draw.weights((4, 3, 3, 3)), strides=[1, 1]))
    return draw, draw.model(y)


def node_of(model: onnx.ModelProto, operator: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == operator)


def refusal(model: onnx.ModelProto, folder: Path) -> str:
    with pytest.raises(MsfError) as caught:
        imported(model, folder)
    text = str(caught.value)
    assert text and "\n" not in text
    return text


def between(build: Callable[[Drawing, str], str], shape: tuple[int, ...] = (1, 3, 6, 6)) -> onnx.ModelProto:
    """A model with something between quantizers whose output scale need not be known."""
    draw = Drawing()
    return draw.model(draw.qdq(build(draw, draw.activation(shape)), (0.05, 0)))


BETWEEN: dict[str, tuple[Callable[[Drawing, str], str], str]] = {
    "unsupported operator": (lambda d, x: d.op("Einsum", x, equation="abcd->abcd"), r"einsum.*Einsum.*unsupported"),
    "two floats in a row": (lambda d, x: d.op("Sigmoid", d.op("Conv", x, d.weights((4, 3, 3, 3)))), "float in the mid"),
    "float weights": (lambda d, x: d.op("Conv", x, d.constant(np.ones((4, 3, 3, 3), np.float32))), "weights are float"),
    "wrong channels": (lambda d, x: d.op("Conv", x, d.weights((4, 5, 3, 3))), "do not suit 3 channels"),
    "one weight": (lambda d, x: d.op("Conv", x, d.weights((), None)), "no axis of output channels"),
    "wrong rank": (lambda d, x: d.op("Conv", d.op("Flatten", x), d.weights((4, 3, 3, 3))), "rank 2"),
    "zero stride": (lambda d, x: d.op("Conv", x, d.weights((4, 3, 3, 3)), strides=[0, 1]), "strides"),
    "negative pads": (lambda d, x: d.op("Conv", x, d.weights((4, 3, 3, 3)), pads=[-1, 0, 0, 0]), "pads"),
    "huge pads": (lambda d, x: d.op("MaxPool", x, kernel_shape=[2, 2], pads=[1 << 40] * 4), "pads"),
    "empty windows": (lambda d, x: d.op("MaxPool", x, kernel_shape=[2, 2], pads=[2, 2, 2, 2]), "without any input"),
    "huge kernel": (lambda d, x: d.op("AveragePool", x, kernel_shape=[1 << 30, 1]), "kernel"),
    "kernel beyond input": (lambda d, x: d.op("MaxPool", x, kernel_shape=[7, 7]), "larger than its padded input"),
    "kernel contradicts": (lambda d, x: d.op("Conv", x, d.weights((4, 3, 3, 3)), kernel_shape=[5, 5]), "contradicts"),
    "huge resize": (
        lambda d, x: d.op("Resize", x, "", d.constant(np.array([1, 1, 6e4, 6e4], np.float32)), mode="nearest"),
        "rows or columns",
    ),
    "cubic resize": (
        lambda d, x: d.op("Resize", x, "", d.constant(np.array([1, 1, 2, 2], np.float32)), mode="cubic"),
        "mode cubic",
    ),
    "mixing reshape": (
        lambda d, x: d.op("MaxPool", d.op("Reshape", d.op("MaxPool", x, kernel_shape=[1, 1]),
                                          d.constant(np.array([1, 6, 3, 6]))), kernel_shape=[1, 1]),
        "cut into parts",
    ),
    "wrong reshape": (lambda d, x: d.op("Reshape", x, d.constant(np.array([1, 5, -1]))), "reshape"),
    "softmax over rows": (lambda d, x: d.op("Softmax", d.op("MaxPool", x, kernel_shape=[2, 2]), axis=2), "over rows"),
    "too far reflected": (
        lambda d, x: d.op("Pad", x, d.constant(np.array([0, 0, 6, 1] * 2)), mode="reflect"), "reflects 6 of 6",
    ),
    "parts of a split": (lambda d, x: d.op("Split", x, d.constant(np.array([1, 1])), axis=1, outputs=2), "parts of"),
    "empty slice": (lambda d, x: d.op("Slice", x, d.constant(np.array([4])), d.constant(np.array([2]))), "no elements"),
    "cut and not put together": (
        lambda d, x: d.op("MaxPool", d.op("Transpose", d.op("Reshape", d.op("Conv", x, d.weights((4, 3, 1, 1))),
            d.constant(np.array([1, 2, 2, 6, 6]))), perm=[0, 2, 1, 3, 4]), kernel_shape=[1, 1]), "cut into parts",
    ),
    "constant per element": (lambda d, x: d.op("Add", x, d.constant(np.ones((3, 6, 6), np.float32))), "a channel"),
    "variable weights": (lambda d, x: d.op("MatMul", x, x), "must be constant"),
    "dynamic quantization": (lambda d, x: d.op("ConvInteger", x, d.weights((4, 3, 3, 3))), "dynamic quantization"),
    "second output": (
        lambda d, x: (d.op("MaxPool", x, kernel_shape=[1, 1], outputs=2), d.op("Relu", d.nodes[-1].output[1]))[1],
        "that is not supported",
    ),
    "kernel of 300": (lambda d, x: d.op("Conv", x, d.weights((4, 3, 300, 3)), pads=[200, 0, 200, 0]), "300"),
    "factor beyond int32": (
        lambda d, x: d.op("Mul", d.qdq(d.op("Concat", x, x, axis=1)), d.constant(np.full((6, 1, 1), 1e12, np.float32))),
        "overflows",
    ),
    "foreign domain": (lambda d, x: d.op("Conv", x, domain="org.example"), r"org\.example\.Conv"),
}  # fmt: skip


@pytest.mark.parametrize("case", BETWEEN)
def test_operators_that_cannot_run_are_named_with_the_reason(case: str, tmp_path: Path) -> None:
    build, reason = BETWEEN[case]
    model = between(build)
    with pytest.raises(UnsupportedModelError, match=reason) as caught:
        imported(model, tmp_path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("node '")


def test_float_model_names_the_command(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("Relu", draw.graph_input((1, 3, 6, 6)))
    with pytest.raises(FloatModelError, match=r"msf-riot quantize \S+model.onnx --calibration DATA.npz -o \S+"):
        imported(draw.model(y), tmp_path)


def test_a_network_of_nothing_but_float_is_refused(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.op("Einsum", draw.activation((1, 3, 6, 6)), equation="abcd->abcd")
    assert "unsupported operator" in refusal(draw.model(y), tmp_path)


def test_a_last_reshape_of_nothing(tmp_path: Path) -> None:
    draw = Drawing()
    draw.activation((1, 3, 6, 6))
    model = draw.model(draw.qdq(draw.op("Reshape"), (0.1, 0)))
    assert "its first input is absent" in refusal(model, tmp_path)


@pytest.mark.parametrize("shape", [(1, 3, "height", 6), (1, "c", 6, 6)])
def test_dynamic_shape(shape: tuple[int | str, ...], tmp_path: Path) -> None:
    _, model = convolution()
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("input", TensorProto.FLOAT, shape))
    assert "dynamic shape" in refusal(model, tmp_path)


@pytest.mark.parametrize("shape", [(4, 3, 6, 6), (1, 3, 1 << 40, 6), (1, 3, 50000, 50000)])
def test_batches_and_absurd_inputs(shape: tuple[int, ...], tmp_path: Path) -> None:
    _, model = convolution()
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("input", TensorProto.FLOAT, shape))
    assert "batch" in refusal(model, tmp_path) or "absurdly large" in refusal(model, tmp_path)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("which", range(4))
def test_scales_must_be_positive_numbers(scale: float, which: int, tmp_path: Path) -> None:
    _, model = convolution()
    floats = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    tensor = floats[which % len(floats)]
    tensor.raw_data = np.full(max(1, int(np.prod(tensor.dims))), scale, np.float32).tobytes()
    assert "above 0" in refusal(model, tmp_path)


def test_missing_scale(tmp_path: Path) -> None:
    _, model = convolution()
    del node_of(model, "QuantizeLinear").input[1:]
    assert "missing scale" in refusal(model, tmp_path)


def test_integer_input_without_scale(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.op("MaxPool", draw.graph_input((1, 3, 6, 6), TensorProto.INT8), kernel_shape=[2, 2])
    draw.op("DequantizeLinear", draw.constant(np.int8([1])), draw.constant(np.float32(1)))
    model = draw.model(x, TensorProto.INT8)
    assert "float, not int8" in refusal(model, tmp_path) or "missing scale" in refusal(model, tmp_path)


def test_cycle(tmp_path: Path) -> None:
    _, model = convolution()
    node_of(model, "Conv").input[0] = model.graph.output[0].name
    assert "cycle" in refusal(model, tmp_path)


def test_undefined_and_twice_defined_names(tmp_path: Path) -> None:
    _, model = convolution()
    node_of(model, "Conv").input[0] = "nowhere"
    assert "defined nowhere" in refusal(model, tmp_path)
    _, model = convolution()
    model.graph.node.append(node_of(model, "Conv"))
    assert "defined twice" in refusal(model, tmp_path)


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 31, 1 << 31, 1 << 31], [-4], [0], [2, 3]])
def test_tensors_that_claim_other_sizes_than_they_hold(dims: list[int], tmp_path: Path) -> None:
    _, model = convolution()
    for tensor in model.graph.initializer:
        tensor.dims[:] = dims
    assert "claims" in refusal(model, tmp_path)


def test_outputs_that_are_not_made_once(tmp_path: Path) -> None:
    _, model = convolution()
    model.graph.output.append(model.graph.output[0])
    assert "is there twice" in refusal(model, tmp_path)
    _, model = convolution()
    model.graph.output.append(helper.make_tensor_value_info("nowhere", TensorProto.FLOAT, [1]))
    assert "'nowhere' is computed nowhere" in refusal(model, tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 100, b"\xff" * 100, b"<!DOCTYPE html><html></html>"])
def test_files_that_are_not_onnx(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not an ONNX file, or truncated"):
        import_model(path)


def test_truncated_absent_and_directory(tmp_path: Path) -> None:
    _, model = convolution()
    path = tmp_path / "model.onnx"
    data = model.SerializeToString()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="truncated"):
        import_model(path)
    with pytest.raises(ModelError, match="cannot be read"):
        import_model(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match="not a file"):
        import_model(tmp_path)


def external(model: onnx.ModelProto, location: str, offset: int = 0, length: int | None = None) -> onnx.ModelProto:
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", size if length is None else length)):
        tensor.external_data.add(key=key, value=str(value))
    return model


def test_external_data_beside_the_model_is_read(tmp_path: Path) -> None:
    _, model = convolution()
    data = max(model.graph.initializer, key=lambda t: len(t.raw_data)).raw_data
    (tmp_path / "weights.bin").write_bytes(b"x" * 8 + data)
    graph = imported(external(model, "weights.bin", 8), tmp_path)
    assert (
        graph.operators[-1].weights.tobytes()
        == np.frombuffer(data, np.int8).reshape(4, 3, 3, 3).transpose(0, 2, 3, 1).tobytes()
    )


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "link.bin", "", "a/../../secret.bin"])
def test_external_data_outside_the_folder_is_not_read(location: str, tmp_path: Path) -> None:
    _, model = convolution()
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(b"x" * 1000)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    assert "outside the model's folder" in refusal(external(model, location), folder)


@pytest.mark.parametrize("offset,length", [(0, None), (-1, None), (1 << 60, None), (0, 1 << 60)])
def test_external_data_that_is_not_there(offset: int, length: int | None, tmp_path: Path) -> None:
    _, model = convolution()
    assert "absent" in refusal(external(model, "weights.bin", offset, length), tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"x" * 10)
    _, model = convolution()
    assert "not there" in refusal(external(model, "weights.bin", offset, length), tmp_path)


def test_accumulators_beyond_int32_are_refused(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    bias = draw.constant(np.full(4, 1e9, np.float32))
    y = draw.qdq(draw.op("Conv", x, draw.weights((4, 3, 3, 3)), bias), (0.05, 0))
    assert "beyond int32" in refusal(draw.model(y), tmp_path)


def test_old_opset(tmp_path: Path) -> None:
    _, model = convolution()
    model.opset_import[0].version = 6
    assert "opset" in refusal(model, tmp_path)


def test_an_activation_that_is_not_quantized_is_named(tmp_path: Path) -> None:
    draw = Drawing()
    y = draw.qdq(draw.op("Conv", draw.graph_input((1, 3, 6, 6)), draw.weights((4, 3, 3, 3))), (0.05, 0))
    assert "without QuantizeLinear" in refusal(draw.model(y), tmp_path)


def test_growth_by_repetition_is_bounded(tmp_path: Path) -> None:
    """Forty doublings are a few hundred bytes in the file."""
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    wide, product = draw.constant(np.zeros(1 << 10, np.float32)), x
    for _ in range(40):
        wide = draw.op("Concat", wide, wide, axis=0)
        product = draw.op("Mul", product, product)
    y = draw.qdq(draw.op("Add", x, wide), (0.05, 0))
    assert "absurdly large" in refusal(draw.model(y), tmp_path)
    imported(draw.model(draw.qdq(product, (0.05, 0))), tmp_path)


@pytest.mark.parametrize("operator", ["Add", "Sigmoid", "AveragePool", "Conv"])
def test_arithmetic_on_integers_without_scales_is_refused(operator: str, tmp_path: Path) -> None:
    draw = Drawing(element="uint8")
    draw.activation((1, 3, 6, 6))
    integers = draw.nodes[0].output[0]
    y = draw.op(operator, *([integers] * (2 if operator in ("Add", "Conv") else 1)))
    assert "put DequantizeLinear before it" in refusal(draw.model(y), tmp_path)


@pytest.mark.parametrize("found,damaged", [(b"conv", b"co\x80v"), (b"node_conv", b"node\nconv")])
def test_names_that_are_not_text_are_refused(found: bytes, damaged: bytes, tmp_path: Path) -> None:
    _, model = convolution()
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString().replace(found, damaged))
    with pytest.raises(ModelError, match="not printable text"):
        import_model(path)


@pytest.mark.parametrize("end", [(1 << 31) - 1, -(1 << 31)])
def test_a_bias_clipped_at_the_end_of_int32_is_said_to_be_that(end: int, tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 3, 6, 6))
    weights, scales = draw.constant(np.ones((2, 3, 1, 1), np.int8)), draw.constant(np.float32([0.01, 0.01]))
    w = draw.op("DequantizeLinear", weights, scales, axis=0)
    given = (t for t in draw.constants if t.name == draw.nodes[0].input[1])
    scale = np.float32(numpy_helper.to_array(next(given)))
    parts = draw.constant(np.int32([5, end])), draw.constant(scale * np.float32([0.01, 0.01]))
    model = draw.model(draw.qdq(draw.op("Conv", x, w, draw.op("DequantizeLinear", *parts, axis=0)), (0.1, 0)))
    assert "bias of output channel 1 was clipped at the end of int32" in refusal(model, tmp_path)
