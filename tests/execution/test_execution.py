"""Every plan of every network computes what the reference computes, in just the arena that was predicted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msf_riot.planner import layer_by_layer
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from tests.execution.harness import run_on_host
from tests.execution.random_networks import networks, plans

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def check_random_plan(data: st.DataObject) -> None:
    graph = data.draw(networks())
    plan = data.draw(st.one_of(plans(graph), st.just(layer_by_layer(graph))))
    scheduled = schedule(graph, plan)
    assert scheduled.arena_bytes == plan.peak_ram
    random = np.random.default_rng(7)
    shape = graph.input_shape
    inputs = random.integers(-128, 128, (2, *shape)).astype(np.int8)
    expected = np.stack([execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(run_on_host(scheduled, inputs), expected)


@settings(max_examples=30, **SLOW)
@given(st.data())
def test_any_plan_of_any_network_equals_the_reference(data: st.DataObject) -> None:
    check_random_plan(data)


@pytest.mark.long
@settings(max_examples=3000, **SLOW)
@given(st.data())
def test_any_plan_of_any_network_equals_the_reference_thousands_of_times(data: st.DataObject) -> None:
    check_random_plan(data)
