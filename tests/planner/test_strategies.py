"""Strategies of others: on the same footing as layer by layer, and never better than the exact planner."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from msf_riot.ir import macs
from msf_riot.planner import candidates, least_ram, mcunetv2, msf_cnn, paper_graph, strategies, streamnet
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from tests.execution.harness import run_on_host
from tests.execution.random_networks import networks

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=40, **SLOW)
@given(networks(most_layers=6))
def test_no_strategy_needs_more_than_layer_by_layer(graph) -> None:
    plain, *others = strategies(graph)
    assert plain.overhead == (1 if macs(graph) else 0)
    for each in others:
        assert each.peak_ram <= plain.peak_ram
    for each in (plain, streamnet(graph)):
        assert each.plan is not None
        assert (each.plan.peak_ram, each.plan.macs) == (each.peak_ram, each.macs)


@settings(max_examples=5, **SLOW)
@given(networks(most_layers=6))
def test_plans_of_strategies_compute_what_the_reference_computes(graph) -> None:
    inputs = np.random.default_rng(5).integers(-128, 128, (1, *graph.input_shape)).astype(np.int8)
    expected = np.stack([execute(graph, each) for each in inputs])
    for plan in {each.plan for each in strategies(graph)} - {None}:
        np.testing.assert_array_equal(run_on_host(schedule(graph, plan), inputs), expected)


@pytest.mark.parametrize("name", ["paper:mbv2-w0.35-r144", "paper:mcunetv2-vww-5fps-r80"])
def test_the_planner_beats_every_strategy(name: str) -> None:
    graph = paper_graph(name)
    found = candidates(graph)
    for each in strategies(graph):
        best = least_ram(found, each.overhead)
        assert best.peak_ram <= each.peak_ram
        assert best.macs <= each.macs


def test_streamnet_computes_nothing_twice_and_patches_do() -> None:
    graph = paper_graph("paper:mcunetv2-vww-5fps-r80")
    assert streamnet(graph).overhead == 1
    assert mcunetv2(graph).overhead > 1.1


def test_fusion_blocks_keep_to_the_overhead_and_take_more_ram_the_less_it_is() -> None:
    graph = paper_graph("paper:mcunetv2-vww-5fps-r80")
    limits = (1.0, 1.1, 1.3, 2.0, float("inf"))
    found = [msf_cnn(graph, limit) for limit in limits]
    assert all(each.overhead <= limit for each, limit in zip(found, limits, strict=True))
    assert [each.peak_ram for each in found] == sorted((each.peak_ram for each in found), reverse=True)
