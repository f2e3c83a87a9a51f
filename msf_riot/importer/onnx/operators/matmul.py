"""MatMul and Gemm with constant weights: Dense over the whole tensor, or a 1x1 convolution of every position."""

from __future__ import annotations

import numpy as np

from msf_riot.importer.draft import Draft
from msf_riot.importer.input_layout import bind
from msf_riot.importer.linear import Linear, dense_order, integer_weights, real_bias
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import Array, Constant, Real, Value, constant_of, real_of
from msf_riot.importer.view import View, make_view
from msf_riot.importer.window import Window
from msf_riot.ir import Padding


@reads("MatMul")
def matmul(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Activations [..., K] times weights [K, O]."""
    if isinstance(inputs[0], Constant) or len(inputs) < 2:
        raise node.unsupported("its first input must be an activation and its second constant")
    return _product(node, real_of(node, inputs[0]), constant_of(node, inputs[1], "second input"), None, 1.0, 1.0, draft)


@reads("Gemm")
def gemm(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """alpha * A * B + beta * C with constant B and C."""
    source, weight, bias = (*inputs, None, None, None)[:3]
    weights = constant_of(node, weight, "second input")
    if node.integer("transA", 0):
        raise node.unsupported("transA is not supported")
    if weights.array.ndim != 2:
        raise node.unsupported(f"its weights have rank {weights.array.ndim}, not 2")
    if node.integer("transB", 0):
        weights = weights.moved(lambda array: array.T)
    addend = None if bias is None else constant_of(node, bias, "bias")
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    return _product(node, real_of(node, source), weights, addend, alpha, beta, draft)


def _product(
    node: Node, value: Real, weights: Constant, bias: Constant | None, alpha: float, beta: float, draft: Draft
) -> Real:
    weights = weights.moved(lambda array: _matrix(node, array))
    integers, scales = integer_weights(node, weights, 1)  # [O, K]
    leaf = value.leaf(draft)
    view = leaf.view
    rank = len(view.shape)
    if not 2 <= rank <= 4 or view.shape[-1] != integers.shape[1]:
        raise node.unsupported(f"weights {list(weights.array.shape)} do not suit an input of {list(view.shape)}")
    view = bind(node, view, _letters(view))
    real = real_bias(node, bias, scales * leaf.source.quantization.scale) * beta
    outputs = integers.shape[0]
    if all(not dim for dim in view.dims[:-1]):
        output = make_view(node, [*([] for _ in range(rank - 1)), [("C", outputs)]])
        found = Linear(node, output, leaf, dense_order(node, leaf, integers, -1), scales, real)
    elif view.names(-1) in ("", "C") and "C" not in "".join(axis.name for dim in view.dims[:-1] for axis in dim):
        output = make_view(node, [*view.dims[:-1], [("C", outputs)]])
        taps = integers[:, None, None, :]
        every = Window((1, 1), (1, 1), (1, 1), Padding(), view.hwc[:2])
        found = Linear(node, output, leaf, taps, scales, real, every)
    else:
        raise node.unsupported("multiplies along rows or columns, not along the channels")
    if alpha == 1.0:
        return found
    return found.scaled(node, np.array([alpha]), real - real * alpha)


def _matrix(node: Node, array: Array) -> Array:
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2:
        raise node.unsupported(f"weights of shape {list(array.shape)[:9]}: only one matrix is supported")
    return array


def _letters(view: View) -> tuple[str, ...]:
    """How an input not laid out yet is taken: the last axis is the channels, those before rows and columns."""
    long = [i for i, dim in enumerate(view.dims[:-1]) if dim]
    names = dict(zip(long, "HW", strict=False))
    return (*(names.get(i, "N") for i in range(len(view.shape) - 1)), "C")
