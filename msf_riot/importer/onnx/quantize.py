"""A float ONNX model and samples of its input -> an int8 QDQ model, and how well the two agree on those samples.

Built on onnxruntime.quantization: int8 activations (asymmetric, per tensor, ranges from the samples) and int8 weights
(symmetric, per output channel), QuantizeLinear first and DequantizeLinear last.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import numpy_helper, version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    qdq_loss_debug,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from msf_riot.errors import CalibrationError, ModelError, UnsupportedModelError
from msf_riot.importer.onnx.reading import parse
from msf_riot.importer.onnx.tensors import to_array
from msf_riot.importer.samples import LABELS, first_line, read_npz
from msf_riot.importer.values import FloatArray

Sample: TypeAlias = Mapping[str, FloatArray]

MINIMUM_OPSET = 13
"""The first with a DequantizeLinear per channel."""
TARGET_OPSET = 17
FUSED_ACTIVATIONS = frozenset({"Relu", "Clip"})


Calibrator: TypeAlias = Literal["minmax", "entropy", "percentile", "distribution"]
CALIBRATORS: Mapping[Calibrator, CalibrationMethod] = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
    "distribution": CalibrationMethod.Distribution,
}
"""How the range of an activation is chosen (onnxruntime.quantization)."""

MOST_DB = 150.0
"""More is what float32 rounds off."""

NOISE_SAMPLES = 16
"""Whose activations are all held at once."""


@dataclass(frozen=True)
class LayerNoise:
    """Signal to noise in dB of what a layer gets (the worst of its inputs) and of what it gives.

    None where nothing is lost yet.
    """

    layer: str
    operator: str
    before_db: float | None
    after_db: float | None

    @property
    def loss(self) -> float:
        """dB."""
        return (MOST_DB if self.before_db is None else self.before_db) - (
            MOST_DB if self.after_db is None else self.after_db
        )


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
    layers: tuple[LayerNoise, ...]
    """Over up to NOISE_SAMPLES of the samples, those that lose the most first."""
    float_accuracy: float | None
    """Share of samples whose class has the largest output, as is int8_accuracy; None without labels `y`."""
    int8_accuracy: float | None


def quantize_model(
    model: Path, calibration: Path, output: Path, calibrator: Calibrator = "minmax"
) -> QuantizationReport:
    """Quantizes `model` with the samples of the NPZ file `calibration`, and writes `output` at once or not at all.

    The NPZ holds one array per input of the model, named as the input (any name will do for a single input), its first
    axis the samples, and perhaps their classes `y`. Raises ModelError (unreadable, already quantized, not quantizable,
    `output` cannot be written) and CalibrationError (no samples, or samples that do not suit the model).
    """
    _check_output(output, model, calibration)
    proto = _read_float_model(model)
    inputs = {value.name: value for value in _inputs(proto)}
    samples, labels = _read_samples(calibration, inputs)
    _fix_shapes(proto, samples[0])
    with tempfile.TemporaryDirectory(prefix="msf-quantize-") as folder, _quiet():
        quantized = _quantize(proto, samples, Path(folder), model, calibrator)
        _check_wholly_quantized(quantized)
        layers = _noise(Path(folder), samples[:NOISE_SAMPLES])
    report = _compare(proto, quantized, samples, labels, layers)
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


def _read_samples(
    path: Path, inputs: Mapping[str, onnx.ValueInfoProto]
) -> tuple[list[Sample], npt.NDArray[np.int64] | None]:
    """(one dictionary a sample, batch axis added; the class of each where there are labels). Never unpickles."""
    arrays = read_npz(path)
    labels = arrays.pop(LABELS, None) if LABELS not in inputs else None
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
    count = counts.pop()
    if labels is not None and (labels.shape != (count,) or labels.dtype.kind not in "iu"):
        raise CalibrationError(f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not {count} whole numbers")
    samples: list[Sample] = [{name: np.ascontiguousarray(floats[name][i]) for name in inputs} for i in range(count)]
    return samples, None if labels is None else labels.astype(np.int64)


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


PREPARED, QUANTIZED = "prepared.onnx", "quantized.onnx"


def _quantize(
    proto: onnx.ModelProto, samples: Sequence[Sample], folder: Path, path: Path, calibrator: Calibrator
) -> onnx.ModelProto:
    fixed, prepared, quantized = (folder / name for name in ("fixed.onnx", PREPARED, QUANTIZED))
    try:
        fixed.write_bytes(proto.SerializeToString())
        quant_pre_process(str(fixed), str(prepared), skip_symbolic_shape=True)
        operators = sorted({node.op_type for node in onnx.load(prepared).graph.node})
        quantize_static(
            str(prepared),
            str(quantized),
            _Samples(samples),
            quant_format=QuantFormat.QDQ,
            calibrate_method=CALIBRATORS[calibrator],
            op_types_to_quantize=operators,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={"ForceQuantizeNoInputCheck": True},
        )
        return _without_unused_opsets(onnx.load(quantized))
    except Exception as error:  # ONNX Runtime raises its own types and bare Exceptions alike
        raise ModelError(f"{path}: ONNX Runtime cannot quantize it: {first_line(error)}") from error


def _noise(folder: Path, samples: Sequence[Sample]) -> tuple[LayerNoise, ...]:
    """Of every layer that gives quantized values, the greatest loss first; none where ONNX Runtime cannot tell."""
    try:
        found = []
        for name in (PREPARED, QUANTIZED):
            shown = folder / f"shown-{name}"
            qdq_loss_debug.modify_model_output_intermediate_tensors(str(folder / name), str(shown))
            found.append(qdq_loss_debug.collect_activations(str(shown), _Samples(samples)))
        pairs = qdq_loss_debug.create_activation_matching(found[1], found[0])
        errors = qdq_loss_debug.compute_activation_error(pairs)
        prepared = onnx.load(folder / PREPARED)
    except Exception:  # as in _quantize; the model itself is whole
        return ()
    known = {name: _decibels(each.get("xmodel_err")) for name, each in errors.items()}
    makers = {output: node for node in prepared.graph.node for output in node.output}
    layers = []
    for node in prepared.graph.node:
        if node.output[0] in known:
            sources = [known[name] for name in _quantized_before(node, makers, known)]
            before = min((value for value in sources if value is not None), default=None)
            layers.append(LayerNoise(node.output[0], node.op_type, before, known[node.output[0]]))
    return tuple(sorted(layers, key=lambda layer: -layer.loss))


def _quantized_before(
    node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto], known: Mapping[str, float | None]
) -> set[str]:
    """The nearest activations with a known error before a node."""
    found: set[str] = set()
    waiting, seen = list(node.input), set(node.input)
    while waiting:
        name = waiting.pop()
        if name in known:
            found.add(name)
        elif name in makers:
            waiting += [each for each in makers[name].input if each not in seen]
            seen.update(makers[name].input)
    return found


def _decibels(value: float | None) -> float | None:
    return None if value is None or not value < MOST_DB else round(float(value), 2)


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
    for output in proto.graph.output:
        maker = makers.get(output.name)
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


def _compare(
    proto: onnx.ModelProto,
    quantized: onnx.ModelProto,
    samples: Sequence[Sample],
    labels: npt.NDArray[np.int64] | None,
    layers: tuple[LayerNoise, ...],
) -> QuantizationReport:
    """Both models over all samples, one at a time; top-1 and accuracy are of the first output."""
    try:
        exact_session, session = _session(proto), _session(quantized)
        pairs = [[_flat(each.run(None, s)) for each in (exact_session, session)] for s in samples]
    except Exception as error:  # as above
        raise ModelError(f"ONNX Runtime cannot run the model: {first_line(error)}") from error
    exact, rounded = (np.stack([pair[side][0] for pair in pairs]) for side in (0, 1))
    size = pairs[0][0][1]
    tops = [side[:, :size].argmax(axis=1) for side in (exact, rounded)]
    difference = np.abs(exact - rounded)
    noise = float(np.mean(difference**2))
    power = float(np.mean(exact**2))
    return QuantizationReport(
        samples=len(samples),
        top1_agreement=float(np.mean(tops[0] == tops[1])),
        mean_abs_diff=float(difference.mean()),
        max_abs_diff=float(difference.max()),
        snr_db=float(10 * np.log10(power / noise)) if noise and power else None,
        layers=layers,
        float_accuracy=None if labels is None else float(np.mean(tops[0] == labels)),
        int8_accuracy=None if labels is None else float(np.mean(tops[1] == labels)),
    )


def _flat(outputs: Sequence[FloatArray]) -> tuple[npt.NDArray[np.float64], int]:
    """(all outputs one behind the other, the elements of the first)."""
    return np.concatenate([each.ravel() for each in outputs]).astype(np.float64), outputs[0].size


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
    """onnxruntime.quantization logs and prints advice, and whole tracebacks of failures that it raises as well."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
