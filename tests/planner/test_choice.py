"""The plan that is taken where none is named."""

from __future__ import annotations

import pytest

from msf_riot import importer, planner, zoo
from msf_riot import kernels as kernel_sets
from msf_riot.errors import DoesNotFitError
from msf_riot.ir import Graph
from msf_riot.planner.choice import SLOWER
from msf_riot.stage import Network


@pytest.fixture(scope="module")
def graph() -> Graph:
    return importer.import_model(zoo.resolve("zoo:tiny-residual"))


@pytest.mark.parametrize("kernels", kernel_sets.names())
def test_default_is_the_leanest_that_is_about_as_fast_as_layer_by_layer(graph: Graph, kernels: str) -> None:
    found = planner.candidates(graph, kernels=kernels, max_overhead=1.0)
    network = Network(graph, kernels)
    most = SLOWER * planner.instructions(network, planner.layer_by_layer(graph))
    chosen = planner.choose_plan(graph, kernels=kernels)
    assert chosen.overhead <= 1.0
    assert planner.instructions(network, chosen) <= most
    for ram in (int(size) for size in set(found.bytes) if size < chosen.peak_ram):
        try:
            leaner = planner.least_macs(found, ram)
        except DoesNotFitError:
            continue
        assert leaner.macs > chosen.macs or planner.instructions(network, leaner) > most


def test_within_less_ram_than_the_default_macs_are_computed_again(graph: Graph) -> None:
    default = planner.named_plan(graph, None)
    leanest = planner.least_ram(planner.candidates(graph), float("inf"))
    assert planner.named_plan(graph, None, ram_limit=default.peak_ram) == default
    within = planner.named_plan(graph, None, ram_limit=default.peak_ram - 1)
    assert leanest.peak_ram <= within.peak_ram < default.peak_ram
    assert within.overhead >= default.overhead
    assert planner.named_plan(graph, None, ram_limit=leanest.peak_ram - 1).peak_ram == leanest.peak_ram
