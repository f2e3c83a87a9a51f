"""Graph and limits -> Plan: candidate stages, solvers, strategies to compare with, and plan files."""

from msf_riot.planner.files import read_plan, write_plan
from msf_riot.planner.paper import paper_graph, paper_names
from msf_riot.planner.plan import Plan, Stage, make_plan
from msf_riot.planner.search import candidates, least_macs, least_ram, pareto_front
from msf_riot.planner.strategies import Strategy, layer_by_layer, mcunetv2, msf_cnn, strategies, streamnet

__all__ = [
    "Plan",
    "Stage",
    "Strategy",
    "candidates",
    "layer_by_layer",
    "least_macs",
    "least_ram",
    "make_plan",
    "mcunetv2",
    "msf_cnn",
    "paper_graph",
    "paper_names",
    "pareto_front",
    "read_plan",
    "strategies",
    "streamnet",
    "write_plan",
]
