"""The ONNX project's backend node tests pass through importer and reference within 1."""

from __future__ import annotations

import numpy as np
import pytest
from backend_nodes import IN_SCOPE, OUT_OF_SCOPE, Case, cases, shipped

from msf_riot.agreement import from_int8, to_int8
from msf_riot.importer import import_model
from msf_riot.reference import execute


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {case.name: case for case in cases(tmp_path_factory.mktemp("nodes"))}


def test_every_shipped_test_is_in_scope_or_said_to_be_out_of_it() -> None:
    assert set(IN_SCOPE) | OUT_OF_SCOPE.keys() >= shipped().keys()
    assert not set(IN_SCOPE) & OUT_OF_SCOPE.keys()


@pytest.mark.parametrize("name", IN_SCOPE)
def test_node_within_one(name: str, written: dict[str, Case]) -> None:
    case = written[name]
    graph = import_model(case.model)
    source, last = graph.tensor(graph.input), graph.tensor(graph.output)
    found = from_int8(execute(graph, to_int8(case.input, source)), last)
    assert found.shape == case.expected.shape and found.dtype == case.expected.dtype
    step = last.quantization.scale if found.dtype == np.float32 else 1
    assert np.abs(found.astype(np.float64) - case.expected).max() <= step
