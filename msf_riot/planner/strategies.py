"""Graph -> Plan as others would cut it, to compare with."""

from __future__ import annotations

from msf_riot.errors import PlanError
from msf_riot.ir import Graph
from msf_riot.planner.plan import Plan, Stage, make_plan
from msf_riot.stage import Network, skeleton


def layer_by_layer(graph: Graph) -> Plan:
    """Every operator a stage of its own, its input and output whole, elementwise operators in place (TFLM's way)."""
    network = Network(graph)
    stages = []
    for index in range(len(graph.operators)):
        shape = skeleton(network, index, index + 1, "whole", overlap=False)
        if shape is None:
            raise PlanError(f"operator '{graph.operators[index].name}' cannot run by itself")
        width = 1 if shape.strip_tensor is None else graph.tensor(shape.strip_tensor).width
        stages.append(Stage(index, index + 1, width))
    return make_plan(network, tuple(stages), "whole", overlap=False)
