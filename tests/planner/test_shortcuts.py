"""Shortcuts with an operator of their own: their row is made where the sum will be, in the sum's line buffer."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msf_riot.ir import Add, Conv2D, Graph, Lookup, Mul, Padding
from msf_riot.planner import Stage, make_plan
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from msf_riot.stage import Network, skeleton
from tests.execution.harness import run_on_host
from tests.execution.random_networks import Builder

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def convolution(builder: Builder, x: str, kernel: int, stride: int, channels: int, before: int) -> str:
    """A convolution whose output has ceil(size / stride) rows and columns."""
    source = builder.tensors[x]
    size = [-(-n // stride) for n in source.shape[:2]]
    after = [max(0, (n - 1) * stride + kernel - m - before) for n, m in zip(size, source.shape[:2], strict=True)]
    fields = builder.weighted((channels, kernel, kernel, source.channels), channels, kernel**2 * source.channels)
    pad = Padding(before, before, *after)
    y = builder.tensor(*size, channels)
    return builder.add(Conv2D, (x,), y, stride=(stride, stride), padding=pad, **fields)


@st.composite
def shortcut_networks(draw: st.DrawFn) -> Graph:
    """Blocks of a residual network: the shortcut is a strided convolution, before or after the other branch."""
    size = draw(st.integers(4, 12)), draw(st.integers(4, 12)), draw(st.integers(1, 4))
    builder = Builder(draw(st.integers(0, 2**32 - 1)), *size)
    x = convolution(builder, builder.input, 3, 1, draw(st.integers(1, 4)), 1)
    for _ in range(draw(st.integers(1, 2))):
        stride, channels = draw(st.integers(1, 2)), draw(st.integers(1, 5))
        sharp = draw(st.sampled_from([1, 3]))
        first = draw(st.booleans())
        if first:
            shortcut = convolution(builder, x, sharp, stride, channels, sharp // 2)
        y = convolution(builder, x, 3, stride, channels, draw(st.integers(0, 1)))
        y = convolution(builder, y, draw(st.sampled_from([1, 3, 5])), 1, channels, 0)
        if not first:
            shortcut = convolution(builder, x, sharp, stride, channels, sharp // 2)
        inputs = (shortcut, y) if draw(st.booleans()) else (y, shortcut)
        out = builder.tensor(*builder.tensors[y].shape)
        if draw(st.booleans()):
            x = builder.add(Mul, inputs, out, multiplier=1 << 30, shift=36)
        else:
            x = builder.add(Add, inputs, out, multipliers=((1 << 20) + 12345, 777777), shift=21)
        if draw(st.booleans()):
            table = builder.random.integers(-128, 128, 256).astype(np.int8)
            x = builder.add(Lookup, (x,), builder.tensor(*builder.tensors[x].shape), table=table)
    convolution(builder, x, 3, 1, 2, 1)
    return builder.graph()


@settings(max_examples=15, **SLOW)
@given(st.data())
def test_rows_made_in_their_hosts_equal_the_reference(data: st.DataObject) -> None:
    graph = data.draw(shortcut_networks())
    network = Network(graph)
    count = len(graph.operators)
    shape = skeleton(network, 0, count, "windows")
    assert shape is not None and shape.hosts
    width = data.draw(st.integers(1, graph.tensor(graph.output).width))
    plan = make_plan(network, (Stage(0, count, width, data.draw(st.integers(1, 5))),), "windows")
    inputs = np.random.default_rng(3).integers(-128, 128, (2, *graph.input_shape)).astype(np.int8)
    expected = np.stack([execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(run_on_host(schedule(graph, plan), inputs), expected)


def test_a_strided_shortcut_keeps_no_more_rows_of_its_source_than_the_other_branch() -> None:
    for shortcut_first in (True, False):
        builder = Builder(1, 16, 16, 4)
        x = convolution(builder, builder.input, 3, 1, 4, 1)
        shortcut = convolution(builder, x, 1, 2, 8, 0) if shortcut_first else ""
        y = convolution(builder, convolution(builder, x, 3, 2, 8, 0), 3, 1, 8, 1)
        shortcut = shortcut or convolution(builder, x, 1, 2, 8, 0)
        total = builder.tensor(*builder.tensors[y].shape)
        builder.add(Add, (shortcut, y), total, multipliers=((1 << 20) + 12345, 777777), shift=21)
        convolution(builder, total, 3, 1, 2, 1)
        graph = builder.graph()
        shape = skeleton(Network(graph), 0, len(graph.operators), "rows")
        assert shape is not None
        assert shape.line_rows[x] == 3
        assert shape.hosts == {shortcut: total}
