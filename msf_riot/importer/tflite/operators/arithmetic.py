"""Sums, differences and products of two activations."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from msf_riot.importer.arithmetic import broadcast, spread
from msf_riot.importer.draft import Quantized
from msf_riot.importer.tflite.fixed_point import multiply, quantized_multiplier
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, reads
from msf_riot.importer.tflite.sums import single_rounding, tables
from msf_riot.importer.view import View
from msf_riot.ir import Add, Mul, TableAdd

LEFT_SHIFT = 20
"""Bits by which TensorFlow Lite scales the addends up."""


@reads("ADD", "SUB")
def add(operation: Operation, reading: Import) -> Value:
    """Each addend is scaled at 20 more bits, then their sum, each time rounded twice; by the simplest means that
    give the same."""
    a, b, view = _operands(operation, reading)
    target = reading.target(operation)
    largest = 2 * max(a.quantization.scale, b.quantization.scale)
    first, second = (_addend(value, value.quantization.scale / largest) for value in (a, b))
    if operation.operator == "SUB":
        second = -second
    multiplier, exponent = quantized_multiplier(largest / ((1 << LEFT_SHIFT) * target.quantization.scale))
    if exponent > 0:
        raise operation.unsupported("its output's scale is too small beside its inputs'")
    parts = [spread(operation, value, view, target) for value in (a, b)]
    zero, low, high = target.quantization.zero_point, target.low, target.high
    wanted = np.clip(zero + multiply(first[:, None] + second[None, :], multiplier, exponent), low, high)
    sign = -1 if operation.operator == "SUB" else 1
    scale = target.quantization.scale
    factors = a.quantization.scale / scale, sign * b.quantization.scale / scale
    zeros = a.quantization.zero_point, b.quantization.zero_point
    simple = single_rounding(wanted, factors, zeros, zero, low, high)
    if simple is not None:
        return target.emit(operation, Add, parts, view, multipliers=simple[0], shift=simple[1])
    steps = math.ldexp(multiplier, exponent - 31)
    found = tables(wanted, (first, second), steps, zero, low, high)
    if found is not None:
        entries, multiplier, shift = found[0], 0, found[1]
    else:
        entries, shift = (first.astype(np.int32), second.astype(np.int32)), 31 - exponent
    return target.emit(
        operation, TableAdd, parts, view, first=entries[0], second=entries[1], multiplier=multiplier, shift=shift
    )


def _addend(value: Quantized, factor: float) -> npt.NDArray[np.int64]:
    multiplier, exponent = quantized_multiplier(factor)
    steps = (np.arange(-128, 128) - value.quantization.zero_point) << LEFT_SHIFT
    return np.asarray(multiply(steps, multiplier, exponent), np.int64)


@reads("MUL")
def mul(operation: Operation, reading: Import) -> Value:
    """One factor may be a channel's own."""
    a, b, view = _operands(operation, reading)
    target = reading.target(operation)
    if math.prod(a.view.hwc) < math.prod(b.view.hwc):
        a, b = b, a
    real = a.quantization.scale * b.quantization.scale / target.quantization.scale
    multiplier, exponent = quantized_multiplier(real)
    a = spread(operation, a, view, target)
    if b.view.hwc != (1, 1, view.hwc[2]):
        b = spread(operation, b, view, target)
    return target.emit(operation, Mul, [a, b], view, multiplier=multiplier, shift=31 - exponent, rounding="twice")


def _operands(operation: Operation, reading: Import) -> tuple[Quantized, Quantized, View]:
    values = [reading.value(operation, index) for index in (0, 1)]
    if any(isinstance(value, np.ndarray) for value in values):
        raise operation.unsupported("one of its inputs is constant, which is not supported")
    a, b = (reading.activation(operation, index) for index in (0, 1))
    return a, b, broadcast(operation, a.view, b.view)
