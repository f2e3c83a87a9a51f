"""The chains of the msf-CNN paper, and the table of plans for them."""

from __future__ import annotations

import pytest

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.ir import macs
from msf_riot.planner import candidates, least_ram, paper_graph, paper_names
from msf_riot.planner.paper import refuse_generation

LIMITS = (1.0, 1.1, 1.3, float("inf"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("paper:mbv2-w0.35-r144", 18_909_490),
        ("paper:mcunetv2-vww-5fps-r80", 11_578_496),
        ("paper:mcunet-320kb-r176", 81_625_520),
    ],
)
def test_chains_have_the_macs_of_the_paper(name: str, expected: int) -> None:
    assert macs(paper_graph(name)) == expected


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("paper:mbv2-w0.35-r144", (21_500, 11_700, 8_400, 7_700)),
        ("paper:mcunetv2-vww-5fps-r80", (15_500, 12_200, 11_700, 11_700)),
        ("paper:mcunet-320kb-r176", (59_000, 59_000, 52_000, 40_600)),
    ],
)
def test_plans_take_no_more_than_the_table_says(name: str, table: tuple[int, ...]) -> None:
    found = candidates(paper_graph(name))
    for limit, most in zip(LIMITS, table, strict=True):
        plan = least_ram(found, limit)
        assert plan.peak_ram <= most
        assert plan.overhead <= limit


def test_unknown_chains_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ModelError, match=r"did you mean paper:mbv2-w0\.35-r144"):
        paper_graph("paper:mbv2-w0.35")


def test_generating_a_chain_is_refused_by_name() -> None:
    for name in paper_names():
        with pytest.raises(UnsupportedModelError, match=name):
            refuse_generation(name)
    refuse_generation("zoo:resnet8")
