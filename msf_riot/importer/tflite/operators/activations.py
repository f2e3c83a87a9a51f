"""Functions of one element, as tables, and SOFTMAX."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized
from msf_riot.importer.tflite.fixed_point import exp_on_negative_values, multiply, quantized_multiplier
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.values import Array
from msf_riot.ir import FixedPointSoftmax, Lookup

MAX_CLASSES = 4095
SCALED_DIFFERENCE_BITS = 5
"""Integer bits of a difference before its exponential is taken."""


@reads("SOFTMAX")
def softmax(operation: Operation, reading: Import) -> Value:
    """Over the last axis."""
    source = reading.activation(operation, 0)
    target = reading.target(operation)
    view = source.view
    last = view.names(len(view.shape) - 1)
    if view.bound and (last not in ("", "C") or view.hwc[2] != view.shape[-1]):
        raise operation.unsupported("runs over rows or columns; only over the channels is supported")
    if view.shape[-1] > MAX_CLASSES:
        raise operation.unsupported(f"runs over {view.shape[-1]} channels; at most {MAX_CLASSES} are supported")
    if target.quantization.scale != 1 / 256 or target.quantization.zero_point != -128:
        raise operation.unsupported("its output must have the scale 1/256 and its least integer as the zero point")
    beta = float(operation.option("Beta", 1.0))
    if not (math.isfinite(beta) and beta > 0):
        raise operation.unsupported(f"beta is {beta}; it must be above 0")
    table = exponentials(source.quantization.scale, beta)
    return target.emit(operation, FixedPointSoftmax, [source], view, table=table)


def exponentials(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """[256] exp(-scale * beta * d) in 31 fractional bits, 0 where TensorFlow Lite leaves the difference out."""
    real = min(beta * scale * (1 << (31 - SCALED_DIFFERENCE_BITS)), (1 << 31) - 1.0)
    multiplier, exponent = quantized_multiplier(real)
    reach = ((1 << SCALED_DIFFERENCE_BITS) - 1) * (1 << (31 - SCALED_DIFFERENCE_BITS)) / 2.0**exponent
    differences = -np.arange(256)
    counts = differences >= -math.floor(reach)
    rescaled = multiply(np.where(counts, differences, 0), multiplier, exponent)
    return np.where(counts, exp_on_negative_values(rescaled), 0).astype(np.int32)


@reads("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")
def relu(operation: Operation, reading: Import) -> Value:
    """Rescaled, then limited."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    least, most = {"RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}.get(
        operation.operator, (0.0, 1.0)
    )
    multiplier, exponent = quantized_multiplier(source.quantization.scale / target.quantization.scale)
    zero = target.quantization.zero_point
    codes = zero + multiply(_steps(source), multiplier, exponent)
    low = zero + _away(least, target.quantization.scale)
    high = zero + _away(most, target.quantization.scale) if math.isfinite(most) else 127
    return _table(operation, reading, source, np.clip(codes, max(low, -128), min(high, 127)))


def _away(real: float, scale: float) -> int:
    steps = np.float32(real) / np.float32(scale)
    return int(np.sign(steps) * np.floor(np.abs(steps) + np.float32(0.5)))


@reads("LEAKY_RELU")
def leaky_relu(operation: Operation, reading: Import) -> Value:
    """Two multipliers: one on each side of zero."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    ratio = source.quantization.scale / target.quantization.scale
    alpha = float(np.float32(operation.option("Alpha", 0.0)))
    steps = _steps(source)
    above = multiply(steps, *quantized_multiplier(ratio))
    slope = quantized_multiplier(abs(ratio * alpha))
    below = multiply(steps, *slope) if alpha >= 0 else multiply(-steps, *slope)
    return _table(operation, reading, source, target.quantization.zero_point + np.where(steps >= 0, above, below))


def _steps(source: Quantized) -> npt.NDArray[np.int64]:
    return np.arange(-128, 128) - source.quantization.zero_point


def _table(operation: Operation, reading: Import, source: Quantized, codes: Array) -> Value:
    table = np.clip(codes, -128, 127).astype(np.int8)
    target = reading.target(operation)
    return target.emit(operation, Lookup, [source], source.view, table=table, low=-128, high=127)
