"""Every bad input through the real command line: one line that says what is wrong, an exit status, no file lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from msf_riot import zoo

COMMAND = Path(sys.executable).with_name("msf-riot")


def run(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *map(str, arguments)],
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def model(name: str = "tiny-residual") -> onnx.ModelProto:
    return onnx.load(zoo.resolve(f"zoo:{name}"))


def save(folder: Path, proto: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def first(proto: onnx.ModelProto, kind: str) -> onnx.NodeProto:
    return next(node for node in proto.graph.node if node.op_type == kind)


def truncated(folder: Path) -> Path:
    path = save(folder, model())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def not_onnx(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_text("PK\x03\x04 this is a letter to the editor, not a network\n" * 40)
    return path


def empty(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.touch()
    return path


def float_model(folder: Path) -> Path:
    weights = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "weights")
    nodes = [helper.make_node("Conv", ["x", "weights"], ["y"], name="stem", pads=[1, 1, 1, 1])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 8, 8]) for n, c in (("x", 3), ("y", 4)))
    graph = helper.make_graph(nodes, "float", [x], [y], [weights])
    return save(folder, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def unsupported_operator(folder: Path) -> Path:
    proto = model()
    node = first(proto, "Conv")
    node.op_type, node.name = "Einsum", "the_strange_one"
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("equation", "ij,jk->ik"))
    return save(folder, proto)


def dynamic_shape(folder: Path) -> Path:
    proto = model()
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    return save(folder, proto)


def float_in_the_middle(folder: Path) -> Path:
    """A Sigmoid straight after a DequantizeLinear, and nothing quantizes what it gives."""
    proto = model()
    quantize = [node for node in proto.graph.node if node.op_type == "QuantizeLinear"][2]
    consumers = [(n, i) for n in proto.graph.node for i, name in enumerate(n.input) if name == quantize.output[0]]
    dequantized = next(node.output[0] for node, _ in consumers if node.op_type == "DequantizeLinear")
    nodes = [node for node in proto.graph.node if dequantized not in node.output and node is not quantize]
    for node in nodes:
        for index, name in enumerate(node.input):
            if name == dequantized:
                node.input[index] = quantize.input[0]
    for output in proto.graph.output:
        if output.name == dequantized:
            output.name = quantize.input[0]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return save(folder, proto)


def missing_scale(folder: Path) -> Path:
    proto = model()
    scale = first(proto, "QuantizeLinear").input[1]
    kept = [tensor for tensor in proto.graph.initializer if tensor.name != scale]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    return save(folder, proto)


def external(location: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        proto = model()
        tensor = max(proto.graph.initializer, key=lambda t: len(t.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        return save(folder, proto)

    return make


def absurd_sizes(folder: Path) -> Path:
    proto = model()
    tensor = max(proto.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.dims[:] = [1 << 31, 1 << 31]
    return save(folder, proto)


def absurd_input(folder: Path) -> Path:
    proto = model()
    for dim in proto.graph.input[0].type.tensor_type.shape.dim[1:]:
        dim.dim_value = 1 << 40
    return save(folder, proto)


def broken_plan(folder: Path) -> Path:
    path = folder / "plan.json"
    path.write_text('{"msf_riot_plan": 1, "stages": [')
    return path


def plan_of_another_model(folder: Path) -> Path:
    path = folder / "plan.json"
    assert run("plan", "zoo:tiny-1d", "-o", path).returncode == 0
    return path


def plan_with_a_gap(folder: Path) -> Path:
    path = folder / "plan.json"
    assert run("plan", "zoo:tiny-residual", "-o", path).returncode == 0
    plan = json.loads(path.read_text())
    del plan["stages"][1]
    path.write_text(json.dumps(plan))
    return path


def inputs_of_another_shape(folder: Path) -> Path:
    path = folder / "data.npz"
    np.savez(path, np.zeros((2, 3, 5, 7), np.float32))
    return path


def small_board(folder: Path) -> Path:
    """A board of half a kilobyte, in the user's own file of boards."""
    path = folder / "boards.yaml"
    entry = (Path(__file__).parent.parent / "boards.yaml").read_text()
    text = entry[entry.index("  sim-m4:") : entry.index("  sim-m7:")].replace("sim-m4", "pebble")
    lines = ["ram_bytes: 512" if line.strip().startswith("ram_bytes") else line.strip() for line in text.splitlines()]
    path.write_text("boards:\n  pebble:\n" + "".join(f"    {line}\n" for line in lines[1:]))
    return path


def broken_boards(folder: Path) -> Path:
    path = folder / "boards.yaml"
    path.write_text("boards:\n  mine:\n    ram_bytes: plenty\n")
    return path


@dataclass(frozen=True)
class Case:
    """`{bad}` in arguments and settings is the path that `make` returns, `{folder}` its folder."""

    arguments: Sequence[str]
    says: Sequence[str]
    make: Callable[[Path], Path] | None = None
    status: int = 2
    settings: dict[str, str] = field(default_factory=dict)


CASES = {
    "absent file": Case(["inspect", "{folder}/nowhere.onnx"], ["nowhere.onnx", "No such file"]),
    "folder": Case(["inspect", "{folder}"], ["is not a file"]),
    "truncated": Case(["inspect", "{bad}"], ["model.onnx", "truncated"], truncated),
    "not ONNX": Case(["generate", "{bad}", "-o", "{folder}/out"], ["model.onnx", "not an ONNX file"], not_onnx),
    "empty file": Case(["plan", "{bad}"], ["model.onnx", "not an ONNX file"], empty),
    "float model": Case(["plan", "{bad}"], ["is float", "msf-riot quantize", "--calibration"], float_model),
    "unsupported operator": Case(
        ["generate", "{bad}", "-o", "{folder}/out"],
        ["'the_strange_one'", "Einsum", "unsupported"],
        unsupported_operator,
    ),
    "dynamic shape": Case(["inspect", "{bad}"], ["dynamic shape", "axis 2"], dynamic_shape),
    "float in the middle": Case(["plan", "{bad}"], ["node '", "float"], float_in_the_middle),
    "missing scale": Case(["inspect", "{bad}"], ["node '", "QuantizeLinear", "scale"], missing_scale),
    "external data that is absent": Case(["inspect", "{bad}"], ["weights.bin"], external("weights.bin")),
    "external data outside the folder": Case(
        ["inspect", "{bad}"], ["../../../etc/passwd", "folder"], external("../../../etc/passwd")
    ),
    "absurd tensor": Case(["inspect", "{bad}"], ["claims 4611686018427387904 elements"], absurd_sizes),
    "absurd input": Case(["inspect", "{bad}"], ["1099511627776"], absurd_input),
    "unknown zoo name": Case(["inspect", "zoo:mcunet-vww7"], ["no network 'mcunet-vww7'", "did you mean", "vww1"]),
    "unknown board": Case(
        ["verify", "zoo:tiny-residual", "--board", "nrf5284dk"], ["unknown board 'nrf5284dk'", "nrf52840dk"]
    ),
    "board too small": Case(
        ["verify", "zoo:tiny-residual", "--board", "pebble"],
        ["does not fit BOARD=pebble", "RAM", " 512 "],
        small_board,
        settings={"MSF_BOARDS": "{bad}"},
    ),
    "broken file of boards": Case(["boards"], ["boards.yaml", "mine"], broken_boards, settings={"MSF_BOARDS": "{bad}"}),
    "plan that is no JSON": Case(
        ["generate", "zoo:tiny-residual", "-o", "{folder}/out", "--plan", "{bad}"], ["plan.json", "JSON"], broken_plan
    ),
    "plan of another model": Case(
        ["verify", "zoo:tiny-residual", "--board", "host", "--plan", "{bad}"],
        ["plan.json", "model"],
        plan_of_another_model,
    ),
    "plan with a gap": Case(
        ["generate", "zoo:tiny-residual", "-o", "{folder}/out", "--plan", "{bad}"],
        ["stage 1", "operator"],
        plan_with_a_gap,
    ),
    "absent plan": Case(
        ["generate", "zoo:tiny-residual", "-o", "{folder}/out", "--plan", "{folder}/none.json"], ["none.json"]
    ),
    "no calibration data": Case(
        ["quantize", "{bad}", "-o", "{folder}/out"], ["required", "--calibration"], float_model
    ),
    "absent calibration data": Case(
        ["quantize", "{bad}", "--calibration", "{folder}/none.npz", "-o", "{folder}/out"], ["none.npz"], float_model
    ),
    "quantizing an int8 model": Case(
        ["quantize", "zoo:tiny-residual", "--calibration", "{bad}", "-o", "{folder}/out"],
        ["already quantized"],
        inputs_of_another_shape,
    ),
    "inputs of another shape": Case(
        ["verify", "zoo:tiny-residual", "--inputs", "{bad}"], ["data.npz", "(2, 3, 5, 7)"], inputs_of_another_shape
    ),
    "output in no folder": Case(["plan", "zoo:tiny-residual", "-o", "{folder}/none/plan.json"], ["none"]),
    "compiler that fails": Case(
        ["verify", "zoo:tiny-residual", "--board", "host"],
        ["make failed for BOARD=host", "make-host.log", "nowhere.h"],
        status=3,
        settings={"CFLAGS": "-include nowhere.h"},
    ),
    "unknown command": Case(["frobnicate"], ["invalid choice: 'frobnicate'", "inspect"]),
    "missing argument": Case(["generate", "zoo:tiny-residual"], ["required", "-o"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_with_its_status_and_keeps_what_was_there(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    bad = case.make(tmp_path) if case.make else tmp_path
    (tmp_path / "out").write_text("precious")

    def filled(text: str) -> str:
        return text.replace("{bad}", str(bad)).replace("{folder}", str(tmp_path))

    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run(*map(filled, case.arguments), **{key: filled(value) for key, value in case.settings.items()})
    assert result.returncode == case.status, result.stderr
    assert result.stdout == ""
    line = result.stderr.removesuffix("\n")
    assert line.startswith("msf-riot: error: ")
    assert "\n" not in line
    assert "Traceback" not in line
    assert "defect" not in line
    for part in case.says:
        assert part in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_traceback_is_shown_to_who_asks_for_it(tmp_path: Path) -> None:
    result = run("inspect", tmp_path / "nowhere.onnx", MSF_DEBUG="1")
    assert result.returncode == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("msf-riot: error: ")
