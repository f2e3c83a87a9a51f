"""Strides and padding of TensorFlow Lite as a window on the height and width of a tensor."""

from __future__ import annotations

from msf_riot.importer.draft import Quantized
from msf_riot.importer.tflite.reading import Operation
from msf_riot.importer.view import View, make_view
from msf_riot.importer.window import Window, output_size, same_padding
from msf_riot.ir import Padding, Pair

SAME = 0
"""Padding, of a convolution or a pool."""


def image(operation: Operation, value: Quantized) -> View:
    """The view of an input [1, height, width, channels]."""
    view = value.view
    if len(view.shape) != 4:
        raise operation.unsupported(f"its input has {len(view.shape)} dimensions; 4 are supported")
    if view.shape[0] != 1:
        raise operation.unsupported(f"its batch is {view.shape[0]}; only 1 is supported")
    for dim, letters in zip(view.dims, ("", "H", "W", "C"), strict=True):
        if "".join(axis.name for axis in dim) not in ("", letters):
            raise operation.unsupported("its input's rows, columns or channels were joined or exchanged before")
    return view


def image_view(operation: Operation, height: int, width: int, channels: int) -> View:
    """[1, height, width, channels]."""
    return make_view(operation, [[], [("H", height)], [("W", width)], [("C", channels)]])


def window(operation: Operation, view: View, kernel: Pair, dilation: Pair = (1, 1)) -> Window:
    """The window of an operator with StrideH, StrideW and Padding."""
    stride = (operation.option("StrideH", 1), operation.option("StrideW", 1))
    if min(*kernel, *stride, *dilation) < 1:
        raise operation.unsupported(f"kernel {kernel}, stride {stride}, dilation {dilation}: all must be at least 1")
    pads: list[Pair] = []
    sizes: list[int] = []
    for axis in (0, 1):
        size, extent = view.hwc[axis], (kernel[axis] - 1) * dilation[axis] + 1
        before, after = same_padding(size, extent, stride[axis]) if operation.option("Padding") == SAME else (0, 0)
        pads.append((before, after))
        sizes.append(output_size(operation, size + before + after, extent, stride[axis]))
    padding = Padding(top=pads[0][0], left=pads[1][0], bottom=pads[0][1], right=pads[1][1])
    found = Window(kernel, stride, dilation, padding, (sizes[0], sizes[1]))
    found.check(operation)
    return found
