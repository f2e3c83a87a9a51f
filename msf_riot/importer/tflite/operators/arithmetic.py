"""Sums, differences, products and extremes of two activations, or of one and constants; slopes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from msf_riot.importer.arithmetic import broadcast
from msf_riot.importer.draft import Quantized
from msf_riot.importer.linear import emit_linear
from msf_riot.importer.movement import spread
from msf_riot.importer.sums import affine_channels, single_rounding, tables
from msf_riot.importer.tflite.fixed_point import multiply, quantized_multiplier
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import Import, Value, activation_type, reads
from msf_riot.importer.values import Array
from msf_riot.importer.view import View
from msf_riot.importer.window import Window
from msf_riot.ir import (
    Add,
    ChannelAffine,
    ChannelLookup,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Padding,
    PRelu,
    Quantization,
    TableAdd,
)

LEFT_SHIFT = 20
"""Bits by which TensorFlow Lite scales the addends up."""


@reads("ADD", "SUB")
def add(operation: Operation, reading: Import) -> Value:
    """Each addend is scaled at 20 more bits, then their sum, each time rounded twice; by the simplest means that
    give the same."""
    if any(_constant(operation, reading, index)[0] is not None for index in (0, 1)):
        return _with_constant(operation, reading)
    a, b, view = _operands(operation, reading)
    target = reading.target(operation)
    first, second, multiplier, exponent = _addends(operation, a.quantization, b.quantization, target.quantization)
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


def _addends(
    operation: Operation, a: Quantization, b: Quantization, wanted: Quantization
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int, int]:
    """([256] the first addend for each input + 128, [256] the second, multiplier and exponent of their sum)."""
    largest = 2 * max(a.scale, b.scale)
    first, second = (_addend(value, value.scale / largest) for value in (a, b))
    if operation.operator == "SUB":
        second = -second
    multiplier, exponent = quantized_multiplier(largest / ((1 << LEFT_SHIFT) * wanted.scale))
    if exponent > 0:
        raise operation.unsupported("its output's scale is too small beside its inputs'")
    return first, second, multiplier, exponent


def _addend(value: Quantization, factor: float) -> npt.NDArray[np.int64]:
    multiplier, exponent = quantized_multiplier(factor)
    return np.asarray(multiply((np.arange(-128, 128) - value.zero_point) << LEFT_SHIFT, multiplier, exponent), np.int64)


def _is_number(operation: Operation, reading: Import, index: int) -> bool:
    codes, _ = _constant(operation, reading, index)
    return codes is not None and codes.size == 1


def _constant(operation: Operation, reading: Import, index: int) -> tuple[Array | None, Quantization]:
    """(int8 codes of a constant input, None where it is an activation; its quantization)."""
    tensor = reading.tensor(operation, index)
    if tensor is None or not isinstance(reading.value(operation, index), np.ndarray):
        return None, Quantization(1.0, 0)
    quantization, element = activation_type(operation, tensor)
    data = reading.constant(operation, index, "operand").astype(np.int64)
    return data - (128 if element == "uint8" else 0), quantization


def _with_constant(operation: Operation, reading: Import) -> Value:
    """One table, or one for each channel: the function of the activation that a constant leaves."""
    index = 0 if _constant(operation, reading, 0)[0] is not None else 1
    codes, constant = _constant(operation, reading, index)
    source, target = reading.activation(operation, 1 - index), reading.target(operation)
    channels = source.view.hwc[2]
    if codes is None or codes.size not in (1, channels) or (codes.size > 1 and codes.shape[-1:] != (channels,)):
        raise operation.unsupported(
            f"has a constant of {[] if codes is None else list(codes.shape)}; one number, or one a channel is supported"
        )
    lines = codes.reshape(-1, 1)
    zero = target.quantization.zero_point
    match operation.operator:
        case "MUL":
            pair = (constant, source.quantization) if index == 0 else (source.quantization, constant)
            scale = pair[0].scale * pair[1].scale / target.quantization.scale
            steps = np.arange(-128, 128) - source.quantization.zero_point
            result = zero + multiply(steps * (lines - constant.zero_point), *quantized_multiplier(scale))
        case "MAXIMUM":
            result = np.maximum(np.arange(-128, 128), lines)
        case "MINIMUM":
            result = np.minimum(np.arange(-128, 128), lines)
        case _:
            pair = (constant, source.quantization) if index == 0 else (source.quantization, constant)
            first, second, multiplier, exponent = _addends(operation, *pair, target.quantization)
            sums = first[lines + 128] + second if index == 0 else first + second[lines + 128]
            result = zero + multiply(sums, multiplier, exponent)
    tables = np.clip(result, target.low, target.high)
    limits = {"low": -128, "high": 127}
    if len(tables) == 1:
        return target.emit(operation, Lookup, [source], source.view, table=tables[0].astype(np.int8), **limits)
    slope = source.quantization.scale / target.quantization.scale
    zeros = source.quantization.zero_point, zero
    found = affine_channels(tables, slope, zeros, target.low, target.high) if operation.operator in _SUMS else None
    if found is not None:
        fields = dict(zip(("multiplier", "offset", "shift"), found, strict=True))
        return target.emit(operation, ChannelAffine, [source], source.view, **fields)
    return target.emit(operation, ChannelLookup, [source], source.view, table=tables.astype(np.int8), **limits)


_SUMS = ("ADD",)


@reads("MAXIMUM", "MINIMUM")
def extreme(operation: Operation, reading: Import) -> Value:
    """Of the integers, whatever their scales."""
    if any(_constant(operation, reading, index)[0] is not None for index in (0, 1)):
        return _with_constant(operation, reading)
    a, b, view = _operands(operation, reading)
    target = reading.target(operation)
    parts = [spread(operation, value, view, target) for value in (a, b)]
    return target.emit(operation, Maximum if operation.operator == "MAXIMUM" else Minimum, parts, view)


@reads("PRELU")
def prelu(operation: Operation, reading: Import) -> Value:
    """A slope for each channel, or one."""
    source, target = reading.activation(operation, 0), reading.target(operation)
    codes, given = _constant(operation, reading, 1)
    channels = source.view.hwc[2]
    if codes is None or codes.size not in (1, channels) or (codes.size > 1 and codes.shape[-1:] != (channels,)):
        raise operation.unsupported("its slopes must be constant, one or one a channel")
    slopes = np.broadcast_to(codes.reshape(-1) - given.zero_point, (channels,)).astype(np.int16)
    scale, wanted = source.quantization.scale, target.quantization.scale
    pairs = [quantized_multiplier(scale / wanted), quantized_multiplier(scale * given.scale / wanted)]
    return target.emit(
        operation,
        PRelu,
        [source],
        source.view,
        slopes=slopes,
        multipliers=tuple(multiplier for multiplier, _ in pairs),
        shifts=tuple(31 - exponent for _, exponent in pairs),
        rounding="twice",
    )


def _by_channel(operation: Operation, reading: Import) -> Value | None:
    """A factor for each channel, which is a convolution with one weight a channel."""
    for index in (0, 1):
        codes, constant = _constant(operation, reading, index)
        if codes is None:
            continue
        source, target = reading.activation(operation, 1 - index), reading.target(operation)
        height, width, channels = source.view.hwc
        if codes.size != channels or codes.shape[-1:] != (channels,):
            raise operation.unsupported(
                f"multiplies by {list(codes.shape)} constants; one, or one a channel is supported"
            )
        multiplier, exponent = quantized_multiplier(
            source.quantization.scale * constant.scale / target.quantization.scale
        )
        fields: dict[str, object] = {
            "bias": np.zeros(channels, np.int32),
            "multiplier": np.full(channels, multiplier, np.int32),
            "shift": np.full(channels, 31 - exponent, np.int32),
            "rounding": "twice",
        }
        weights = (codes.reshape(channels, 1, 1, 1) - constant.zero_point).astype(np.int32)
        window = Window((1, 1), (1, 1), (1, 1), Padding(), (height, width))
        return emit_linear(operation, target, source, source.view, weights, window, channels, fields)
    return None


@reads("MUL")
def mul(operation: Operation, reading: Import) -> Value:
    """One factor may be a channel's own, or constant."""
    if any(_is_number(operation, reading, index) for index in (0, 1)):
        return _with_constant(operation, reading)
    by_channel = _by_channel(operation, reading)
    if by_channel is not None:
        return by_channel
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
    a, b = (reading.activation(operation, index) for index in (0, 1))
    return a, b, broadcast(operation, a.view, b.view)
