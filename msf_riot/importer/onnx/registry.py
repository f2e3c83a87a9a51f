"""Which function reads which ONNX operator. The files in `operators/` register themselves with `reads`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.importer.draft import Draft, Quantized, Target
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.values import Real, Value

Inputs: TypeAlias = Sequence[Value | None]
Reader: TypeAlias = Callable[[Node, Inputs, Draft], Value | tuple[Value, ...]]

# What ONNX defines on int8 tensors as on float ones, without scales.
ON_INTEGERS = {
    "ArgMax", "Cast", "Clip", "Concat", "DepthToSpace", "Dropout", "Flatten", "Gather", "Identity", "Max", "MaxPool",
    "Min", "Pad", "ReduceMax", "Relu", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose",
    "Unsqueeze", "Upsample",
}  # fmt: skip

_ON_PARTS = {
    "Clip", "DequantizeLinear", "Dropout", "Flatten", "Identity", "QuantizeLinear", "Relu", "Reshape", "Sigmoid",
    "Squeeze", "Tanh", "Transpose", "Unsqueeze",
}  # fmt: skip
"""What does not look at the axes of its input."""

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


def read(node: Node, inputs: Inputs, draft: Draft) -> tuple[Value, ...]:
    """What the node gives. An operator between integers, such as MaxPool on int8, gives integers again."""
    if node.operator not in _READERS:
        raise node.unsupported("unsupported operator")
    if not inputs or inputs[0] is None:
        raise node.unsupported("its first input is absent")
    if any(isinstance(value, Quantized) for value in inputs) and not _takes_integers(node.operator):
        raise node.unsupported("computes with the integers themselves; put DequantizeLinear before it")
    cut = any(isinstance(value, Quantized | Real) and not value.view.whole for value in inputs)
    if cut and node.operator not in _ON_PARTS:
        raise node.unsupported("rows, columns or channels were cut into parts before, and not put together again")
    try:
        found = _READERS[node.operator](node, inputs, draft)
    except UnsupportedModelError:
        raise
    except ModelError as error:
        raise node.unsupported(str(error)) from error
    results = found if isinstance(found, tuple) else (found,)
    given = next((value for value in inputs if value is not None), None)
    if isinstance(given, Quantized) and node.operator not in ("DequantizeLinear", "ArgMax", "Cast"):
        targets = (Target(draft, name, given.quantization, given.element) for name in node.outputs)
        return tuple(
            result.quantize(target) if isinstance(result, Real) else result
            for result, target in zip(results, targets, strict=False)
        )
    return results


def _takes_integers(operator: str) -> bool:
    scaled = ("QLinear", "QGemm", "DequantizeLinear", "QuantizeLinear")
    return operator in ON_INTEGERS or operator.startswith(scaled) or "Integer" in operator
