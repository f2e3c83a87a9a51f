"""Conv and ConvTranspose: 1-D and 2-D, grouped, depthwise, dilated, any pads."""

from __future__ import annotations

import numpy as np

from msf_riot.importer.draft import Draft
from msf_riot.importer.linear import Linear, integer_weights, real_bias
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.onnx.windows import spatial, transposed_window, window
from msf_riot.importer.values import Array, Constant, Value, constant_of, real_of
from msf_riot.importer.window import MAX_WINDOW
from msf_riot.ir import Int32Array


@reads("Conv")
def conv(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Weights [O, I / groups, spatial...], bias [O]."""
    source, weight, bias = (*inputs, None, None, None)[:3]
    integers, scales = integer_weights(node, constant_of(node, weight, "weights"), 0)
    kernel = integers.shape[2:]
    if node.integers("kernel_shape", kernel) != kernel:
        raise node.unsupported(f"kernel_shape contradicts its weights of {list(integers.shape)}")
    leaf = real_of(node, source).leaf(draft)
    view, found = window(node, leaf.view, kernel)
    found.check(node)
    groups, channels = node.integer("group", 1), view.hwc[2]
    if groups < 1 or integers.shape[1] * groups != channels or integers.shape[0] % groups:
        raise node.unsupported(f"weights {list(integers.shape)} in {groups} groups do not suit {channels} channels")
    real = real_bias(node, _constant_or_none(node, bias), scales * leaf.source.quantization.scale)
    weights = _rows_then_columns(integers, found.letters)
    return Linear(node, found.view(node, integers.shape[0]), leaf, weights, scales, real, found, groups)


@reads("ConvTranspose")
def conv_transpose(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Weights [I, O / groups, spatial...], bias [O]."""
    source, weight, bias = (*inputs, None, None, None)[:3]
    constant = constant_of(node, weight, "weights")
    groups = node.integer("group", 1)
    if constant.array.ndim < 3 or groups < 1 or constant.array.shape[0] % groups:
        raise node.unsupported(f"weights {list(constant.array.shape)} in {groups} groups make no sense")
    integers, scales = integer_weights(node, constant.moved(lambda array: _outputs_first(array, groups)), 0)
    kernel = integers.shape[2:]
    leaf = real_of(node, source).leaf(draft)
    view, letters = spatial(node, leaf.view)
    if integers.shape[1] * groups != view.hwc[2] or len(kernel) != len(letters) or max(kernel) > MAX_WINDOW:
        raise node.unsupported(f"weights {list(constant.array.shape)} do not suit an input of {list(view.shape)}")
    if node.integers("kernel_shape", kernel) != kernel:
        raise node.unsupported(f"kernel_shape contradicts its weights of {list(constant.array.shape)}")
    turned = np.flip(integers, tuple(range(2, integers.ndim)))
    found = transposed_window(node, view, letters, kernel)
    found.check(node)
    real = real_bias(node, _constant_or_none(node, bias), scales * leaf.source.quantization.scale)
    weights = _rows_then_columns(turned, found.letters)
    output = found.view(node, integers.shape[0])
    return Linear(node, output, leaf, weights, scales, real, found, groups, upsampling=found.stride)


def _outputs_first(array: Array, groups: int) -> Array:
    """[I, O / groups, ...] -> [O, I / groups, ...]."""
    parts = array.reshape(groups, array.shape[0] // groups, *array.shape[1:])
    return np.ascontiguousarray(parts.swapaxes(1, 2)).reshape(-1, array.shape[0] // groups, *array.shape[2:])


def _constant_or_none(node: Node, value: Value | None) -> Constant | None:
    return None if value is None else constant_of(node, value, "bias")


def _rows_then_columns(weights: Int32Array, letters: tuple[str, ...]) -> Int32Array:
    """[O, I, spatial...] -> [O, kernel height, kernel width, I]."""
    if letters == ("W",):
        weights = weights[:, :, None, :]
    elif len(letters) == 1:
        weights = weights[:, :, :, None]
    elif letters == ("W", "H"):
        weights = weights.swapaxes(2, 3)
    return np.ascontiguousarray(weights.transpose(0, 2, 3, 1))
