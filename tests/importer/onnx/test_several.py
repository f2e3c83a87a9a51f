"""Several inputs and outputs: each where the file has it, and ONNX Runtime's bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import Drawing

from msf_riot.importer import import_model
from msf_riot.importer.onnx import import_model as import_onnx
from msf_riot.ir import Graph
from msf_riot.planner import choose_plan, layer_by_layer
from msf_riot.reference import execute
from msf_riot.scheduler import schedule
from msf_riot.verify import default_inputs, onnxruntime_outputs, read_inputs
from tests.execution.harness import run_on_host


def detector(swapped: bool = False) -> onnx.ModelProto:
    """A stem that two heads read, one of them as [1, boxes, 4]; and a state that goes in and out."""
    draw = Drawing()
    image = draw.activation((1, 3, 8, 8))
    state = draw.activation((1, 4, 8, 8))
    w = draw.weights((4, 3, 3, 3))
    stem = draw.qdq(draw.op("Relu", draw.op("Conv", image, w, pads=[1, 1, 1, 1])))
    both = [stem, state] if not swapped else [state, stem]
    new_state = draw.qdq(draw.op("Add", *both))
    heads = []
    for outputs in (8, 2):
        w = draw.weights((outputs, 4, 1, 1))
        heads.append(draw.qdq(draw.op("Conv", new_state, w)))
    boxes = draw.op("Reshape", draw.op("Transpose", heads[0], perm=[0, 2, 3, 1]), draw.constant(np.array([1, 128, 4])))
    model = draw.model(boxes)
    for name, shape in ((heads[1], [1, 2, 8, 8]), (new_state, [1, 4, 8, 8])):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    return model


def check(graph: Graph, path: Path) -> None:
    inputs = default_inputs(graph)
    ours = np.stack([execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(ours, onnxruntime_outputs(path, graph, inputs))
    for plan in (choose_plan(graph), layer_by_layer(graph)):
        np.testing.assert_array_equal(run_on_host(schedule(graph, plan), inputs), ours)


@pytest.mark.parametrize("swapped", [False, True])
def test_two_inputs_and_three_outputs(swapped: bool, tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    onnx.save(detector(swapped), path)
    graph = import_onnx(path)
    assert [graph.tensor(name).shape for name in graph.inputs] == [(8, 8, 3), (8, 8, 4)]
    assert [graph.tensor(name).shape for name in graph.outputs] == [(8, 8, 8), (8, 8, 2), (8, 8, 4)]
    check(graph, path)


def test_each_input_is_an_array_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    onnx.save(detector(), path)
    graph = import_model(path)
    names = [graph.tensor(name).origin.name for name in graph.inputs]
    random = np.random.default_rng(1)
    arrays = [random.normal(0, 1, (3, c, 8, 8)).astype(np.float32) for c in (3, 4)]
    np.savez(tmp_path / "in.npz", **dict(zip(names, arrays, strict=True)))
    assert read_inputs(tmp_path / "in.npz", graph).shape == (3, 8 * 8 * 7)
    np.savez(tmp_path / "in.npz", **{names[0]: arrays[0], names[1]: arrays[1][:2]})
    with pytest.raises(Exception, match="2 and 3 samples"):
        read_inputs(tmp_path / "in.npz", graph)


def test_an_output_that_is_an_input_or_another_output_is_copied(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.activation((1, 6))
    y = draw.qdq(draw.op("Relu", x), (0.1, 0))
    regrouped = draw.op("Reshape", y, draw.constant(np.array([2, 3])))
    model = draw.model(y)
    for name, shape in ((regrouped, [2, 3]), (x, [1, 6])):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    path = tmp_path / "copies.onnx"
    onnx.save(model, path)
    graph = import_model(path)
    assert len(set(graph.outputs)) == 3 and not set(graph.outputs) & set(graph.inputs)
    check(graph, path)
