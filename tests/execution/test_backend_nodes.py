"""The ONNX project's backend node tests pass through the generated C as well, within 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from msf_riot.agreement import from_int8, to_int8
from msf_riot.importer import import_model
from msf_riot.planner import layer_by_layer
from msf_riot.scheduler import schedule
from tests.execution.harness import run_on_host
from tests.importer.onnx.backend_nodes import IN_SCOPE, cases


@pytest.mark.parametrize("name", IN_SCOPE)
def test_node_in_c_within_one(name: str, tmp_path: Path) -> None:
    case = next(case for case in cases(tmp_path) if case.name == name)
    graph = import_model(case.model)
    source, last = graph.tensor(graph.input), graph.tensor(graph.output)
    inputs = to_int8(case.input, source)[np.newaxis]
    found = from_int8(run_on_host(schedule(graph, layer_by_layer(graph)), inputs)[0], last)
    step = last.quantization.scale if found.dtype == np.float32 else 1
    assert np.abs(found.astype(np.float64) - case.expected).max() <= step
