"""Pad: a constant around rows and columns, which `tidy` folds into a window behind it, or more channels; reflected,
repeated or wrapped rows and columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from msf_riot.importer import movement
from msf_riot.importer.draft import Draft
from msf_riot.importer.input_layout import bind
from msf_riot.importer.onnx.operators.layout import integers_of, normalized
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.values import Value, constant_of, real_of, step_value
from msf_riot.importer.view import View, make_view
from msf_riot.ir import Padding


@reads("Pad")
def pad(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Pads and value are attributes in old opsets and inputs in new ones."""
    real = real_of(node, inputs[0])
    mode = node.text("mode", "constant")
    if mode not in _PLACES and mode != "constant":
        raise node.unsupported(f"mode {mode[:40]} is not supported, only constant, reflect, edge and wrap")
    pads = _pads(node, inputs, len(real.view.shape))
    value = _value(node, inputs)
    if not any(amount for both in pads for amount in both):
        return real
    view = bind(node, real.view, _letters(real.view, pads))
    amounts = {"H": (0, 0), "W": (0, 0), "C": (0, 0)}
    free = [c for c in "HW" if c not in {axis.name for axis in view.flat}]
    dims: list[list[tuple[str, int]]] = []
    for i, both in enumerate(pads):
        if not any(both):
            dims.append(list(view.dims[i]))
            continue
        name = view.names(i) or (free.pop(0) if free else "?")
        if name not in amounts:
            raise node.unsupported("pads the batch, or an axis in which rows, columns or channels were joined before")
        amounts[name] = both
        dims.append([(name, view.shape[i] + sum(both))])
    output = make_view(node, dims)
    height, width, channels = view.hwc
    padded = {name: sum(both) > 0 for name, both in amounts.items()}
    if mode != "constant":
        for name, size in zip("HWC", view.hwc, strict=True):
            if mode == "reflect" and max(amounts[name]) >= size:
                raise node.unsupported(f"reflects {max(amounts[name])} of {size} elements")
        rows, columns, depth = (_PLACES[mode](size, *amounts[c]) for size, c in zip(view.hwc, "HWC", strict=True))
        if padded["C"]:
            middle = make_view(node, [[("H", height)], [("W", width)], [("C", len(depth))]])
            real = movement.gather_channels(node, middle, real, depth, draft)
        return movement.gather(node, output, real, rows, columns, draft)
    if padded["C"]:
        before, after = amounts["C"]
        chosen = [*[-1] * before, *range(channels), *[-1] * after]
        middle = make_view(node, [[("H", height)], [("W", width)], [("C", len(chosen))]])
        last = middle if padded["H"] or padded["W"] else output
        real = movement.gather_channels(node, last, real, chosen, draft, value)
        if last is output:
            return real
    (top, bottom), (left, right) = amounts["H"], amounts["W"]
    return movement.pad(node, output, real, Padding(top, left, bottom, right), value, draft)


def _reflected(size: int, before: int, after: int) -> list[int]:
    period = max(2 * (size - 1), 1)
    return [min(i % period, period - i % period) if size > 1 else 0 for i in range(-before, size + after)]


_PLACES: dict[str, Callable[[int, int, int], list[int]]] = {
    "reflect": _reflected,
    "edge": lambda size, before, after: [min(max(i, 0), size - 1) for i in range(-before, size + after)],
    "wrap": lambda size, before, after: [i % size for i in range(-before, size + after)],
}
"""Which element each of a padded axis is, by its size and what is added before and after."""


def _pads(node: Node, inputs: Inputs, rank: int) -> list[tuple[int, int]]:
    """(before, after) of each axis."""
    flat = node.integers("pads")
    if flat is None:
        flat = integers_of(node, inputs[1] if len(inputs) > 1 else None, "pads")
    axes = tuple(range(rank))
    if len(inputs) > 3 and inputs[3] is not None:
        axes = normalized(node, integers_of(node, inputs[3], "axes"), rank)
    if len(flat) != 2 * len(axes) or any(not 0 <= p <= 4096 for p in flat):
        raise node.unsupported(f"pads {list(flat)[:9]} must be {2 * len(axes)} numbers from 0 to 4096")
    found = dict(zip(axes, zip(flat[: len(axes)], flat[len(axes) :], strict=True), strict=True))
    return [found.get(axis, (0, 0)) for axis in range(rank)]


def _value(node: Node, inputs: Inputs) -> float:
    """The real value put in; between integers the constant is an integer in the input's own steps."""
    if len(inputs) > 2 and inputs[2] is not None:
        array = constant_of(node, inputs[2], "value").array
        if array.size != 1 or not np.isfinite(float(array.reshape(()))):
            raise node.unsupported("its value must be one finite number")
        value = float(array.reshape(()))
    else:
        value = node.number("value", 0.0)
    return step_value(inputs[0], value)


def _letters(view: View, pads: list[tuple[int, int]]) -> tuple[str, ...]:
    """How an input not laid out yet is taken: the padded axes are rows and columns."""
    rank = len(pads)
    padded = [i for i, both in enumerate(pads) if any(both)]
    last_is_channels = rank == 4 and padded and padded[-1] < 3 and padded[0] == 1 and 2 in padded
    order = "NHWC" if last_is_channels else ("NCHW" if rank > 2 else "NC")
    return tuple(order[:rank])
