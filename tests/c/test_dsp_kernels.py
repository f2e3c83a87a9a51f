"""The kernels for the DSP extension on simulated cores, and the proof that their requantization is exact."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dsp_cases import build, edge_cases, twice_cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.dsp_program import run
from msf_riot.ir import Conv2D, DepthwiseConv2D, rounds_twice
from msf_riot.kernels.dsp import layout, requantization
from msf_riot.kernels.dsp.constants import constants


@pytest.mark.cross
@pytest.mark.parametrize(
    ("board", "optimize"),
    [
        ("sim-m4", "speed"),
        pytest.param("sim-m7", "speed", marks=pytest.mark.long),
        pytest.param("sim-m4", "size", marks=pytest.mark.long),
    ],
)
def test_dsp_kernels_equal_the_reference_and_stay_within_their_scratch(board, optimize, tmp_path):
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    cases = [*edge_cases(), *twice_cases()]
    results = run(cases, board, tmp_path, optimize)
    wrong = [
        (case.name, case.x.shape, result)
        for case, result in zip(cases, results, strict=True)
        if result.dsp_wrong or result.dsp_guards or result.s8_wrong
    ]
    assert not wrong


def test_cases_have_every_depthwise_kernel_with_a_common_shift_and_with_one_a_channel():
    found = set()
    for case in edge_cases():
        if isinstance(case.operator, DepthwiseConv2D):
            pixels = min(case.planned or case.step, case.graph.tensor("y").width)
            fields = dict(constants(case.graph, case.operator, "op", "", pixels=pixels).fields)
            found.add((fields.get("body", "rows"), fields.get("uniform")))
    kernels = {f"msf_depthwise{size}s{stride}_dsp" for size in (3, 5, 7) for stride in (1, 2)}
    assert found == {("rows", None), *((kernel, uniform) for kernel in kernels for uniform in ("0", "1"))}


def test_cases_have_convolutions_by_columns_with_a_common_shift_and_with_one_a_channel():
    found = set()
    for case in edge_cases():
        if isinstance(case.operator, Conv2D):
            fields = dict(constants(case.graph, case.operator, "op", "").fields)
            found.add((fields["tiles"], fields["shifts"] != "-1"))
    tiles = [f"&msf_tiles_columns{size}s{stride}" for size in (3, 5) for stride in (1, 2)]
    assert {(f"{name}_dsp", uniform) for name in tiles for uniform in (False, True)} <= found
    assert {(f"{name}_wide_dsp", False) for name in tiles} <= found


def test_cases_have_every_kernel_that_rounds_twice():
    found = set()
    for case in twice_cases():
        pixels = min(case.step, case.graph.tensor("y").width)
        fields = dict(constants(case.graph, case.operator, "op", "", case.tile, pixels=pixels).fields)
        if isinstance(case.operator, DepthwiseConv2D):
            found.add((fields["body"], fields["uniform"]))
        else:
            found.add((fields["tiles"], fields["shifts"] == "MSF_SHIFTS_TWICE"))
    for size in (3, 5, 7):
        for stride in (1, 2):
            assert {(f"msf_depthwise{size}s{stride}_twice_dsp", uniform) for uniform in ("0", "1")} <= found
            if size < 7:
                assert (f"&msf_tiles_columns{size}s{stride}_dsp", False) in found
                assert (f"&msf_tiles_columns{size}s{stride}_twice_dsp", True) in found
    assert {("&msf_tiles_dsp", False), ("&msf_tiles_twice_dsp", True)} <= found


def defined(operator, channel, sums, zero):
    """The definition of ir.py for sums without the input's zero point."""
    multiplier, shift = int(operator.multiplier[channel]), int(operator.shift[channel])
    nudge = 1 << 30 if rounds_twice(operator) and shift > 31 else 0
    return [zero + ((a * multiplier + (1 << (shift - 1)) + (nudge if a >= 0 else -nudge)) >> shift) for a in sums]


def executed(form, channel, sums, zero, offset=0):
    """What the instructions do: the high word of a product, zero point and a half beside it, a shift, saturation."""
    multiplier, shift = int(form.multiplier[channel]), int(form.shift[channel])
    start = (2 * zero + 1) << (shift - 1)
    accumulators = [form.scale * a + offset for a in sums]
    sign = 64 if form.twice else 0
    return [((a * multiplier >> 32) + start + (sign if a >= 0 else -sign)) >> shift for a in accumulators]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["conv", "dense", "depthwise"]), st.data())
def test_chosen_requantization_gives_the_defined_output_for_every_reachable_sum(seed, kind, data):
    rng = np.random.default_rng(seed)
    channels = 4 * data.draw(st.integers(1, 8))
    spread_shifts = data.draw(st.sampled_from([1, 3, 12, 30]))
    low, high = sorted(data.draw(st.tuples(st.integers(-128, 127), st.integers(-128, 127))))
    clamp = data.draw(st.sampled_from([{}, {"low": low, "high": high}]))
    if kind != "dense" and data.draw(st.booleans()):
        clamp = {**clamp, "rounding": "twice"}
    kernel = (3, 3) if kind == "depthwise" else (1, 1)
    graph, operator, _ = build(
        kind, rng, (1, 1, channels), outputs=4, kernel=kernel, spread_shifts=spread_shifts, **clamp
    )
    form = requantization.requantization(graph, operator)
    if rounds_twice(operator):
        assume(form is not None)  # what cannot be proved is left to the portable kernels
    assert form is not None
    zero = graph.tensor("y").quantization.zero_point
    taps = layout.tap_matrix(operator)
    bias = operator.bias.astype(np.int64) - graph.tensor("x").quantization.zero_point * taps.sum(axis=1)
    thresholds = requantization.thresholds(operator, zero)
    for channel in range(len(taps)):
        least = int(bias[channel] + np.minimum(-128 * taps[channel], 127 * taps[channel]).sum())
        most = int(bias[channel] + np.maximum(-128 * taps[channel], 127 * taps[channel]).sum())
        beside = {int(t) + d for t in thresholds[channel] for d in (-1, 0, 1)}
        sums = sorted({least, most} | {a for a in beside if least <= a <= most})
        expected = np.clip(defined(operator, channel, sums, zero), operator.low, operator.high)
        if form.constant[channel]:
            got = executed(form, channel, [1 << 30] if form.scale == 1 else [1 << 22], zero) * len(sums)
        else:
            folded = bias[channel] * form.scale
            if form.scale == 256 and kind != "depthwise":
                folded -= 127 * taps[channel, 1::2].sum()
            got = executed(form, channel, sums, zero, int(form.bias[channel] - folded))
        assert np.array_equal(np.clip(np.clip(got, -128, 127), operator.low, operator.high), expected)
        largest = requantization.LARGEST_SHIFT_TWICE if form.twice else requantization.LARGEST_SHIFT
        assert 1 <= form.shift[channel] <= largest


def test_one_shift_for_a_layer_is_chosen_where_it_is_exact():
    rng = np.random.default_rng(7)
    graph, operator, _ = build("conv", rng, (1, 8, 16), outputs=8)
    fields = dict(constants(graph, operator, "c", "m_").fields)
    assert fields["requantize"].removeprefix("msf_requantize_dsp_").isdigit() and int(fields["shifts"]) >= 0
