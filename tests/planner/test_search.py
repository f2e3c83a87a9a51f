"""The solvers find what brute force over all plans finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from msf_riot.errors import DoesNotFitError
from msf_riot.ir import Graph, macs
from msf_riot.planner import candidates, least_macs, least_ram, make_plan, paper_graph, pareto_front
from msf_riot.stage import InputMode, Network
from tests.execution.random_networks import networks, plans
from tests.planner.brute_force import all_costs, all_plans, undominated

SLOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def modes(graph: Graph) -> st.SearchStrategy[InputMode]:
    """How the input may arrive."""
    return st.sampled_from(["whole", "rows", "windows"] if len(graph.inputs) == 1 else ["whole"])


def check_solvers(data: st.DataObject) -> None:
    graph = data.draw(networks(most_layers=3))
    mode, overlap = data.draw(modes(graph)), data.draw(st.booleans())
    every = all_costs(graph, mode, overlap, 2_000)
    assume(every is not None)
    found = candidates(graph, mode, overlap)
    if not every:
        with pytest.raises(DoesNotFitError):
            least_ram(found, np.inf)
        assert pareto_front(found) == ()
        return
    front = undominated(every)
    assert [(plan.peak_ram, plan.macs) for plan in pareto_front(found)] == front

    limit = data.draw(st.sampled_from([1.0, 1.02, 1.1, 1.3, 2.0, np.inf]))
    allowed = [cost for cost in every if cost[1] <= limit * max(1, macs(graph))]
    if allowed:
        plan = least_ram(found, limit)
        assert (plan.peak_ram, plan.macs) == min(allowed)
    else:
        with pytest.raises(DoesNotFitError):
            least_ram(found, limit)

    ram = data.draw(st.integers(front[-1][0] - 8, front[0][0] + 8))
    fitting = [cost for cost in every if cost[0] <= ram]
    if fitting:
        plan = least_macs(found, ram)
        assert plan.macs == min(work for _, work in fitting)
        assert plan.peak_ram <= ram
    else:
        with pytest.raises(DoesNotFitError, match=f"{front[-1][0]:,} bytes"):
            least_macs(found, ram)


@settings(max_examples=200, **SLOW)
@given(st.data())
def test_least_ram_least_macs_and_front_are_those_of_brute_force(data: st.DataObject) -> None:
    check_solvers(data)


@pytest.mark.long
@settings(max_examples=5000, **SLOW)
@given(st.data())
def test_least_ram_least_macs_and_front_are_those_of_brute_force_thousands_of_times(data: st.DataObject) -> None:
    check_solvers(data)


@settings(max_examples=40, **SLOW)
@given(st.data())
def test_brute_force_costs_are_what_make_plan_says_of_each_plan(data: st.DataObject) -> None:
    graph = data.draw(networks(most_layers=2))
    mode, overlap = data.draw(modes(graph)), data.draw(st.booleans())
    network = Network(graph)
    first = list(itertools.islice(all_plans(network, mode, overlap), 200))
    made = {(plan.peak_ram, plan.macs) for plan in (make_plan(network, each, mode, overlap) for each in first)}
    every = all_costs(graph, mode, overlap, 1 << 62)
    assert every is not None
    assert made == every if len(first) < 200 else made <= every


@settings(max_examples=50, **SLOW)
@given(st.data())
def test_no_plan_beats_the_front(data: st.DataObject) -> None:
    graph = data.draw(networks(most_layers=6))
    plan = data.draw(plans(graph))
    front = pareto_front(candidates(graph, plan.input_mode, plan.overlap))
    assert any(each.peak_ram <= plan.peak_ram and each.macs <= plan.macs for each in front)
    rams, works = [each.peak_ram for each in front], [each.macs for each in front]
    assert rams == sorted(set(rams), reverse=True)
    assert works == sorted(set(works))


def test_overhead_below_one_is_refused() -> None:
    graph = paper_graph("paper:mcunetv2-vww-5fps-r80")
    with pytest.raises(DoesNotFitError, match="no plan executes as few"):
        least_ram(candidates(graph, max_overhead=1.0), 0.9)
