"""A front for a format of one's own, written with what lies beside the formats: nothing in it is of ONNX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from msf_riot import ir
from msf_riot.errors import UnsupportedModelError
from msf_riot.importer.draft import Draft, Quantized, Target, add_input
from msf_riot.importer.linear import Linear, dense_order, integer_weights, real_bias
from msf_riot.importer.pooling import average_pool, max_pool
from msf_riot.importer.softmax import Exponentials
from msf_riot.importer.tidy import tidy
from msf_riot.importer.values import Codes, Constant, Leaf, Real
from msf_riot.importer.view import make_view
from msf_riot.importer.window import Window, output_size, same_padding
from msf_riot.ir import Padding, Quantization
from msf_riot.reference import execute

RANDOM = np.random.default_rng(3)
SCALE = 0.05


@dataclass(frozen=True)
class Row:
    """An operator of this format: a row of a list."""

    name: str
    operator: str
    result: str

    def unsupported(self, reason: str) -> UnsupportedModelError:
        return UnsupportedModelError(f"row {self.name}", self.operator, reason)


class Front:
    """Height, width, channels; each operator's result is quantized."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        self.draft = Draft()
        view = make_view(self.row("INPUT"), [[], [("H", height)], [("W", width)], [("C", channels)]])
        add_input(self.draft, "input", view, "int8", Quantization(SCALE, 3))
        self.last = Quantized("input", view, "int8", Quantization(SCALE, 3))

    def row(self, operator: str) -> Row:
        number = len(self.draft.operators)
        return Row(str(number), operator, f"tensor {number}")

    def leaf(self) -> Leaf:
        return Leaf(self.row("LEAF"), self.last.view, self.last)

    def put(self, real: Real, quantization: Quantization = Quantization(SCALE, 0)) -> None:  # noqa: B008 - frozen
        self.last = real.quantize(Target(self.draft, real.place.result, quantization))

    def weights(self, *shape: int) -> Constant:
        integers = RANDOM.integers(-127, 128, shape).astype(np.int8)
        scale = np.full(shape, 0.01)
        return Constant(integers * scale, Codes(integers, scale, np.zeros(shape, np.int64)))

    def convolution(self, weights: Constant, stride: int) -> None:
        row, leaf = self.row("CONV"), self.leaf()
        integers, scales = integer_weights(row, weights, 0)
        height, width, _ = leaf.view.hwc
        kernel = integers.shape[1], integers.shape[2]
        (top, bottom), (left, right) = (
            same_padding(size, k, stride) for size, k in zip((height, width), kernel, strict=True)
        )
        output = (
            output_size(row, height + top + bottom, kernel[0], stride),
            output_size(row, width + left + right, kernel[1], stride),
        )
        window = Window(kernel, (stride, stride), (1, 1), Padding(top, left, bottom, right), output)
        window.check(row)
        view = make_view(row, [[], [("H", output[0])], [("W", output[1])], [("C", integers.shape[0])]])
        bias = real_bias(row, None, scales)
        self.put(Linear(row, view, leaf, integers, scales, bias, window))

    def pool(self, operator: str, size: int) -> None:
        row, leaf = self.row(operator), self.leaf()
        height, width, channels = leaf.view.hwc
        output = height // size, width // size
        window = Window((size, size), (size, size), (1, 1), Padding(), output)
        view = make_view(row, [[], [("H", output[0])], [("W", output[1])], [("C", channels)]])
        if operator == "MAX":
            self.put(max_pool(row, leaf, window, view, self.draft))
        else:
            self.put(average_pool(row, leaf, window, view))

    def dense(self, weights: Constant) -> None:
        row, leaf = self.row("DENSE"), self.leaf()
        flat = Leaf(row, make_view(row, [[], [(c, s) for c, s in zip("HWC", leaf.view.hwc, strict=True)]]), leaf.source)
        integers, scales = integer_weights(row, weights, 0)
        view = make_view(row, [[], [("C", integers.shape[0])]])
        stored = dense_order(row, flat, integers, 1)
        self.put(Linear(row, view, flat, stored, scales, real_bias(row, None, scales)))

    def softmax(self) -> None:
        leaf = self.leaf()
        self.put(Exponentials(self.row("SOFTMAX"), leaf.view, leaf), Quantization(1 / 256, -128))

    def graph(self) -> ir.Graph:
        draft = self.draft
        return tidy(ir.Graph("own", draft.tensors, tuple(draft.operators), ("input",), (self.last.tensor,)))


def test_a_front_of_another_format_needs_nothing_of_onnx() -> None:
    front = Front(8, 9, 3)
    convolution, classes = front.weights(4, 3, 3, 3), front.weights(5, 2 * 2 * 4)
    front.convolution(convolution, 1)
    front.pool("MAX", 2)
    front.pool("AVERAGE", 2)
    front.dense(classes)
    front.softmax()
    graph = front.graph()
    kinds = [type(operator) for operator in graph.operators]
    assert kinds == [ir.Conv2D, ir.MaxPool2D, ir.AveragePool2D, ir.Dense, ir.Softmax]
    answer = execute(graph, RANDOM.integers(-128, 128, (8, 9, 3)).astype(np.int8))
    assert answer.shape == (1, 1, 5)
    assert abs(int((answer.astype(np.int32) + 128).sum()) - 256) <= 5


def test_a_convolution_of_another_format_is_what_it_says() -> None:
    front = Front(5, 6, 3)
    weights = front.weights(4, 3, 3, 3)
    front.convolution(weights, 1)
    given = RANDOM.integers(-128, 128, (5, 6, 3)).astype(np.int8)
    padded = np.pad((given.astype(np.float64) - 3) * SCALE, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (0, 1))  # [H, W, C, kh, kw]
    wanted = np.einsum("hwcij,oijc->hwo", windows, weights.array) / SCALE
    found = execute(front.graph(), given)
    assert np.abs(found - np.clip(np.rint(wanted), -128, 127)).max() <= 1
    assert found.std() > 0


def test_what_is_refused_names_the_place_as_the_format_does() -> None:
    front = Front(400, 6, 3)
    with pytest.raises(UnsupportedModelError, match=r"^node 'row 0' \(CONV\): its kernel is 300; at most 255 is"):
        front.convolution(front.weights(1, 300, 1, 3), 1)
