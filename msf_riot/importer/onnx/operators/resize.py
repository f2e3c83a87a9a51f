"""Resize and Upsample, nearest neighbor and bilinear: where each output row lies, by the ONNX formulas in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from msf_riot.importer import movement
from msf_riot.importer.draft import Draft, Quantized
from msf_riot.importer.onnx.operators.layout import integers_of
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.onnx.windows import spatial
from msf_riot.importer.values import Array, Constant, FloatArray, Leaf, Real, Value, constant_of, real_of
from msf_riot.importer.view import MAX_AXIS, View, make_view
from msf_riot.ir import BILINEAR_BITS

_ROUND: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - np.float32(0.5)),
    "round_prefer_ceil": lambda x: np.floor(x + np.float32(0.5)),
    "floor": np.floor,
    "ceil": np.ceil,
}


@reads("Resize", "Upsample")
def resize(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Rows and columns only."""
    real = real_of(node, inputs[0])
    mode = node.text("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear"):
        raise node.unsupported(f"mode {mode[:40]} is not supported, only nearest and linear")
    if node.integers("axes") is not None or node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise node.unsupported("axes and keep_aspect_ratio_policy are not supported")
    if node.integer("antialias", 0) or node.integer("exclude_outside", 0):
        raise node.unsupported("antialias and exclude_outside are not supported")
    view, letters = spatial(node, real.view)
    if len(letters[0]) > 1:
        raise node.unsupported("its input's rows and columns were joined before")
    targets = _targets(node, inputs, view.shape)
    if mode != "nearest":
        return _linear(node, real, view, letters, targets, draft, isinstance(inputs[0], Quantized))
    picks: dict[str, tuple[int, ...]] = {"H": (0,), "W": (0,)}
    for letter, size, (output, scale) in zip(letters, view.shape[2:], targets, strict=True):
        picks[letter] = _picks(node, size, output, scale)
    rows, columns = picks["H"], picks["W"]
    if len(letters) == 1:
        other = "W" if letters[0] == "H" else "H"
        picks[other] = tuple(range(view.hwc["HW".index(other)]))
    sizes = {"H": len(rows), "W": len(columns)}
    output_view = make_view(node, [[], [("C", view.hwc[2])], *([(c, sizes[c])] for c in letters)])
    return movement.gather(node, output_view, real, rows, columns, draft)


def _linear(
    node: Node,
    real: Real,
    view: View,
    letters: tuple[str, ...],
    targets: list[tuple[int, float]],
    draft: Draft,
    on_integers: bool,
) -> Real:
    """ONNX Runtime cuts the fraction off where it resizes integers themselves, and rounds where it resizes floats."""
    one = 1 << BILINEAR_BITS
    steps = {c: np.arange(size, dtype=np.int64) * one for c, size in zip("HW", view.hwc, strict=False)}
    for letter, size, (output, scale) in zip(letters, view.shape[2:], targets, strict=True):
        if not 1 <= output <= MAX_AXIS:
            raise node.unsupported(f"its output would have {output} rows or columns")
        places = _coordinates(node, np.arange(output, dtype=np.float32), size, output, np.float32(scale))
        steps[letter] = np.rint(np.clip(places.astype(np.float64), 0, size - 1) * one).astype(np.int64)
    sizes = {c: len(each) for c, each in steps.items()}
    output_view = make_view(node, [[], [("C", view.hwc[2])], *([(c, sizes[c])] for c in letters)])
    both = steps["H"], steps["W"]
    if not on_integers:
        return movement.bilinear(node, output_view, real, both, draft, "even")
    element = "int8" if not isinstance(real, Leaf) else real.source.element
    center = -128 if element == "uint8" else 0
    return movement.bilinear(node, output_view, real, both, draft, "zero", center)


def _targets(node: Node, inputs: Inputs, shape: tuple[int, ...]) -> list[tuple[int, float]]:
    """(output size, scale) of each spatial axis."""
    rank = len(shape)
    old = node.operator == "Upsample" or node.opset < 11
    scales = node.attributes.get("scales")
    given = inputs[1 if old else 2] if len(inputs) > (1 if old else 2) else None
    if isinstance(given, Constant) and given.array.size:
        scales = tuple(float(v) for v in given.array.reshape(-1)[:9])
    if not scales:
        sizes = integers_of(node, inputs[3] if len(inputs) > 3 else None, "scales or sizes")
        if len(sizes) != rank or sizes[:2] != shape[:2] or any(not 1 <= s <= MAX_AXIS for s in sizes):
            raise node.unsupported(f"sizes {list(sizes)[:9]} do not suit an input of {list(shape)}")
        return [(size, size / before) for size, before in zip(sizes[2:], shape[2:], strict=True)]
    if given is not None:
        constant_of(node, given, "scales")
    if len(scales) != rank or tuple(scales[:2]) != (1, 1) or not all(0 < s <= MAX_AXIS for s in scales):
        raise node.unsupported(f"scales {list(scales)[:9]} do not suit an input of {list(shape)}")
    return [(int(before * float(np.float32(s))), s) for s, before in zip(scales[2:], shape[2:], strict=True)]


def _picks(node: Node, size: int, output: int, scale: float) -> tuple[int, ...]:
    if not 1 <= output <= MAX_AXIS:
        raise node.unsupported(f"its output would have {output} rows or columns")
    places = _coordinates(node, np.arange(output, dtype=np.float32), size, output, np.float32(scale))
    default = "floor" if node.operator == "Upsample" or node.opset < 11 else "round_prefer_floor"
    rounding = node.text("nearest_mode", default)
    if rounding not in _ROUND:
        raise node.unsupported(f"nearest_mode {rounding[:40]} is not supported")
    found = np.clip(_ROUND[rounding](places), 0, size - 1)
    return tuple(int(v) for v in found)


def _coordinates(node: Node, x: FloatArray, size: int, output: int, scale: np.float32) -> FloatArray:
    """Where each output element lies in the input (ONNX, Resize, coordinate_transformation_mode)."""
    half = np.float32(0.5)
    default = "asymmetric" if node.operator == "Upsample" or node.opset < 11 else "half_pixel"
    mode = node.text("coordinate_transformation_mode", default)
    match mode:
        case "asymmetric":
            return x / scale
        case "half_pixel":
            return (x + half) / scale - half
        case "pytorch_half_pixel":
            return (x + half) / scale - half if output > 1 else np.zeros_like(x)
        case "align_corners":
            return x * np.float32(size - 1) / np.float32(max(output - 1, 1))
        case "tf_half_pixel_for_nn":
            return (x + half) / scale
        case _:
            raise node.unsupported(f"coordinate_transformation_mode {mode[:40]} is not supported")
