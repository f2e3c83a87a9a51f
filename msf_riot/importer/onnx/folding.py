"""Operators on constants alone, done now: the small arithmetic of shapes and parameters that exporters leave behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from msf_riot.importer.draft import Quantized
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.tensors import ELEMENTS
from msf_riot.importer.values import Array, Constant, Real, Value
from msf_riot.importer.view import MAX_ELEMENTS

_PLAIN: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Sqrt": np.sqrt,
    "Abs": np.abs,
    "Min": np.minimum,
    "Max": np.maximum,
    "Equal": np.equal,
    "Where": np.where,
    "Exp": np.exp,
    "Reciprocal": np.reciprocal,
}

_ARITY = {"Where": 3, "Add": 2, "Sub": 2, "Mul": 2, "Min": 2, "Max": 2, "Equal": 2}


def fold(node: Node, inputs: Sequence[Value | None]) -> Constant | None:
    """The constant that the node gives, or None where it is for the readers in `operators/`.

    Raises UnsupportedModelError where constants do not suit the operator.
    """
    if node.operator in ("Shape", "Size") and inputs and isinstance(inputs[0], Quantized | Real):
        return _shape(node, inputs[0].view.shape)
    if not all(value is None or isinstance(value, Constant) for value in inputs):
        return None
    if node.operator == "Constant":
        return _constant(node)
    if node.operator == "Clip" and inputs and isinstance(inputs[0], Constant):
        return _clip(node, inputs)
    arrays = [value.array for value in inputs if isinstance(value, Constant)]
    if not arrays:
        return None
    try:
        with np.errstate(all="ignore"):
            result = _fold(node, arrays)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise node.unsupported(f"its constant inputs do not suit it: {str(error)[:120]}") from error
    return None if result is None else Constant(result)


def _fold(node: Node, arrays: list[Array]) -> Array | None:
    first = arrays[0]
    match node.operator:
        case "Shape" | "Size":
            return _shape(node, first.shape).array
        case "Cast":
            return _cast(node, first)
        case "Div":
            return _divide(first, arrays[1])
        case "Concat":
            _check(node, (sum(array.size for array in arrays),))
            return np.concatenate(arrays, axis=node.integer("axis", 0))
        case "Gather":
            return _gather(node, first, arrays[1])
        case "Slice":
            return _slice(node, arrays)
        case "ConstantOfShape":
            return _filled(node, first)
        case "Expand":
            shape = np.broadcast_shapes(first.shape, tuple(int(v) for v in arrays[1].reshape(-1)[:8]))
            _check(node, shape)
            return np.broadcast_to(first, shape)
        case "Range":
            return _range(node, arrays)
        case "Relu":
            return np.maximum(first, np.zeros((), first.dtype))
        case "BatchNormalization":
            raise node.unsupported("its input is constant")
        case name if name in _PLAIN and len(arrays) == _ARITY.get(name, 1):
            _check(node, np.broadcast_shapes(*(array.shape for array in arrays)))
            return np.asarray(_PLAIN[name](*arrays))
        case _:
            return None


def _clip(node: Node, inputs: Sequence[Value | None]) -> Constant:
    """Limited, in the type that it has: attributes in old opsets, inputs in new ones."""
    arrays = [given.array if isinstance(given, Constant) else None for given in inputs]
    value, low, high = (*arrays, None, None)[:3]
    assert value is not None
    low = node.attributes.get("min") if low is None else low
    high = node.attributes.get("max") if high is None else high
    if any(limit is not None and np.asarray(limit).size != 1 for limit in (low, high)):
        raise node.unsupported("its limits must be single numbers")
    if low is None and high is None:
        return Constant(value)
    limited = value if low is None else np.maximum(value, np.asarray(low).reshape(()))
    limited = limited if high is None else np.minimum(limited, np.asarray(high).reshape(()))
    return Constant(limited.astype(value.dtype))


def _check(node: Node, shape: tuple[int, ...]) -> None:
    size = 1
    for dimension in shape:
        size *= dimension
    if size > MAX_ELEMENTS // 16 or min(shape, default=0) < 0:
        raise node.unsupported(f"a constant of shape {list(shape)[:9]} is absurdly large")


def _constant(node: Node) -> Constant:
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64)):  # fmt: skip
        if name in node.attributes:
            return Constant(np.array(node.attributes[name], dtype))
    value = node.attributes.get("value")
    if not isinstance(value, np.ndarray):
        raise node.unsupported("holds neither numbers nor a tensor")
    return Constant(value)


def _shape(node: Node, shape: tuple[int, ...]) -> Constant:
    if node.operator == "Size":
        return Constant(np.array(np.prod(shape, dtype=np.int64)))
    start, end = node.integer("start", 0), node.integer("end", len(shape))
    return Constant(np.array(shape[start:end], np.int64))


def _cast(node: Node, array: Array) -> Array:
    kind = node.integer("to", 0)
    if kind not in ELEMENTS:
        raise node.unsupported(f"casts to the unsupported element type {kind}")
    return array.astype(ELEMENTS[kind][0])


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        if not b.all():
            raise ZeroDivisionError("division by zero")
        return np.trunc(a / b).astype(a.dtype)
    return np.divide(a, b)


def _gather(node: Node, data: Array, indices: Array) -> Array:
    axis = node.integer("axis", 0)
    if data.ndim == 0 or not -data.ndim <= axis < data.ndim:
        raise IndexError("axis out of range")
    _check(node, indices.shape + data.shape)
    return np.take(data, indices, axis=axis)


def _slice(node: Node, arrays: list[Array]) -> Array:
    data = arrays[0]
    if "starts" in node.attributes:
        starts, ends = node.integers("starts") or (), node.integers("ends") or ()
        axes, steps = node.integers("axes") or tuple(range(len(starts))), (1,) * len(starts)
    else:
        if len(arrays) < 3:
            raise ValueError("starts and ends are missing")
        lists = [tuple(int(v) for v in array.reshape(-1)[:16]) for array in arrays[1:]]
        starts, ends = lists[0], lists[1]
        axes = lists[2] if len(lists) > 2 else tuple(range(len(starts)))
        steps = lists[3] if len(lists) > 3 else (1,) * len(starts)
    cuts = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        stop = None if step < 0 and end < -data.shape[axis] else end
        cuts[axis] = slice(start, stop, step)
    return data[tuple(cuts)]


def _filled(node: Node, shape: Array) -> Array:
    sizes = tuple(int(v) for v in shape.reshape(-1)[:9])
    _check(node, sizes)
    value = node.attributes.get("value", np.zeros(1, np.float32))
    return np.full(sizes, np.asarray(value).reshape(-1)[0])


def _range(node: Node, arrays: list[Array]) -> Array:
    start, limit, delta = (array.reshape(()) for array in arrays)
    count = max(0, int(np.ceil((limit - start) / delta)))
    _check(node, (count,))
    return (start + np.arange(count) * delta).astype(start.dtype)
