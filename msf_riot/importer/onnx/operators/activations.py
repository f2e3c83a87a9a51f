"""Functions of one element: ReLU and Clip become the clamp of the operator below, all others tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from msf_riot.importer.draft import Draft
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import FloatArray, Value, constant_of, real_of, step_value

_erf = np.vectorize(math.erf, otypes=[np.float64])


@reads("Relu")
def relu(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """max(x, 0)."""
    real = real_of(node, inputs[0])
    return real.limited(node, step_value(inputs[0], 0.0), math.inf)


@reads("Clip")
def clip(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Limits are attributes in old opsets and inputs in new ones."""
    real = real_of(node, inputs[0])
    low, high = (  # between integers the limits are integers
        step_value(inputs[0], limit)
        for limit in (
            _limit(node, inputs, 1, node.number("min", -3.4e38)),
            _limit(node, inputs, 2, node.number("max", 3.4e38)),
        )
    )
    return real.limited(node, min(low, high), high)


def _limit(node: Node, inputs: Inputs, index: int, default: float) -> float:
    if index >= len(inputs) or inputs[index] is None:
        return default
    array = constant_of(node, inputs[index], "limit").array
    if array.size != 1 or not math.isfinite(float(array.reshape(()))):
        raise node.unsupported("its limits must be finite numbers")
    return float(array.reshape(()))


@reads(
    "LeakyRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Elu",
    "Gelu",
    "Abs",
    "Neg",
    "Exp",
    "Sqrt",
    "Erf",
    "Softplus",
    "Reciprocal",
)
def table(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Any other function."""
    return real_of(node, inputs[0]).mapped(node, _function(node))


@reads("PRelu")
def prelu(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """With one slope for all channels it is LeakyRelu."""
    slope = constant_of(node, inputs[1] if len(inputs) > 1 else None, "slope").array
    if slope.size != 1:
        raise node.unsupported("has a slope for each channel; only one for all is supported")
    factor = np.float32(slope.reshape(()))
    return real_of(node, inputs[0]).mapped(node, lambda x: np.where(x < 0, x * factor, x).astype(np.float32))


def _function(node: Node) -> Callable[[FloatArray], FloatArray]:
    alpha = np.float32(node.number("alpha", {"LeakyRelu": 0.01, "HardSigmoid": 0.2}.get(node.operator, 1.0)))
    beta = np.float32(node.number("beta", 0.5))
    one, half = np.float32(1), np.float32(0.5)
    if node.operator == "Gelu" and node.text("approximate", "none") != "none":
        raise node.unsupported("only the exact Gelu is supported")
    functions: dict[str, Callable[[FloatArray], FloatArray]] = {
        "LeakyRelu": lambda x: np.where(x < 0, x * alpha, x),
        "Sigmoid": lambda x: one / (one + np.exp(-x)),
        "HardSigmoid": lambda x: np.clip(x * alpha + beta, 0, 1),
        "HardSwish": lambda x: x * np.clip(x * np.float32(1 / 6) + half, 0, 1),
        "Tanh": np.tanh,
        "Elu": lambda x: np.where(x < 0, alpha * (np.exp(x) - one), x),
        "Gelu": lambda x: (half * x * (1 + _erf(x / np.sqrt(np.float32(2))))).astype(np.float32),
        "Abs": np.abs,
        "Neg": np.negative,
        "Exp": np.exp,
        "Sqrt": np.sqrt,
        "Erf": lambda x: _erf(x).astype(np.float32),
        "Softplus": lambda x: np.log1p(np.exp(x)),
        "Reciprocal": lambda x: one / x,
    }
    return functions[node.operator]
