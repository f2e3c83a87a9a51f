"""Functions of one element, as tables, SOFTMAX and LOG_SOFTMAX."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from msf_riot.importer.draft import Quantized
from msf_riot.importer.tflite.fixed_point import (
    INT32_MAX,
    Integers,
    exp_on_negative_values,
    multiply,
    quantized_multiplier,
    round_away,
    rounding_divide,
)
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, code_of, reads
from msf_riot.importer.values import Array, FloatArray
from msf_riot.ir import FixedPointSoftmax, LogSoftmax, Lookup

MAX_CLASSES = 4095
SCALED_DIFFERENCE_BITS = 5
"""Integer bits of a difference before its exponential is taken."""


@reads("SOFTMAX")
def softmax(operation: Operation, reading: Import) -> Value:
    """Over the last axis."""
    source = _of_channels(operation, reading)
    target = reading.target(operation)
    if target.quantization.scale != 1 / 256 or target.quantization.zero_point != -128:
        raise operation.unsupported("its output must have the scale 1/256 and its least integer as the zero point")
    beta = float(operation.option("Beta", 1.0))
    if not (math.isfinite(beta) and beta > 0):
        raise operation.unsupported(f"beta is {beta}; it must be above 0")
    table = exponentials(source.quantization.scale, beta)
    return target.emit(operation, FixedPointSoftmax, [source], source.view, table=table)


@reads("LOG_SOFTMAX")
def log_softmax(operation: Operation, reading: Import) -> Value:
    """Over the last axis."""
    source = _of_channels(operation, reading)
    target = reading.target(operation)
    if target.quantization.scale != 1 / 16 or target.quantization.zero_point != 127:
        raise operation.unsupported("its output must have the scale 1/16 and its greatest integer as the zero point")
    scale = source.quantization.scale
    differences, counts = _scaled_differences(scale, 1.0)
    return target.emit(
        operation,
        LogSoftmax,
        [source],
        source.view,
        exponentials=rounding_divide(exponentials(scale, 1.0), 12).astype(np.int32),
        differences=np.where(counts, -differences, INT32_MAX).astype(np.int32),
        log_shift=0,
        multiplier=1,
        shift=31 - SCALED_DIFFERENCE_BITS - 4,
    )


def _of_channels(operation: Operation, reading: Import) -> Quantized:
    source = reading.activation(operation, 0)
    view = source.view
    last = view.names(len(view.shape) - 1)
    if view.bound and (last not in ("", "C") or view.hwc[2] != view.shape[-1]):
        raise operation.unsupported("runs over rows or columns; only over the channels is supported")
    if view.shape[-1] > MAX_CLASSES:
        raise operation.unsupported(f"runs over {view.shape[-1]} channels; at most {MAX_CLASSES} are supported")
    return source


def exponentials(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """[256] exp(-scale * beta * d) in 31 fractional bits, 0 where TensorFlow Lite leaves the difference out."""
    rescaled, counts = _scaled_differences(scale, beta)
    return np.where(counts, exp_on_negative_values(rescaled), 0).astype(np.int32)


def _scaled_differences(scale: float, beta: float) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """[256] -scale * beta * d in 26 fractional bits, and which of them count; the others are 0 here."""
    real = min(beta * scale * (1 << (31 - SCALED_DIFFERENCE_BITS)), (1 << 31) - 1.0)
    multiplier, exponent = quantized_multiplier(real)
    reach = ((1 << SCALED_DIFFERENCE_BITS) - 1) * (1 << (31 - SCALED_DIFFERENCE_BITS)) / 2.0**exponent
    differences = -np.arange(256)
    counts = differences >= -math.floor(reach)
    return multiply(np.where(counts, differences, 0), multiplier, exponent), counts


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
    low = code_of(least, target.quantization)
    high = code_of(most, target.quantization) if math.isfinite(most) else 127
    return _table(operation, reading, source, np.clip(codes, max(low, -128), min(high, 127)))


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


def _logistic(x: FloatArray) -> FloatArray:
    return np.float32(1) / (np.float32(1) + np.exp(-x))


def _gelu(x: FloatArray) -> FloatArray:
    erf = np.array([math.erf(float(v) * math.sqrt(0.5)) for v in x], np.float32)
    return np.float32(0.5) * x * (np.float32(1) + erf)


def _elu(x: FloatArray) -> FloatArray:
    return np.where(x < 0, np.expm1(x), x)


_FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "LOGISTIC": _logistic, "TANH": np.tanh, "GELU": _gelu, "EXP": np.exp, "ELU": _elu,
}  # fmt: skip


@reads(*_FUNCTIONS)
def function(operation: Operation, reading: Import) -> Value:
    """A table that LiteRT computes in float32 as well (LUTPopulate)."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    if operation.operator == "GELU" and operation.option("Approximate", False):
        raise operation.unsupported("its approximation is not supported, only the function itself")
    with np.errstate(all="ignore"):
        real = _FUNCTIONS[operation.operator](np.float32(source.quantization.scale) * _steps(source).astype(np.float32))
        scaled = real * (np.float32(1) / np.float32(target.quantization.scale))
    if not (np.abs(scaled) < 2.0**31).all():
        raise operation.unsupported("gives values beyond int32 for some inputs, which TensorFlow Lite leaves undefined")
    return _table(operation, reading, source, round_away(scaled) + target.quantization.zero_point)


@reads("ABS")
def absolute(operation: Operation, reading: Import) -> Value:
    """Rescaled only where the scales differ."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    codes = np.abs(_steps(source))
    if source.quantization.scale != target.quantization.scale:
        codes = multiply(codes, *quantized_multiplier(source.quantization.scale / target.quantization.scale))
    return _table(operation, reading, source, codes + target.quantization.zero_point)


@reads("HARD_SWISH")
def hard_swish(operation: Operation, reading: Import) -> Value:
    """In 16-bit fixed-point numbers (HardSwishPrepare, reference_ops::HardSwish)."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    fine = np.float32(1 / 128) * np.float32(source.quantization.scale)
    multiplier, exponent = quantized_multiplier(float(fine / np.float32(target.quantization.scale)))
    gate_multiplier, gate_exponent = quantized_multiplier(float(fine / (np.float32(3) / np.float32(32768))))
    if exponent > 0:
        raise operation.unsupported("its output's scale is too small beside its input's")
    value = _steps(source) << 7
    scaled = _high_product16(value, _int16(multiplier))
    gate = value
    if gate_exponent > 0:
        gate = np.clip(gate << (gate_exponent - 1), -(1 << 15), (1 << 15) - 1)
    gate = _high_product16(gate, _int16(gate_multiplier))
    if gate_exponent > 0:
        gate = np.clip(gate << 1, -(1 << 15), (1 << 15) - 1)
    gate = (rounding_divide(gate, max(-gate_exponent, 0)) + (1 << 15)) >> 1
    product = gate * scaled
    product = np.sign(product) * (np.abs(product) >> 15)
    return _table(operation, reading, source, rounding_divide(product, -exponent) + target.quantization.zero_point)


def _int16(multiplier: int) -> int:
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1)


def _high_product16(a: Integers, b: int) -> Integers:
    """a * b / 2^15 of 16-bit numbers, rounded half up."""
    result: Integers = (np.asarray(a, np.int64) * b + (1 << 14)) >> 15
    return result


def _steps(source: Quantized) -> npt.NDArray[np.int64]:
    return np.arange(-128, 128) - source.quantization.zero_point


def _table(operation: Operation, reading: Import, source: Quantized, codes: Array) -> Value:
    table = np.clip(codes, -128, 127).astype(np.int8)
    target = reading.target(operation)
    return target.emit(operation, Lookup, [source], source.view, table=table, low=-128, high=127)
