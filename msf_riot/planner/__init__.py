"""Graph and limits -> Plan: candidate stages, solvers, strategies to compare with, and plan files."""

from msf_riot.planner.files import read_plan, write_plan
from msf_riot.planner.plan import Plan, Stage, make_plan
from msf_riot.planner.search import candidates, least_macs, least_ram, pareto_front
from msf_riot.planner.strategies import layer_by_layer

__all__ = [
    "Plan",
    "Stage",
    "candidates",
    "layer_by_layer",
    "least_macs",
    "least_ram",
    "make_plan",
    "pareto_front",
    "read_plan",
    "write_plan",
]
