"""Which function reads which ONNX operator. The files in `operators/` register themselves with `reads`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.importer.draft import Draft, Quantized, Target
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.values import Real, Value

Inputs: TypeAlias = Sequence[Value | None]
Reader: TypeAlias = Callable[[Node, Inputs, Draft], Value]

# What ONNX defines on int8 tensors as on float ones, without scales.
ON_INTEGERS = {
    "Clip", "Concat", "Dropout", "Flatten", "Identity", "MaxPool", "Pad", "Relu", "Reshape", "Resize", "Squeeze",
    "Transpose", "Unsqueeze", "Upsample",
}  # fmt: skip

_READERS: dict[str, Reader] = {}


def reads(*operators: str) -> Callable[[Reader], Reader]:
    """Registers a reader for the ONNX operators of these names."""

    def register(reader: Reader) -> Reader:
        for operator in operators:
            assert operator not in _READERS, operator
            _READERS[operator] = reader
        return reader

    return register


def known(operator: str) -> bool:
    """Whether some file reads this operator."""
    return operator in _READERS


def read(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """What the node gives. An operator between integers, such as MaxPool on int8, gives integers again."""
    if node.operator not in _READERS:
        raise node.unsupported("unsupported operator")
    if not inputs or inputs[0] is None:
        raise node.unsupported("its first input is absent")
    if any(isinstance(value, Quantized) for value in inputs) and not _takes_integers(node.operator):
        raise node.unsupported("computes with the integers themselves; put DequantizeLinear before it")
    try:
        result = _READERS[node.operator](node, inputs, draft)
    except UnsupportedModelError:
        raise
    except ModelError as error:
        raise node.unsupported(str(error)) from error
    given = next((value for value in inputs if value is not None), None)
    if isinstance(given, Quantized) and isinstance(result, Real) and node.operator != "DequantizeLinear":
        return result.quantize(Target(draft, node.outputs[0], given.quantization, given.element))
    return result


def _takes_integers(operator: str) -> bool:
    scaled = ("QLinear", "QGemm", "DequantizeLinear", "QuantizeLinear")
    return operator in ON_INTEGERS or operator.startswith(scaled) or "Integer" in operator
