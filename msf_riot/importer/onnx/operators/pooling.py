"""MaxPool, AveragePool, their global forms, mean, sum and maximum over space, and ArgMax over the channels."""

from __future__ import annotations

import dataclasses

from msf_riot.importer import pooling
from msf_riot.importer.draft import Draft, Target
from msf_riot.importer.input_layout import bind, channels_along
from msf_riot.importer.onnx.operators.layout import axes_of, normalized
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.onnx.registry import Inputs, reads
from msf_riot.importer.onnx.windows import spatial, whole, window
from msf_riot.importer.values import Value, real_of
from msf_riot.importer.view import View, make_view
from msf_riot.importer.window import Window
from msf_riot.ir import ArgMax, Padding, Quantization


@reads("MaxPool")
def max_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Moves data: the input takes the quantization of the output."""
    if node.integer("storage_order", 0):
        raise node.unsupported("storage_order is not supported")
    real = real_of(node, inputs[0])
    view, found = window(node, real.view, node.integers("kernel_shape") or ())
    return pooling.max_pool(node, real, found, found.view(node, view.hwc[2]), draft)


@reads("GlobalMaxPool")
def global_max_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """A MaxPool whose kernel is the image."""
    real = real_of(node, inputs[0])
    view, letters = spatial(node, real.view)
    found = whole(view, letters)
    return pooling.max_pool(node, real, found, found.view(node, view.hwc[2]), draft)


@reads("AveragePool")
def average_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """With a kernel over the whole image it is GlobalAveragePool."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    view, found = window(node, leaf.view, node.integers("kernel_shape") or ())
    if found.dilation != (1, 1):
        raise node.unsupported("dilations are not supported")
    counts_padding = node.integer("count_include_pad", 0) != 0
    if counts_padding and node.integer("ceil_mode", 0):
        plain = dataclasses.replace(node, attributes={**node.attributes, "ceil_mode": 0})
        if window(plain, leaf.view, node.integers("kernel_shape") or ())[1].output != found.output:
            raise node.unsupported("ceil_mode with count_include_pad is not supported")
    return pooling.average_pool(node, leaf, found, found.view(node, view.hwc[2]), counts_padding)


@reads("GlobalAveragePool")
def global_average_pool(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """The mean of each channel."""
    leaf = real_of(node, inputs[0]).leaf(draft)
    view, letters = spatial(node, leaf.view)
    found = whole(view, letters)
    return pooling.average_pool(node, leaf, found, found.view(node, view.hwc[2]))


@reads("ReduceMean", "ReduceSum", "ReduceMax")
def reduce(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Over rows, columns or both."""
    real = real_of(node, inputs[0])
    rank = len(real.view.shape)
    given = axes_of(node, inputs, None)
    if not given and node.integer("noop_with_empty_axes", 0):
        return real
    axes = normalized(node, given or tuple(range(rank)), rank)
    view = bind(node, real.view, _letters(real.view, axes))
    names = "".join(view.names(axis) for axis in axes)
    if "C" in names:
        raise node.unsupported("runs over the channels; only rows and columns are supported")
    height, width, _ = view.hwc
    kernel = (height if "H" in names else 1, width if "W" in names else 1)
    dims = [() if i in axes else dim for i, dim in enumerate(view.dims)]
    if not node.integer("keepdims", 1):
        dims = [dim for i, dim in enumerate(dims) if i not in axes]
    output = (height // kernel[0], width // kernel[1])
    found = Window(kernel, kernel, (1, 1), Padding(), output)
    if node.operator == "ReduceMax":
        return pooling.max_pool(node, real, found, make_view(node, dims), draft)
    count = kernel[0] * kernel[1] if node.operator == "ReduceSum" else 1
    return pooling.average_pool(node, real.leaf(draft), found, make_view(node, dims), times=count)


@reads("ArgMax")
def arg_max(node: Node, inputs: Inputs, draft: Draft) -> Value:
    """Over the channels, as the last operator: its integers are the network's output."""
    real = real_of(node, inputs[0])
    rank = len(real.view.shape)
    (axis,) = normalized(node, (node.integer("axis", 0),), rank)
    view = bind(node, real.view, channels_along(real.view, {axis}))
    source = dataclasses.replace(real.leaf(draft).source, view=view)
    if view.names(axis) not in ("", "C") or view.hwc[2] != view.shape[axis]:
        raise node.unsupported("runs over rows or columns; only over the channels is supported")
    if view.hwc[2] > 256:
        raise node.unsupported(f"runs over {view.hwc[2]} channels; at most 256 are supported")
    dims = [() if i == axis else dim for i, dim in enumerate(view.dims)]
    if not node.integer("keepdims", 1):
        dims.pop(axis)
    target = Target(draft, node.outputs[0], Quantization(1.0, -128), origin=False)
    last = node.integer("select_last_index", 0) != 0
    found = target.emit(node, ArgMax, [source], make_view(node, dims), last=last)
    return dataclasses.replace(found, element="int64")


def _letters(view: View, axes: tuple[int, ...]) -> tuple[str, ...]:
    """How an input not laid out yet is taken: averaged axes are rows and columns, another one is the channels."""
    kept = [i for i, dim in enumerate(view.dims) if dim and i not in axes]
    channel = kept[-1] if kept and kept[-1] == len(view.shape) - 1 else kept[0] if kept else -1
    return channels_along(view, {channel})
