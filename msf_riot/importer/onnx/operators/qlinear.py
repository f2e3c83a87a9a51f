"""QOperator forms: each is DequantizeLinear on its inputs, the plain operator, and QuantizeLinear.

One line of `FORMS` (or a reader of its own where the inputs are ordered differently) makes an operator known.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from msf_riot.importer.draft import Draft, Quantized, Target
from msf_riot.importer.linear import integer_weights
from msf_riot.importer.onnx.operators.quantizers import activation, dequantized, quantization_of, with_axis
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, read, reads
from msf_riot.importer.values import Codes, Constant, Real, Value, constant_of

FORMS = {
    "QLinearAdd": ("Add", 2),
    "QLinearMul": ("Mul", 2),
    "QLinearAveragePool": ("AveragePool", 1),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", 1),
    "QLinearReduceMean": ("ReduceMean", 1),
    "QLinearSigmoid": ("Sigmoid", 1),
    "QLinearLeakyRelu": ("LeakyRelu", 1),
    "QLinearSoftmax": ("Softmax", 1),
}


@reads(*FORMS)
def elementwise(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """(value, scale, zero point) for each operand, then the output's scale and zero point."""
    operator, count = FORMS[node.operator]
    if node.integer("channels_last", 0):
        raise node.unsupported("channels_last is not supported")
    values = _padded(inputs, 3 * count + 2)
    operands = [_operand(node, values[3 * i : 3 * i + 3], draft) for i in range(count)]
    opset = node.integer("opset", 13) if operator == "Softmax" else 13
    return _finish(node, operator, operands, values[3 * count : 3 * count + 2], draft, opset)


@reads("QLinearConcat")
def concat(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """The output's scale and zero point, then (value, scale, zero point) for each input."""
    if len(inputs) < 5 or len(inputs) % 3 != 2:
        raise node.unsupported(f"{len(inputs)} inputs make no sense")
    operands = [_operand(node, inputs[i : i + 3], draft) for i in range(2, len(inputs), 3)]
    return _finish(node, "Concat", operands, inputs[:2], draft)


@reads("QLinearConv")
def conv(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """x, w and y with their scales and zero points, then an int32 bias in steps of the accumulator."""
    values = _padded(inputs, 9)
    source = _operand(node, values[:3], draft)
    weights = dequantized(with_axis(node, 0), constant_of(node, values[3], "weights"), values[4], values[5])
    operands: list[Value | None] = [source, weights, _bias(node, values[8], source, weights, 0)]
    return _finish(node, "Conv", operands, values[6:8], draft)


@reads("QLinearMatMul")
def matmul(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """a, b and y with their scales and zero points."""
    values = _padded(inputs, 8)
    weights = dequantized(with_axis(node, -1), constant_of(node, values[3], "second input"), values[4], values[5])
    return _finish(node, "MatMul", [_operand(node, values[:3], draft), weights], values[6:8], draft)


@reads("QGemm")
def gemm(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """A and B with their scales and zero points, C in int32 steps of alpha * scale A * scale B, then Y's."""
    values = _padded(inputs, 9)
    axis = 0 if node.integer("transB", 0) else 1
    source = _operand(node, values[:3], draft)
    weights = dequantized(with_axis(node, axis), constant_of(node, values[3], "B"), values[4], values[5])
    alpha = node.number("alpha", 1.0)
    bias = _bias(node, values[6], source, weights, axis, alpha)
    return _finish(node, "Gemm", [source, weights, bias], values[7:9], draft)


@reads("ConvInteger", "MatMulInteger", "DynamicQuantizeLinear", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")
def refused(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Dynamic quantization needs float arithmetic on the device."""
    raise node.unsupported("dynamic quantization is not supported; quantize the model statically")


def _padded(inputs: Inputs, count: int) -> list[Value | None]:
    return [*inputs, *[None] * count][:count]


def _operand(node: Node, given: Inputs, draft: Draft) -> Value:
    value, scale, zero_point = given
    if isinstance(value, Quantized):
        return activation(node, value, scale, zero_point, draft)
    return dequantized(node, constant_of(node, value, "input, where it is not quantized,"), scale, zero_point)


def _bias(
    node: Node, value: Value | None, source: Value, weights: Constant, axis: int, alpha: float = 1.0
) -> Constant | None:
    if value is None:
        return None
    integers = constant_of(node, value, "bias").array
    if not isinstance(source, Real) or integers.dtype != np.int32:
        raise node.unsupported("its bias must be int32 and its input an activation")
    _, scales = integer_weights(node, weights, axis)
    flat = integers.reshape(-1)
    if flat.size not in (1, scales.size):
        raise node.unsupported(f"{flat.size} bias values for {scales.size} output channels")
    steps = np.broadcast_to(scales * source.leaf(Draft()).source.quantization.scale * alpha, (scales.size,))
    integers = np.broadcast_to(flat, (scales.size,))
    return Constant((integers * steps).astype(np.float64), Codes(integers, steps, np.zeros(scales.size, np.int64)))


def _finish(
    node: Node,
    operator: str,
    operands: list[Value | None] | list[Value],
    output: Inputs,
    draft: Draft,
    opset: int = 13,
) -> Value:
    """The plain operator, then the quantizer."""
    plain = dataclasses.replace(node, operator=operator, opset=opset, written=node.operator)
    quantization, element = quantization_of(node, *output)
    (real,) = read(plain, operands, draft)
    if isinstance(real, Constant) or not isinstance(real, Real):
        raise node.unsupported("all its inputs are constant")
    return real.quantize(Target(draft, node.outputs[0], quantization, element))
