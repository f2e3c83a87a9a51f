"""Folding constant channels changes no byte of what is left, and leaves out what it should."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msf_riot import zoo
from msf_riot.importer import import_model
from msf_riot.ir import (
    Add,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Graph,
    Lookup,
    Mul,
    Operator,
    Padding,
    Quantization,
    Tensor,
    macs,
    parameter_bytes,
)
from msf_riot.passes import fold_constant_channels
from msf_riot.passes.bounds import channel_bounds
from msf_riot.passes.constant_channels import kept_channels
from msf_riot.planner import layer_by_layer
from msf_riot.reference import execute, execute_all
from msf_riot.scheduler import schedule
from tests.execution.harness import run_on_host
from tests.execution.random_networks import networks

MODELS = Path(__file__).parents[3] / "shared" / "models"
SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
WAYS = ("small", "silent", "negative", "positive", "unread")


def inputs_of(graph: Graph, count: int) -> np.ndarray:
    """Noise, then flat images at both ends, checkerboards and half-and-half: what drives channels to their extremes."""
    shape = graph.input_shape
    random = np.random.default_rng(11)
    noise = random.integers(-128, 128, (count, *shape)).astype(np.int8)
    checker = np.where(np.indices(shape).sum(axis=0) % 2, 127, -128).astype(np.int8)
    extreme = np.where(random.random(shape) < 0.5, 127, -128).astype(np.int8)
    flat = [np.full(shape, value, np.int8) for value in (-128, 127)]
    return np.stack([*noise, *flat, checker, ~checker, extreme])


def check_folding(graph: Graph, count: int = 3) -> Graph:
    """Each channel left of each tensor is what it was, for every input tried; all values within their bounds."""
    folded, report = fold_constant_channels(graph)
    bounds = channel_bounds(graph)
    kept = kept_channels(graph, bounds)
    for image in inputs_of(graph, count):
        before, after = execute_all(graph, image), execute_all(folded, image)
        for name, values in before.items():
            assert (values >= bounds[name].low).all()
            assert (values <= bounds[name].high).all()
            np.testing.assert_array_equal(after[name], values[..., kept[name]])
    assert folded.tensor(folded.output) == graph.tensor(graph.output)
    assert folded.tensor(folded.input) == graph.tensor(graph.input)
    assert (report.macs_before, report.macs_after) == (macs(graph), macs(folded))
    assert (report.weight_bytes_before, report.weight_bytes_after) == (parameter_bytes(graph), parameter_bytes(folded))
    return folded


def with_dead_channels(graph: Graph, random: np.random.Generator, share: float) -> Graph:
    """Some channels of each convolution and dense layer made constant, or left unread, in the ways training does it."""

    def deadened(operator: Operator) -> Operator:
        if not isinstance(operator, Conv2D | DepthwiseConv2D | Dense):
            return operator
        fields = {name: getattr(operator, name).copy() for name in ("weights", "bias", "multiplier", "shift")}
        weights = fields["weights"]
        by_channel = np.moveaxis(weights, -1, 0) if isinstance(operator, DepthwiseConv2D) else weights
        for channel in np.flatnonzero(random.random(len(fields["bias"])) < share):
            way = random.choice(WAYS)
            if way == "small":
                fields["shift"][channel] = random.choice([62, 63, 64, 70, 200])
                fields["bias"][channel] = random.integers(-(1 << 30), 1 << 30)
            elif way == "silent":
                by_channel[channel] = 0
            elif way in ("negative", "positive"):
                fields["bias"][channel] = (1 << 30) * (1 if way == "positive" else -1)
            elif not isinstance(operator, DepthwiseConv2D):
                weights[..., random.integers(weights.shape[-1])] = 0
        zero = graph.tensor(operator.output).quantization.zero_point
        low = zero if random.random() < 0.5 and zero < operator.high else operator.low
        return dataclasses.replace(operator, low=low, **fields)

    return dataclasses.replace(graph, operators=tuple(deadened(operator) for operator in graph.operators))


def check_random_network(data: st.DataObject) -> None:
    graph = data.draw(networks())
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    graph = with_dead_channels(graph, random, data.draw(st.sampled_from([0.1, 0.4, 0.8])))
    folded = check_folding(graph)
    if not any(isinstance(operator, Conv2D) and operator.groups > 1 for operator in graph.operators):
        again, _ = fold_constant_channels(folded)  # the last group left is an ordinary layer, and may lose more
        assert again.tensors == folded.tensors, "something was left to fold"


@settings(max_examples=150, **SLOW)
@given(st.data())
def test_random_networks_with_dead_channels_compute_what_they_did(data: st.DataObject) -> None:
    check_random_network(data)


@pytest.mark.long
@settings(max_examples=5000, **SLOW)
@given(st.data())
def test_thousands_of_random_networks_with_dead_channels_compute_what_they_did(data: st.DataObject) -> None:
    check_random_network(data)


@settings(max_examples=6, **SLOW)
@given(st.data())
def test_generated_code_of_a_folded_network_equals_the_reference_of_the_original(data: st.DataObject) -> None:
    graph = with_dead_channels(data.draw(networks()), np.random.default_rng(5), 0.4)
    folded, _ = fold_constant_channels(graph)
    inputs = inputs_of(graph, 2)
    expected = np.stack([execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(run_on_host(schedule(folded, layer_by_layer(folded)), inputs), expected)


TRAINED = {  # constant channels, channels left, MACs left, weight bytes left
    "mlperf_vww_mobilenetv1_96_int8": (1668, 1042, 3_766_476, 30_340),
    "mcunet_vww_80_int8": (344, 5786, 11_132_068, 395_908),
    "mlperf_kws_dscnn_int8": (0, 588, 2_656_768, 22_016),
    "mlperf_ic_resnet8_int8": (0, 346, 12_501_632, 77_360),
    "mlperf_ad_autoencoder_int8": (0, 1672, 264_192, 264_192),
}


@pytest.mark.parametrize("name", TRAINED)
def test_trained_models_lose_their_dead_channels_and_no_byte_of_output(name: str) -> None:
    path = MODELS / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"no {path}")
    graph = import_model(path)
    folded = check_folding(graph)
    _, report = fold_constant_channels(graph)
    assert (report.constant, report.channels_after, report.macs_after, report.weight_bytes_after) == TRAINED[name]
    if report.constant == 0:
        assert folded is graph


def test_a_large_network_folds_in_seconds() -> None:
    graph = import_model(zoo.resolve("zoo:mcunet-in4"))
    start = time.process_time()
    fold_constant_channels(graph)
    assert time.process_time() - start < 3.0


# Small networks whose folding can be told in advance. Channel 1 of tensor `a` is the constant.

ZERO = 10


def weighted(kind: type, x: str, y: str, weights: np.ndarray, bias: list[int], **fields: object) -> Operator:
    """A layer that scales its accumulator by 2^-8."""
    count = len(bias)
    return kind(
        name=f"{x}-{y}",
        inputs=(x,),
        output=y,
        weights=weights.astype(np.int8),
        bias=np.array(bias, np.int32),
        multiplier=np.full(count, 1 << 30, np.int32),
        shift=np.full(count, 38, np.int32),
        **fields,
    )


def pointwise(x: str, y: str, inputs: int, bias: list[int], seed: int = 1) -> Operator:
    weights = np.random.default_rng(seed).integers(1, 60, (len(bias), 1, 1, inputs))
    return weighted(Conv2D, x, y, weights, bias)


def network(*operators: Operator, constant: int, size: int = 6, **channels: int) -> Graph:
    """Input `x` [size, size, 2], then `a` with three channels, its channel 1 always `constant`, then the operators."""
    first = pointwise("x", "a", 2, [0, (constant - ZERO) << 8, 0])
    first.weights[1] = 0
    sizes = {"x": 2, "a": 3, **channels}
    tensors = {name: Tensor(name, size, size, count, Quantization(0.1, ZERO)) for name, count in sizes.items()}
    for operator in operators:
        if isinstance(operator, Dense):
            tensors[operator.output] = dataclasses.replace(tensors[operator.output], height=1, width=1)
    return Graph("small", tensors, (first, *operators), ("x",), (operators[-1].output,))


def depthwise_then_pointwise(constant: int) -> Graph:
    weights = np.random.default_rng(3).integers(20, 60, (3, 3, 3))
    depthwise = weighted(DepthwiseConv2D, "a", "b", weights, [0, 0, 0], padding=Padding(1, 1, 1, 1))
    return network(depthwise, pointwise("b", "y", 3, [0, 0]), constant=constant, b=3, y=2)


def test_a_pointwise_reader_takes_a_constant_into_its_bias() -> None:
    graph = network(pointwise("a", "y", 3, [7, 9]), constant=50, y=2)
    folded = check_folding(graph)
    assert folded.tensor("a").channels == 2
    last, was = folded.operators[-1], graph.operators[-1]
    assert isinstance(last, Conv2D)
    assert isinstance(was, Conv2D)
    np.testing.assert_array_equal(last.bias, was.bias + was.weights[:, 0, 0, 1].astype(int) * (50 - ZERO))


def test_a_dense_reader_takes_a_constant_of_every_pixel_into_its_bias() -> None:
    weights = np.random.default_rng(2).integers(-60, 60, (4, 6 * 6 * 3))
    folded = check_folding(network(weighted(Dense, "a", "y", weights, [0] * 4), constant=50, y=4))
    assert folded.tensor("a").channels == 2
    assert parameter_bytes(folded) == 2 * 2 + 4 * 6 * 6 * 2


@pytest.mark.parametrize(("constant", "left"), [(ZERO, 2), (50, 3)])
def test_behind_padding_only_the_zero_point_is_constant(constant: int, left: int) -> None:
    folded = check_folding(depthwise_then_pointwise(constant))
    assert folded.tensor("a").channels == folded.tensor("b").channels == left


@pytest.mark.parametrize(("constant", "left"), [(ZERO, 2), (50, 3)])
def test_a_padded_window_takes_only_the_zero_point_into_its_bias(constant: int, left: int) -> None:
    weights = np.random.default_rng(4).integers(1, 60, (2, 3, 3, 3))
    reader = weighted(Conv2D, "a", "y", weights, [0, 0], padding=Padding(1, 1, 1, 1))
    assert check_folding(network(reader, constant=constant, y=2)).tensor("a").channels == left


def test_a_padded_window_takes_a_constant_where_only_its_middle_tap_has_weight() -> None:
    weights = np.random.default_rng(4).integers(1, 60, (2, 3, 3, 3))
    weights[..., 1] = 0
    weights[:, 1, 1, 1] = 33
    reader = weighted(Conv2D, "a", "y", weights, [0, 0], padding=Padding(1, 1, 1, 1))
    assert check_folding(network(reader, constant=50, y=2)).tensor("a").channels == 2


def test_taps_that_never_leave_the_padding_count_for_nothing() -> None:
    weights = np.random.default_rng(4).integers(1, 60, (2, 3, 3, 3))
    weights[:, 1, 1, 0] = 0  # so that channel 0 is read by taps on padding alone
    reader = weighted(Conv2D, "a", "y", weights, [0, 0], padding=Padding(1, 1, 1, 1))
    folded = check_folding(network(reader, constant=50, size=1, y=2))
    assert folded.tensor("a").channels == 1
    np.testing.assert_array_equal(folded.operators[-1].bias, weights[:, 1, 1, 1] * (50 - ZERO))  # type: ignore[attr-defined]


def test_a_residual_add_keeps_a_constant_channel_with_harmless_parameters() -> None:
    add = Add(name="add", inputs=("a", "b"), output="y", multipliers=(1 << 20, 1 << 20), shift=21)
    graph = network(pointwise("a", "b", 3, [0, 0, 0]), add, constant=50, b=3, y=3)
    first = graph.operators[0]
    assert isinstance(first, Conv2D)
    first.weights[1], first.bias[1], first.shift[1] = 100, 1 << 30, 67
    first = dataclasses.replace(first, low=50)
    folded = check_folding(dataclasses.replace(graph, operators=(first, *graph.operators[1:])))
    kept = folded.operators[0]
    assert isinstance(kept, Conv2D)
    assert folded.tensor("a").channels == 3
    assert not kept.weights[1].any()
    assert kept.shift[1] <= 46
    assert abs(int(kept.bias[1])) < 1 << 16


def test_a_channel_that_only_constants_read_is_dropped_though_it_changes() -> None:
    weights = np.random.default_rng(3).integers(20, 60, (1, 1, 3))
    weights[..., 0] = 0
    depthwise = weighted(DepthwiseConv2D, "a", "b", weights, [99 << 8, 0, 0])
    folded = check_folding(network(depthwise, pointwise("b", "y", 3, [0, 0]), constant=50, b=3, y=2))
    assert folded.tensor("a").channels == folded.tensor("b").channels == 1


def test_a_channel_without_weights_in_any_reader_is_dropped_though_it_changes() -> None:
    reader = pointwise("a", "y", 3, [0, 0])
    assert isinstance(reader, Conv2D)
    reader.weights[..., 2] = 0
    assert check_folding(network(reader, constant=50, y=2)).tensor("a").channels == 1


def test_elementwise_operators_and_a_gate_carry_a_dropped_channel_through() -> None:
    table = Lookup(name="table", inputs=("a",), output="b", table=np.arange(127, -129, -1).astype(np.int8))
    gate = Mul(name="gate", inputs=("a", "b"), output="c", multiplier=1 << 30, shift=36)
    folded = check_folding(network(table, gate, pointwise("c", "y", 3, [0, 0]), constant=ZERO, b=3, c=3, y=2))
    assert [folded.tensor(name).channels for name in "abc"] == [2, 2, 2]


def test_groups_are_dropped_whole_or_not_at_all() -> None:
    weights = np.random.default_rng(6).integers(1, 60, (6, 1, 1, 1))
    weights[2] = 0  # half of the middle group, whose input is constant; and one output of the last group
    weights[4] = 0
    grouped = weighted(Conv2D, "a", "b", weights, [0] * 6, groups=3)
    folded = check_folding(network(grouped, pointwise("b", "y", 6, [0, 0]), constant=50, b=6, y=2))
    left = folded.operators[1]
    assert isinstance(left, Conv2D)
    assert (left.groups, folded.tensor("a").channels, folded.tensor("b").channels) == (2, 2, 4)


def test_a_group_stays_where_another_reader_needs_its_inputs() -> None:
    grouped = weighted(Conv2D, "a", "b", np.full((3, 1, 1, 1), 50), [0] * 3, groups=3)
    blind = pointwise("b", "c", 3, [0, 0])
    assert isinstance(blind, Conv2D)
    blind.weights[..., 0] = 0
    add = Add(name="add", inputs=("c", "d"), output="y", multipliers=(1 << 20, 1 << 20), shift=21)
    folded = check_folding(
        network(grouped, blind, pointwise("a", "d", 3, [0, 0]), add, constant=50, b=3, c=2, d=2, y=2)
    )
    assert (folded.tensor("a").channels, folded.tensor("b").channels) == (2, 2)


def test_the_output_keeps_its_constant_channels() -> None:
    last = pointwise("a", "y", 3, [0, 0])
    assert isinstance(last, Conv2D)
    last.weights[1] = 0
    assert check_folding(network(last, constant=50, y=2)).tensor("y").channels == 2


def test_a_network_that_never_changes_keeps_one_channel_of_each_tensor() -> None:
    last = pointwise("a", "y", 3, [0, 0])
    assert isinstance(last, Conv2D)
    last.weights[:] = 0
    folded = check_folding(network(last, constant=50, y=2))
    assert (folded.tensor("a").channels, folded.tensor("y").channels) == (1, 2)


def test_a_network_without_constant_channels_is_returned_as_it_is() -> None:
    graph = network(pointwise("a", "y", 3, [0, 0]), constant=50, y=2)
    graph.operators[0].weights[1] = 5  # type: ignore[attr-defined]
    folded, report = fold_constant_channels(graph)
    assert folded is graph
    assert report.constant == 0


def test_tensors_that_lost_channels_are_no_longer_those_of_the_file() -> None:
    path = MODELS / "mlperf_vww_mobilenetv1_96_int8.onnx"
    if not path.exists():
        pytest.skip(f"no {path}")
    graph = import_model(path)
    folded, _ = fold_constant_channels(graph)
    for name, tensor in folded.tensors.items():
        same = tensor.channels == graph.tensor(name).channels
        assert tensor == graph.tensor(name) if same else tensor.origin is None
