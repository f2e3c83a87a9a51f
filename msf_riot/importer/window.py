"""Where a window of taps lies on the height and width of a tensor, and how many of them an axis holds."""

from __future__ import annotations

from dataclasses import dataclass

from msf_riot.importer.place import Place
from msf_riot.ir import Padding, Pair

MAX_WINDOW = 255


@dataclass(frozen=True)
class Window:
    """A window's size and steps, the padding around its input, and the height and width of what it gives."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding
    output: Pair

    def check(self, place: Place) -> None:
        """Raises UnsupportedModelError for what the kernels cannot count."""
        for what, pair in (("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)):
            if max(pair) > MAX_WINDOW:
                raise place.unsupported(f"its {what} is {max(pair)}; at most {MAX_WINDOW} is supported")

    @property
    def may_miss_input(self) -> bool:
        """Whether the padding is as wide as the kernel, so that a window may hold nothing else."""
        padding = self.padding
        return max(padding.top, padding.bottom) >= self.kernel[0] or max(padding.left, padding.right) >= self.kernel[1]


def same_padding(size: int, extent: int, stride: int) -> tuple[int, int]:
    """(smaller half, larger half) of what padding "same" adds to an axis; `extent` is the dilated kernel's.

    The output then has ceil(size / stride) elements.
    """
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    return total // 2, total - total // 2


def output_size(place: Place, padded: int, extent: int, stride: int) -> int:
    """How many windows an axis of `padded` elements holds. Raises UnsupportedModelError where it holds none."""
    if padded < extent:
        raise place.unsupported(f"its window of {extent} is larger than its padded input of {padded}")
    return (padded - extent) // stride + 1
