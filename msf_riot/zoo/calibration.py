"""Seeded int8 weights and calibrated scales for a network of the zoo.

Takes a Network, gives the int8 weights, int32 biases and scales that make it a sane int8 model: every channel of a
convolution gets the mean and spread that a folded batch normalization would give it, every activation a scale that
covers its 99.9th percentile. Layers are run one by one (ONNX Runtime) on a few images, on quantized values, so that
accumulators are sums of integers below 2^24: exact in float32, whatever the order of summation.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from msf_riot.zoo.structure import INPUT, Layer, Network, Shape

FloatArray = npt.NDArray[np.float32]
OPSET = 17
IR_VERSION = 8
PERCENTILE = 99.9
SCALE_BITS = 12
"""Significant bits of a calibrated scale: few enough not to depend on the last digits of a percentile, and enough to
make the quotients of scales whose products end exactly in one half rare."""

KEEPS_ENCODING = frozenset({"MaxPool", "Flatten", "Pad", "Resize"})


@dataclass(frozen=True)
class Encoding:
    """Quantization of an activation: real = scale * (q - zero_point), q int8."""

    scale: float
    zero_point: int

    def quantize(self, real: FloatArray) -> npt.NDArray[np.int8]:
        """Real values -> int8, as QuantizeLinear rounds and saturates."""
        q = np.clip(np.rint(real / np.float32(self.scale)) + self.zero_point, -128, 127)
        return np.asarray(q, np.int8)

    def centered(self, q: npt.NDArray[np.int8]) -> FloatArray:
        """q - zero_point as float32."""
        return q.astype(np.float32) - self.zero_point


FIXED_ENCODING = {
    "Softmax": Encoding(1 / 256, -128),
    "Sigmoid": Encoding(1 / 256, -128),
    "HardSigmoid": Encoding(1 / 256, -128),
    "Tanh": Encoding(1 / 128, 0),
}
RELU6_ENCODING = Encoding(float(np.float32(6 / 255)), -128)
INPUT_ENCODING = Encoding(1 / 128, 0)


@dataclass(frozen=True, eq=False)
class Parameters:
    """Weights of one layer: int8 in ONNX order, one scale per output channel, int32 biases (absent for constants)."""

    weights: npt.NDArray[np.int8]
    scale: FloatArray
    bias: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns a Network into an int8 model: an encoding for each tensor, parameters for each layer with weights."""

    encodings: Mapping[str, Encoding]
    parameters: Mapping[str, Parameters]


def random_generator(*path: str) -> np.random.Generator:
    """The generator of one purpose: seeded by the names, equal on every machine."""
    return np.random.Generator(np.random.PCG64([zlib.crc32(part.encode()) for part in path]))


def _stretch(values: npt.NDArray[np.float64], axis: int, length: int) -> npt.NDArray[np.float64]:
    """Linear interpolation along one axis."""
    position = np.linspace(0, values.shape[axis] - 1, length)
    low = np.floor(position).astype(np.int64)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = (position - low).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.asarray(np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight)


def images(shape: Shape, count: int, generator: np.random.Generator) -> npt.NDArray[np.int8]:
    """int8 [count, *shape]: sums of noise of falling frequency, of different contrast, brightness and grain.

    `shape` is C, H, W or C, L (each channel its own image) or a vector.
    """
    channels, size = (shape[0], shape[1:]) if len(shape) > 1 else (1, shape)
    batch = np.zeros((count, channels, *size))
    for cells in (2, 4, 8, 16):
        octave = generator.standard_normal((count, channels, *(min(cells, n) for n in size)))
        for axis, length in enumerate(size, start=2):
            octave = _stretch(octave, axis, length)
        batch += octave * generator.uniform(0.05, 0.4, (count, 1, *(1 for _ in size)))
    batch += generator.standard_normal(batch.shape) * generator.uniform(0, 0.15, (count, 1, *(1 for _ in size)))
    batch += generator.uniform(-0.3, 0.3, (count, channels, *(1 for _ in size)))
    return np.clip(np.rint(batch * 128), -128, 127).astype(np.int8).reshape(count, *shape)


def node_inputs(layer: Layer) -> dict[str, npt.NDArray[np.generic]]:
    """The constant inputs that an operator needs after its activations, by name; an empty name is an absent input."""
    match layer.operator:
        case "Pad":
            top, left, bottom, right = _integers(layer, "pads")
            return {
                "pads": np.array([0, 0, top, left, 0, 0, bottom, right], np.int64),
                "value": np.array(0, np.float32),
            }
        case "Resize":
            factor = layer.attributes["factor"]
            return {"": np.array(0), "scales": np.array([1, 1, factor, factor], np.float32)}
        case _:
            return {}


def node_attributes(layer: Layer) -> dict[str, Any]:
    """Attributes of the ONNX node."""
    match layer.operator:
        case "Pad":
            return {"mode": "constant"}
        case "Resize":
            return {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        case _:
            return dict(layer.attributes)


def _integers(layer: Layer, attribute: str) -> tuple[int, ...]:
    value = layer.attributes[attribute]
    assert isinstance(value, tuple)
    return value


def _evaluate(layer: Layer, arrays: Sequence[FloatArray]) -> FloatArray:
    """One ONNX node (its activation left out) on float32 arrays."""
    names = [f"x{i}" for i in range(len(arrays))]
    constants = node_inputs(layer)
    node = helper.make_node(layer.operator, [*names, *constants], ["y"], **node_attributes(layer))
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items() if name],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    result: FloatArray = session.run(None, dict(zip(names, arrays, strict=True)))[0]
    return result


def _few_bits(value: float) -> float:
    """The value rounded up to SCALE_BITS significant bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(mantissa * 2**SCALE_BITS) / 2**SCALE_BITS, exponent)


def _calibrated(real: FloatArray) -> Encoding:
    """The encoding that covers zero and the values up to PERCENTILE on either side."""
    outside = (100 - PERCENTILE) / 100
    low, high = np.quantile(real, [outside, 1 - outside], method="nearest")
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    scale = _few_bits(max(high - low, 1e-3) / 255)
    return Encoding(scale, round(-128 - low / scale))


def _wanted_distribution(layer: Layer, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(mean, standard deviation) of each output channel before the activation."""
    channels = layer.weights[0]
    if layer.operator == "Gemm" and layer.activation is None:
        return generator.normal(0, 0.3, channels).astype(np.float32), np.ones(channels, np.float32)
    match layer.activation:
        case "Clip":
            mean, spread = generator.uniform(0.3, 1.2, channels), generator.uniform(1.2, 1.9, channels)
        case "Relu":
            mean, spread = generator.uniform(0, 0.6, channels), generator.uniform(0.8, 1.2, channels)
        case None:
            mean, spread = generator.normal(0, 0.3, channels), generator.uniform(0.8, 1.2, channels)
    return mean.astype(np.float32), spread.astype(np.float32)


def _weighted(
    layer: Layer, encoding: Encoding, x: npt.NDArray[np.int8], generator: np.random.Generator
) -> tuple[Parameters, FloatArray]:
    """Parameters of a convolution or dense layer, and its real output before the activation."""
    floats = generator.standard_normal(layer.weights)
    axes = tuple(range(1, floats.ndim))
    weights = np.rint(floats * (127 / np.abs(floats).max(axis=axes, keepdims=True))).astype(np.int8)
    accumulators = _evaluate(layer, [encoding.centered(x), weights.astype(np.float32)])
    others = (0, *range(2, accumulators.ndim))
    mean = accumulators.mean(axis=others, dtype=np.float64)
    deviation = accumulators.std(axis=others, dtype=np.float64)
    if layer.operator == "Gemm":
        deviation = np.full_like(deviation, np.sqrt(np.mean(deviation**2)))
    wanted_mean, wanted_deviation = _wanted_distribution(layer, generator)
    step = wanted_deviation / np.maximum(deviation, 1)
    scale = np.array([_few_bits(float(value) / encoding.scale) for value in step], np.float32)
    step = scale.astype(np.float64) * encoding.scale
    bias = np.rint(wanted_mean / step - mean).astype(np.int32)
    channel = (1, -1) + (1,) * (accumulators.ndim - 2)
    real = (accumulators + bias.reshape(channel)) * step.reshape(channel)
    return Parameters(weights, scale, bias), real.astype(np.float32)


def _constant(layer: Layer, generator: np.random.Generator) -> Parameters:
    """The constant operand of an Add or Mul: one factor or offset a channel, never zero."""
    floats = generator.uniform(0.4, 1.0, layer.constant) * generator.choice([-1, 1], layer.constant)
    weights = np.rint(floats * 127).astype(np.int8)
    return Parameters(weights, np.array([2 / 127], np.float32), np.zeros(0, np.int32))


def constant_shape(layer: Layer) -> Shape:
    """Shape of the constant operand: broadcasts over the pixels."""
    return (layer.constant, *(1 for _ in layer.shape[1:]))


def calibrate(network: Network) -> Calibration:
    """Makes the weights, layer after layer, and measures the scales on seeded images."""
    count = min(64, max(16, 2**19 // math.prod(network.shape)))
    values = {INPUT: images(network.shape, count, random_generator(network.name, INPUT))}
    encodings = {INPUT: INPUT_ENCODING}
    parameters: dict[str, Parameters] = {}
    last_use = {name: layer.name for layer in network.layers for name in layer.inputs}
    for layer in network.layers:
        generator = random_generator(network.name, layer.name)
        inputs = [values[name] for name in layer.inputs]
        before = [encodings[name] for name in layer.inputs]
        if layer.weights:
            parameters[layer.name], real = _weighted(layer, before[0], inputs[0], generator)
        else:
            arrays = [
                encoding.centered(q) * np.float32(encoding.scale) for q, encoding in zip(inputs, before, strict=True)
            ]
            if layer.constant:
                constant = parameters[layer.name] = _constant(layer, generator)
                arrays.append((constant.weights * constant.scale).reshape(constant_shape(layer)))
            real = _evaluate(layer, arrays)
        if layer.activation is not None:
            real = np.clip(real, 0, 6 if layer.activation == "Clip" else None)
        if layer.operator in KEEPS_ENCODING:
            encoding = before[0]
        elif layer.activation == "Clip":
            encoding = RELU6_ENCODING
        else:
            encoding = FIXED_ENCODING.get(layer.operator) or _calibrated(real)
        encodings[layer.name] = encoding
        values[layer.name] = encoding.quantize(real)
        for name in layer.inputs:
            if last_use[name] == layer.name:
                values.pop(name, None)
    return Calibration(encodings, parameters)
