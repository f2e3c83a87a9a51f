"""QUANTIZE and DEQUANTIZE: the float ends of a network, and changes of scale."""

from __future__ import annotations

import numpy as np

from msf_riot.importer.draft import Quantized, add_input
from msf_riot.importer.tflite.fixed_point import multiply, quantized_multiplier
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.tflite.registry import FloatInput, Import, Value, reads
from msf_riot.ir import Lookup


@reads("QUANTIZE")
def quantize(operation: Operation, reading: Import) -> Value:
    """The input's first quantizer, or another scale for an activation."""
    value = reading.value(operation, 0)
    target = reading.target(operation)
    if isinstance(value, FloatInput):
        name = reading.model.tensors[value.tensor].name
        known = reading.draft.tensors.get(name)
        if known is not None and known.quantization != target.quantization:
            raise operation.unsupported("the float input is quantized twice in different ways")
        add_input(reading.draft, name, value.view, "float32", target.quantization)
        return Quantized(name, value.view, target.element, target.quantization)
    source = reading.activation(operation, 0)
    multiplier, exponent = quantized_multiplier(source.quantization.scale / target.quantization.scale)
    steps = np.arange(-128, 128) - source.quantization.zero_point
    codes = multiply(steps, multiplier, exponent) + target.quantization.zero_point
    table = np.clip(codes, target.low, target.high).astype(np.int8)
    return target.emit(operation, Lookup, [source], source.view, table=table, low=-128, high=127)
