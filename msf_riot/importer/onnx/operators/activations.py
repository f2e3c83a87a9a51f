"""Functions of one element: ReLU and Clip become the clamp of the operator below, all others tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from msf_riot.importer.draft import Draft
from msf_riot.importer.input_layout import bind, channels_along
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.prelu import Slopes
from msf_riot.importer.values import FloatArray, Value, constant_of, real_of, step_value

UNARY: dict[str, Callable[[FloatArray], FloatArray]] = {
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Floor": np.floor,
    "Log": np.log,
    "Mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "Round": np.rint,
    "Sign": np.sign,
    "Sin": np.sin,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Atan": np.arctan,
    "Sinh": np.sinh,
    "Cosh": np.cosh,
}
"""Functions without attributes."""

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
    "Celu",
    "Selu",
    "ThresholdedRelu",
    *UNARY,
)
def table(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Any other function."""
    return real_of(node, inputs[0]).mapped(node, _function(node))


@reads("PRelu")
def prelu(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """With one slope for all channels it is LeakyRelu, otherwise there is one for each."""
    slope = constant_of(node, inputs[1] if len(inputs) > 1 else None, "slope").array
    real = real_of(node, inputs[0])
    if not np.isfinite(slope).all():
        raise node.unsupported("its slopes must be finite")
    if slope.size == 1:
        factor = np.float32(slope.reshape(()))
        return real.mapped(node, lambda x: np.where(x < 0, x * factor, x).astype(np.float32))
    leaf = real.leaf(draft)
    rank = len(leaf.view.shape)
    sizes = (1,) * (rank - slope.ndim) + slope.shape
    long = [axis for axis, size in enumerate(sizes) if size > 1]
    view = bind(node, leaf.view, channels_along(leaf.view, set(long[:1])))
    if len(long) != 1 or view.names(long[0]) != "C" or sizes[long[0]] != view.hwc[2]:
        raise node.unsupported(f"slopes of {list(slope.shape)} are not one a channel of an input of {list(view.shape)}")
    return Slopes(node, view, leaf, slope.astype(np.float64).reshape(-1))


_ALPHA = {"LeakyRelu": 0.01, "HardSigmoid": 0.2, "Selu": 1.67326319217681884765625}


@reads("Pow")
def power(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """To a constant power."""
    exponent = constant_of(node, inputs[1] if len(inputs) > 1 else None, "exponent").array
    if exponent.size != 1 or not np.isfinite(float(exponent.reshape(()))):
        raise node.unsupported("its exponent must be one finite number")
    number = np.float32(exponent.reshape(()))
    return real_of(node, inputs[0]).mapped(node, lambda x: np.asarray(x**number, np.float32))


def _function(node: Node) -> Callable[[FloatArray], FloatArray]:
    alpha = np.float32(node.number("alpha", _ALPHA.get(node.operator, 1.0)))
    beta = np.float32(node.number("beta", 0.5))
    gamma = np.float32(node.number("gamma", 1.05070102214813232421875))
    one, half = np.float32(1), np.float32(0.5)
    if node.operator == "Gelu" and node.text("approximate", "none") == "tanh":
        root, cubic = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)
        return lambda x: np.asarray(half * x * (one + np.tanh(root * (x + cubic * x * x * x))), np.float32)
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
        "Celu": lambda x: np.maximum(x, 0) + np.minimum(0, alpha * (np.exp(x / alpha) - one)),
        "Selu": lambda x: gamma * np.where(x > 0, x, alpha * (np.exp(x) - one)),
        "ThresholdedRelu": lambda x: np.where(x > alpha, x, 0),
    }
    return functions[node.operator] if node.operator in functions else UNARY[node.operator]
