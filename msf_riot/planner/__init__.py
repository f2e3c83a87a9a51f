"""Graph and limits -> Plan: candidate stages, solvers, strategies to compare with, and plan files."""

from msf_riot.planner.choice import LAYER_BY_LAYER, Objective, choose_among, choose_plan, named_plan, suitable_plan
from msf_riot.planner.files import as_json, fingerprint, read_plan, write_plan
from msf_riot.planner.paper import PREFIX as PAPER
from msf_riot.planner.paper import paper_graph, paper_names, refuse_generation
from msf_riot.planner.plan import Plan, Stage, instructions, make_plan
from msf_riot.planner.search import candidates, least_macs, least_ram, pareto_front
from msf_riot.planner.strategies import Strategy, layer_by_layer, mcunetv2, msf_cnn, strategies, streamnet

__all__ = [
    "LAYER_BY_LAYER",
    "PAPER",
    "Objective",
    "Plan",
    "Stage",
    "Strategy",
    "as_json",
    "candidates",
    "choose_among",
    "choose_plan",
    "fingerprint",
    "instructions",
    "layer_by_layer",
    "least_macs",
    "least_ram",
    "make_plan",
    "mcunetv2",
    "msf_cnn",
    "named_plan",
    "paper_graph",
    "paper_names",
    "pareto_front",
    "read_plan",
    "refuse_generation",
    "strategies",
    "streamnet",
    "suitable_plan",
    "write_plan",
]
