"""The msf-riot command as scripts and people use it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from command import COMMAND, answer, run
from onnx import TensorProto, helper, numpy_helper

from msf_riot import boards, importer, ir, verify, zoo


def test_inspect_counts_what_the_graph_holds() -> None:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    found = answer("inspect", "zoo:tiny-vww")
    assert found["macs"] == ir.macs(graph) == sum(row["macs"] for row in found["operators"])
    assert found["parameters"] == ir.parameter_bytes(graph) == sum(row["parameters"] for row in found["operators"])
    assert len(found["operators"]) == len(graph.operators)
    assert found["largest_tensor"]["bytes"] == max(tensor.size for tensor in graph.tensors.values())
    assert found["layer_by_layer_peak"] == answer("plan", "zoo:tiny-vww", "--strategy", "layer-by-layer")["peak_ram"]


def test_tables_hold_the_same_figures() -> None:
    found = answer("inspect", "zoo:tiny-vww")
    shown = run("inspect", "zoo:tiny-vww").stdout
    assert f"{found['macs']:,}" in shown
    assert f"{found['layer_by_layer_peak']:,} bytes" in shown
    for row in found["operators"]:
        assert row["operator"] in shown


def test_zoo_lists_every_network() -> None:
    rows = answer("zoo")
    assert [row["name"] for row in rows] == list(zoo.names())
    assert all(row["macs"] > 0 and row["parameters"] > 0 and row["largest_tensor"] > 0 for row in rows)
    assert run("zoo").stdout.count("zoo:") == len(rows)


def test_boards_say_what_they_are_and_what_they_lack() -> None:
    rows = {row["name"]: row for row in answer("boards", PATH=str(COMMAND.parent))}
    assert list(rows) == list(boards.names())
    assert rows["host"]["kind"] == "host"
    assert not rows["sim-m4"]["buildable"]
    assert "arm-none-eabi-gcc" in rows["sim-m4"]["obstacle"]
    assert "apt install" in rows["sim-m4"]["obstacle"]
    assert rows["microbit"]["ram_bytes"] == 16384


def test_plan_written_is_taken_by_generate_and_verify(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    found = answer("plan", "zoo:tiny-residual", "-o", plan)
    assert found.keys() == {"peak_ram", "overhead", "macs", "stages"}
    assert found["overhead"] == 1.0
    generated = answer("generate", "zoo:tiny-residual", "-o", tmp_path / "packages", "--plan", plan)
    assert generated["arena_bytes"] == found["peak_ram"]
    assert (Path(generated["package"]) / "Makefile.dep").is_file()
    verified = answer("verify", "zoo:tiny-residual", "--board", "host", "--plan", plan)
    assert verified["plan"] == str(plan)
    assert verified["arena_bytes"] == found["peak_ram"]


VERIFY_KEYS = {
    "model", "board", "plan", "match", "arena_bytes", "input_bytes", "output_bytes", "stack_bytes", "text_bytes",
    "weights_bytes", "macs", "max_abs_diff_ort", "equal_fraction_ort", "top1_agreement",
}  # fmt: skip


def test_verify_prints_the_object_that_scripts_read() -> None:
    found = answer("verify", "zoo:tiny-vww", "--board", "host")
    assert found.keys() == VERIFY_KEYS | {"microseconds"}
    assert found["match"] is True
    assert (found["model"], found["board"]) == ("zoo:tiny-vww", "host")
    assert (found["input_bytes"], found["output_bytes"]) == (20 * 20 * 3, 2)
    assert found["macs"] == ir.macs(importer.import_model(zoo.resolve("zoo:tiny-vww")))
    assert found["weights_bytes"] > answer("inspect", "zoo:tiny-vww")["parameters"]
    assert 0 < found["stack_bytes"] < boards.load("host").stack_bytes
    assert found["text_bytes"] > found["weights_bytes"]
    assert found["max_abs_diff_ort"] <= 2


@pytest.mark.cross
def test_verify_counts_instructions_on_simulated_boards() -> None:
    board = boards.load("sim-m4")
    if board.toolchain.find() is None or board.emulator is None or board.emulator.find() is None:
        pytest.skip("sim-m4 needs arm-none-eabi-gcc and qemu-system-arm")
    found = answer("verify", "zoo:tiny-residual", "--board", "sim-m4")
    assert found.keys() == VERIFY_KEYS | {"instructions"}
    assert found["match"] is True
    assert found["instructions"] > found["macs"]


def test_verify_takes_real_inputs(tmp_path: Path) -> None:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    source = graph.tensor(graph.input)
    assert source.origin is not None
    samples = np.random.default_rng(0).uniform(-1, 1, (3, *source.origin.shape[1:])).astype(np.float32)
    np.savez(tmp_path / "data.npz", samples)
    steps = np.rint(samples / np.float32(source.quantization.scale)) + source.quantization.zero_point
    expected = np.transpose(np.clip(steps, -128, 127), (0, 2, 3, 1))
    np.testing.assert_array_equal(verify.read_inputs(tmp_path / "data.npz", graph), expected)
    assert answer("verify", "zoo:tiny-vww", "--inputs", tmp_path / "data.npz")["match"] is True


def test_default_inputs_are_the_same_every_time_and_reach_the_extremes() -> None:
    graph = importer.import_model(zoo.resolve("zoo:tiny-vww"))
    first, second = verify.default_inputs(graph), verify.default_inputs(graph)
    np.testing.assert_array_equal(first, second)
    assert (first.min(), first.max()) == (-128, 127)
    assert len(np.unique(first, axis=0)) == len(first) >= 3


def test_agreement_counts_steps_and_classes() -> None:
    ours = np.array([[[[1, 5, 3]]], [[[9, 2, 2]]]], np.int8)
    theirs = np.array([[[[1, 4, 3]]], [[[2, 9, 2]]]], np.int8)
    assert verify.agreement(ours, theirs) == verify.Agreement(7, 0.5, 0.5)


def test_float_model_runs_after_quantizing(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    weights = numpy_helper.from_array(random.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32), "weights")
    nodes = [
        helper.make_node("Conv", ["x", "weights"], ["c"], name="stem", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"], name="activation"),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 8, 8]) for n, c in (("x", 3), ("y", 4)))
    graph = helper.make_graph(nodes, "small", [x], [y], [weights])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "float.onnx")
    np.savez(tmp_path / "data.npz", x=random.normal(0, 1, (8, 3, 8, 8)).astype(np.float32))
    refused = run("plan", tmp_path / "float.onnx")
    assert refused.returncode == 2
    report = answer(
        "quantize", tmp_path / "float.onnx", "--calibration", tmp_path / "data.npz", "-o", tmp_path / "int8.onnx"
    )
    assert report["samples"] == 8
    assert answer("verify", tmp_path / "int8.onnx", "--inputs", tmp_path / "data.npz")["match"] is True


def test_closed_pipe_is_no_error() -> None:
    command = f"{COMMAND} zoo | head -n 1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
