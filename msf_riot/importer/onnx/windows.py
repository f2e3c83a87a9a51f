"""ONNX strides, pads, dilations and auto_pad as a window on the height and width of a tensor.

ONNX axes may run over height and width in either order (a transposed image) and may be one only (a 1-D signal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msf_riot.importer.input_layout import bind
from msf_riot.importer.onnx.reading import Node
from msf_riot.importer.view import View, make_view
from msf_riot.importer.window import MAX_WINDOW, Window, output_size, same_padding
from msf_riot.ir import Padding, Pair


@dataclass(frozen=True)
class SpatialWindow(Window):
    """`letters` says which tensor axis each spatial ONNX axis is; 'HW' is both at once, for 1x1 windows only."""

    letters: tuple[str, ...]

    def view(self, node: Node, channels: int) -> View:
        """The output's view: batch, channels, spatial axes."""
        sizes = dict(zip("HW", self.output, strict=True))
        return make_view(node, [[], [("C", channels)], *([(c, sizes[c]) for c in letters] for letters in self.letters)])


def whole(view: View, letters: tuple[str, ...]) -> SpatialWindow:
    """One window over all rows and columns."""
    return SpatialWindow(view.hwc[:2], (1, 1), (1, 1), Padding(), (1, 1), letters)


def spatial(node: Node, view: View) -> tuple[View, tuple[str, ...]]:
    """The view (batch, channels, one or two spatial axes), laid out, and the letters of its spatial axes."""
    rank = len(view.shape)
    if rank not in (3, 4):
        raise node.unsupported(f"its input has rank {rank}; 3 (1-D) and 4 (2-D) are supported")
    if view.shape[0] != 1:
        raise node.unsupported(f"its batch is {view.shape[0]}; only 1 is supported")
    view = bind(node, view, ("N", "C", "H", "W")[:rank], certain=True)
    names = [view.names(dim) for dim in range(1, rank)]
    if names[0] not in ("", "C") or any("C" in name for name in names[1:]):
        raise node.unsupported("its input's channels were moved among rows or columns before")
    if rank == 3:
        return view, (names[1] or "H",)
    if any(len(name) > 1 for name in names[1:]):
        raise node.unsupported("its input's rows and columns were joined before")
    swapped = names[1] == "W" or names[2] == "H"
    return view, ("W", "H") if swapped else ("H", "W")


def window(node: Node, view: View, kernel: tuple[int, ...]) -> tuple[View, SpatialWindow]:
    """The view, laid out, and the window that the node's attributes describe on it.

    Raises UnsupportedModelError for strides, dilations, kernels or pads that make no sense.
    """
    view, letters = spatial(node, view)
    count = len(letters)
    strides = _positive(node, "strides", count)
    dilations = _positive(node, "dilations", count)
    if len(kernel) != count or any(
        not 1 <= k <= max(MAX_WINDOW, d) for k, d in zip(kernel, view.shape[2:], strict=True)
    ):
        raise node.unsupported(f"kernel {list(kernel)[:9]} does not suit an input of {list(view.shape)}")
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = _pads(node, view.shape[2:], extents, strides)
    if letters == ("HW",) or letters == ("WH",):
        if kernel != (1,) or strides != (1,) or any(pads):
            raise node.unsupported("its input's rows and columns were joined before")
        return view, SpatialWindow((1, 1), (1, 1), (1, 1), Padding(), view.hwc[:2], letters)
    sizes = dict(zip(letters, range(count), strict=True))

    def pair(values: tuple[int, ...], default: int) -> Pair:
        first, second = (values[sizes[c]] if c in sizes else default for c in "HW")
        return first, second

    first, last = pads[:count], pads[count:]
    outputs = tuple(
        output_size(node, size + before + after, extent, stride)
        for size, before, after, extent, stride in zip(view.shape[2:], first, last, extents, strides, strict=True)
    )
    ceiled = node.integer("ceil_mode", 0) != 0
    if ceiled:
        outputs, last = _ceil(view.shape[2:], first, last, extents, strides)
    (top, left), (bottom, right) = pair(first, 0), pair(last, 0)
    height, width = view.hwc[:2]
    # A spatial axis that ONNX does not name has one element.
    output = (
        outputs[sizes["H"]] if "H" in sizes else height,
        outputs[sizes["W"]] if "W" in sizes else width,
    )
    padding = Padding(top, left, bottom, right)
    return view, SpatialWindow(pair(kernel, 1), pair(strides, 1), pair(dilations, 1), padding, output, letters)


def transposed_window(node: Node, view: View, letters: tuple[str, ...], kernel: tuple[int, ...]) -> SpatialWindow:
    """The window of a transposed convolution over its input with zeros put between; `stride` is what they make of it.

    Raises UnsupportedModelError where the attributes make no sense.
    """
    count = len(letters)
    strides, dilations = _positive(node, "strides", count), _positive(node, "dilations", count)
    added = node.integers("output_padding", (0,) * count)
    wanted = node.integers("output_shape")
    if added is None or len(added) != count or any(not 0 <= each <= MAX_WINDOW for each in added):
        raise node.unsupported(f"output_padding {list(added or ())[:9]} must be {count} small numbers")
    sizes = [
        stride * (size - 1) + extra + (taps - 1) * gap + 1
        for size, stride, extra, taps, gap in zip(view.shape[2:], strides, added, kernel, dilations, strict=True)
    ]
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER") and wanted is None:
        wanted = tuple(size * stride for size, stride in zip(view.shape[2:], strides, strict=True))
    if wanted is not None:
        if len(wanted) != count or any(w < 1 for w in wanted):
            raise node.unsupported(f"output_shape {list(wanted)[:9]} must be {count} sizes")
        totals = [size - each for size, each in zip(sizes, wanted, strict=True)]
        small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
        first, last = (small, large) if mode == "SAME_UPPER" else (large, small)
    else:
        pads = node.integers("pads", (0,) * (2 * count)) or ()
        if len(pads) != 2 * count or any(not 0 <= p <= 4096 for p in pads):
            raise node.unsupported(f"pads {list(pads)[:9]} must be {2 * count} numbers from 0 to 4096")
        first, last = list(pads[:count]), list(pads[count:])
        if mode == "VALID":
            first, last = [0] * count, [0] * count
    outputs = [size - before - after for size, before, after in zip(sizes, first, last, strict=True)]
    if any(output < 1 for output in outputs):
        raise node.unsupported("its pads cut off all of its output")
    if any(len(letter) > 1 for letter in letters):
        raise node.unsupported("its input's rows and columns were joined before")
    at = {letter: i for i, letter in enumerate(letters)}

    def pair(values: Sequence[int], default: int) -> Pair:
        rows, columns = (values[at[c]] if c in at else default for c in "HW")
        return rows, columns

    begin = [(taps - 1) * gap - before for taps, gap, before in zip(kernel, dilations, first, strict=True)]
    end = [
        (taps - 1) * gap - after + extra for taps, gap, after, extra in zip(kernel, dilations, last, added, strict=True)
    ]
    (top, left), (bottom, right) = pair(begin, 0), pair(end, 0)
    height, width = view.hwc[:2]
    output = (outputs[at["H"]] if "H" in at else height, outputs[at["W"]] if "W" in at else width)
    padding = Padding(top, left, bottom, right)
    return SpatialWindow(pair(kernel, 1), pair(strides, 1), pair(dilations, 1), padding, output, letters)


def _positive(node: Node, name: str, count: int) -> tuple[int, ...]:
    values = node.integers(name, (1,) * count)
    if values is None or len(values) != count or any(not 1 <= v <= MAX_WINDOW * MAX_WINDOW for v in values):
        raise node.unsupported(f"{name} {list(values or ())[:9]} must be {count} numbers of 1 or more")
    return values


def _pads(node: Node, sizes: tuple[int, ...], extents: list[int], strides: tuple[int, ...]) -> tuple[int, ...]:
    """All starts, then all ends."""
    count = len(sizes)
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        halves = [same_padding(*axis) for axis in zip(sizes, extents, strides, strict=True)]
        small, large = tuple(half[0] for half in halves), tuple(half[1] for half in halves)
        return small + large if mode == "SAME_UPPER" else large + small
    if mode not in ("NOTSET", "VALID", ""):
        raise node.unsupported(f"auto_pad {mode[:40]} is unknown")
    pads = node.integers("pads", (0,) * (2 * count))
    if mode == "VALID":
        return (0,) * (2 * count)
    if pads is None or len(pads) != 2 * count or any(not 0 <= p <= 4096 for p in pads):
        raise node.unsupported(f"pads {list(pads or ())[:9]} must be {2 * count} numbers from 0 to 4096")
    return pads


def _ceil(
    sizes: tuple[int, ...],
    first: tuple[int, ...],
    last: tuple[int, ...],
    extents: list[int],
    strides: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Output sizes rounded up, windows that would start in the padding at the end left out; the pads that needs."""
    outputs, ends = [], []
    for size, before, after, extent, stride in zip(sizes, first, last, extents, strides, strict=True):
        output = -(-(size + before + after - extent) // stride) + 1
        if (output - 1) * stride >= size + before:
            output -= 1
        outputs.append(output)
        ends.append(max(after, (output - 1) * stride + extent - size - before))
    return tuple(outputs), tuple(ends)
