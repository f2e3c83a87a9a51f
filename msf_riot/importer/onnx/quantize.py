"""A float ONNX model and samples of its input -> an int8 QDQ model, and how well the two agree on those samples.

Built on onnxruntime.quantization: int8 activations (asymmetric, per tensor, ranges from the samples) and int8 weights
(symmetric, per output channel), QuantizeLinear first and DequantizeLinear last.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper, version_converter
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from msf_riot.errors import CalibrationError, ModelError, UnsupportedModelError
from msf_riot.importer.onnx.reading import parse
from msf_riot.importer.onnx.tensors import to_array
from msf_riot.importer.samples import first_line, read_npz
from msf_riot.importer.values import FloatArray

Sample: TypeAlias = Mapping[str, FloatArray]

MINIMUM_OPSET = 13
"""The first with a DequantizeLinear per channel."""
TARGET_OPSET = 17
FUSED_ACTIVATIONS = frozenset({"Relu", "Clip"})


@dataclass(frozen=True)
class QuantizationReport:
    """Agreement of the int8 model with the float one over the calibration samples."""

    samples: int
    top1_agreement: float
    """Share of samples for which the same output element is the largest."""
    mean_abs_diff: float
    """In the unit of the model's output, as is max_abs_diff."""
    max_abs_diff: float
    snr_db: float | None
    """10 log10 of the power of the float output over that of the difference; None where either is zero."""


def quantize_model(model: Path, calibration: Path, output: Path) -> QuantizationReport:
    """Quantizes `model` with the samples of the NPZ file `calibration`, and writes `output` at once or not at all.

    The NPZ holds one array per input of the model, named as the input (any name will do for a single input), its first
    axis the samples. Raises ModelError (unreadable, already quantized, not quantizable, `output` cannot be written) and
    CalibrationError (no samples, or samples that do not suit the model).
    """
    _check_output(output, model, calibration)
    proto = _read_float_model(model)
    inputs = {value.name: value for value in _inputs(proto)}
    samples = _read_samples(calibration, inputs)
    _fix_shapes(proto, samples[0])
    with tempfile.TemporaryDirectory(prefix="msf-quantize-") as folder, _quiet():
        quantized = _quantize(proto, samples, Path(folder), model)
    _check_wholly_quantized(quantized)
    report = _compare(proto, quantized, samples)
    _write(quantized, output)
    return report


def _check_output(output: Path, *sources: Path) -> None:
    if output.is_dir() or not output.parent.is_dir():
        raise ModelError(f"{output}: cannot be written: " + ("is a folder" if output.is_dir() else "no such folder"))
    for source in sources:
        if output.exists() and source.exists() and output.samefile(source):
            raise ModelError(f"{output}: the output would overwrite the input; give another name")


def _read_float_model(path: Path) -> onnx.ModelProto:
    """The model, external data read in, at an opset that can hold the quantized one."""
    proto = parse(path)
    for node in proto.graph.node:
        if "Quantize" in node.op_type or node.op_type.startswith("QLinear") or node.op_type.endswith("Integer"):
            raise ModelError(f"{path}: is already quantized (node '{node.name}', {node.op_type}); use it as it is")
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.CopyFrom(numpy_helper.from_array(to_array(tensor, path.parent), tensor.name))
    if len(proto.graph.output) != 1:
        raise ModelError(f"{path}: has {len(proto.graph.output)} outputs; exactly one is supported")
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not a valid ONNX model: {first_line(error)}") from error
    if opset >= MINIMUM_OPSET:
        return proto
    try:
        return version_converter.convert_version(proto, TARGET_OPSET)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: cannot be brought to opset {TARGET_OPSET}: {first_line(error)}") from error


def _inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are not initializers; each must be float32."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in constants]
    for value in inputs:
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
            raise ModelError(f"input '{value.name}' is not float32: this is no float model")
        if len(value.type.tensor_type.shape.dim) < 2:
            raise ModelError(f"input '{value.name}' has no batch axis; export the model with its input shape")
        if value.type.tensor_type.shape.dim[0].dim_value > 1:
            raise ModelError(f"input '{value.name}' has a fixed batch of more than 1; export the model with batch 1")
    if not inputs:
        raise ModelError("the model has no input")
    return inputs


def _read_samples(path: Path, inputs: Mapping[str, onnx.ValueInfoProto]) -> list[Sample]:
    """One dictionary a sample, batch axis added. Never unpickles."""
    arrays = read_npz(path)
    if len(inputs) == 1 and len(arrays) == 1:
        arrays = dict(zip(inputs, arrays.values(), strict=True))
    if missing := sorted(inputs.keys() - arrays.keys()):
        raise CalibrationError(f"{path}: holds {sorted(arrays)}, but no array for the model's input '{missing[0]}'")
    counts = {len(arrays[name]) if arrays[name].ndim else 0 for name in inputs}
    if len(counts) != 1 or 0 in counts:
        raise CalibrationError(f"{path}: needs one or more samples along the first axis, as many for each input")
    for name, value in inputs.items():
        _check_array(path, name, arrays[name], value)
    floats = {name: arrays[name].astype(np.float32)[:, np.newaxis] for name in inputs}
    return [{name: np.ascontiguousarray(floats[name][i]) for name in inputs} for i in range(counts.pop())]


def _check_array(path: Path, name: str, array: npt.NDArray[Any], value: onnx.ValueInfoProto) -> None:
    dimensions = [dim.dim_value or None for dim in value.type.tensor_type.shape.dim][1:]
    fits = len(dimensions) == array.ndim - 1 and all(
        wanted in (None, size) for wanted, size in zip(dimensions, array.shape[1:], strict=True)
    )
    if not fits:
        wanted = " x ".join(["samples", *("any" if size is None else str(size) for size in dimensions)])
        raise CalibrationError(f"{path}: the array for '{name}' has shape {array.shape}; the model wants {wanted}")
    if array.dtype.kind not in "fiu":
        raise CalibrationError(f"{path}: the array for '{name}' holds {array.dtype}, not numbers")
    if not np.isfinite(array).all():
        raise CalibrationError(f"{path}: the array for '{name}' holds values that are not finite")


def _fix_shapes(proto: onnx.ModelProto, sample: Sample) -> None:
    """Batch 1 and the samples' shape wherever the model leaves a dimension of its input open."""
    for value in _inputs(proto):
        for dimension, size in zip(value.type.tensor_type.shape.dim, sample[value.name].shape, strict=True):
            dimension.dim_value = size
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """The samples in the form that onnxruntime.quantization asks for."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples: Iterator[Sample] = iter(samples)

    def get_next(self) -> Sample | None:
        return next(self.samples, None)


def _quantize(proto: onnx.ModelProto, samples: Sequence[Sample], folder: Path, path: Path) -> onnx.ModelProto:
    fixed, prepared, quantized = (folder / name for name in ("fixed.onnx", "prepared.onnx", "quantized.onnx"))
    try:
        fixed.write_bytes(proto.SerializeToString())
        quant_pre_process(str(fixed), str(prepared), skip_symbolic_shape=True)
        operators = sorted({node.op_type for node in onnx.load(prepared).graph.node})
        quantize_static(
            str(prepared),
            str(quantized),
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=operators,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ForceQuantizeNoInputCheck": True},
        )
        return _without_unused_opsets(onnx.load(quantized))
    except Exception as error:  # ONNX Runtime raises its own types and bare Exceptions alike
        raise ModelError(f"{path}: ONNX Runtime cannot quantize it: {first_line(error)}") from error


def _without_unused_opsets(proto: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's optimizer names every domain that it knows."""
    used = {node.domain or "" for node in proto.graph.node} | {""}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    return proto


def _check_wholly_quantized(proto: onnx.ModelProto) -> None:
    """Every operator between DequantizeLinear and QuantizeLinear, a Relu or Clip before the latter excepted."""
    makers = {output: node for node in proto.graph.node for output in node.output}
    constants = {tensor.name for tensor in proto.graph.initializer}
    integers = _integer_tensors(proto)
    for node in proto.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear", "Constant") or node.op_type in FUSED_ACTIVATIONS:
            continue
        for name in filter(None, node.input):
            maker = makers.get(name)
            if name in constants or name in integers or (maker and maker.op_type in ("DequantizeLinear", "Constant")):
                continue
            raise UnsupportedModelError(
                node.name or node.output[0], node.op_type, f"its input '{name}' stays float after quantization"
            )
    maker = makers.get(proto.graph.output[0].name)
    if maker is None or maker.op_type != "DequantizeLinear":
        raise UnsupportedModelError(
            maker.name if maker else "?", maker.op_type if maker else "none", "the output stays float"
        )


def _integer_tensors(proto: onnx.ModelProto) -> set[str]:
    """Names of tensors, shapes for example, that are not float."""
    inferred = onnx.shape_inference.infer_shapes(proto)
    float_types = {onnx.TensorProto.FLOAT, onnx.TensorProto.UNDEFINED}
    return {v.name for v in inferred.graph.value_info if v.type.tensor_type.elem_type not in float_types}


def _session(proto: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Without optimization: QDQ pairs are then computed as they are written, on every CPU alike."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _compare(proto: onnx.ModelProto, quantized: onnx.ModelProto, samples: Sequence[Sample]) -> QuantizationReport:
    """Both models over all samples, one at a time."""
    try:
        exact_session, session = _session(proto), _session(quantized)
        pairs = [(exact_session.run(None, s)[0].ravel(), session.run(None, s)[0].ravel()) for s in samples]
    except Exception as error:  # as above
        raise ModelError(f"ONNX Runtime cannot run the model: {first_line(error)}") from error
    exact = np.stack([pair[0] for pair in pairs]).astype(np.float64)
    rounded = np.stack([pair[1] for pair in pairs]).astype(np.float64)
    difference = np.abs(exact - rounded)
    noise = float(np.mean(difference**2))
    power = float(np.mean(exact**2))
    return QuantizationReport(
        samples=len(samples),
        top1_agreement=float(np.mean(exact.argmax(axis=1) == rounded.argmax(axis=1))),
        mean_abs_diff=float(difference.mean()),
        max_abs_diff=float(difference.max()),
        snr_db=float(10 * np.log10(power / noise)) if noise and power else None,
    )


def _write(proto: onnx.ModelProto, output: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
            partial = Path(folder) / output.name
            partial.write_bytes(proto.SerializeToString(deterministic=True))
            partial.replace(output)
    except OSError as error:
        raise ModelError(f"{output}: cannot be written: {error.strerror}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime.quantization logs advice, and whole tracebacks of failures that it raises as well."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
