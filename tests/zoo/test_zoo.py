from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from zoo_runs import quantized_tensors

from msf_riot import zoo
from msf_riot.errors import ModelError
from msf_riot.zoo.networks import NETWORKS

TABLES = json.loads((resources.files("msf_riot.zoo") / "networks.json").read_text())["networks"]
LAYER_PEAKS = {
    "mcunet-vww0": 61_440,
    "mcunet-vww1": 96_000,
    "mcunet-vww2": 248_832,
    "mcunet-in2": 307_200,
    "mcunet-in3": 309_760,
    "mcunet-in4": 409_600,
    "mbv2-w0.35": 311_040,
    "proxyless-w0.3": 247_808,
}
BOUNDED = ("softmax", "sigmoid", "hardsigmoid", "tanh")
"""Functions that end at 0 or 1: full scale is where they belong."""


@pytest.mark.parametrize("name", TABLES)
def test_macs_equal_those_of_the_layer_table(name: str) -> None:
    assert zoo.summary(name).macs == TABLES[name]["macs"]


@pytest.mark.parametrize("name", LAYER_PEAKS)
def test_largest_layer_holds_the_bytes_known_from_the_literature(name: str) -> None:
    assert NETWORKS[name]().layer_peak == LAYER_PEAKS[name]


@pytest.mark.parametrize("name", zoo.names())
def test_shapes_of_the_structure_are_those_onnx_infers(name: str) -> None:
    model = zoo.build(name)
    onnx.checker.check_model(model, full_check=True)
    inferred = {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.value_info
    }
    for layer in NETWORKS[name]().layers:
        assert inferred[layer.name] == (1, *layer.shape)


@pytest.mark.parametrize("name", zoo.names())
def test_activations_use_their_range_and_outputs_depend_on_the_input(name: str) -> None:
    tensors = quantized_tensors(name)
    for tensor, values in tensors.items():
        if not tensor.startswith(BOUNDED) and values.size >= 200:
            assert len(np.unique(values)) > 60, f"{tensor} is dead"
            assert np.mean(values == 127) < 0.06, f"{tensor} is saturated"
        per_channel = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
        if per_channel.shape[1] >= 200:
            constant = np.mean(per_channel.min(axis=1) == per_channel.max(axis=1))
            assert constant < 0.02, f"{tensor} has dead channels"
    *_, output = tensors.values()
    flat = output.reshape(len(output), -1)
    assert len(np.unique(flat, axis=0)) == len(flat)


@pytest.mark.parametrize("name", ["mcunet-vww0", "resnet8", "tiny-resize", "tiny-unary"])
def test_building_twice_gives_identical_bytes(name: str) -> None:
    first, second = (zoo.build(name).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_weights_differ_between_layers_and_networks() -> None:
    seen = set()
    for name in ("mcunet-vww0", "mcunet-vww1"):
        for tensor in zoo.build(name).graph.initializer:
            if tensor.name.endswith(".weight_quantized"):
                values = onnx.numpy_helper.to_array(tensor).tobytes()[:64]
                assert values not in seen
                seen.add(values)


def test_weights_are_int8_symmetric_per_channel_and_biases_int32() -> None:
    model = zoo.build("tiny-vww")
    initializers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, array in initializers.items():
        if name.endswith(".weight_quantized"):
            assert array.dtype == np.int8
            assert initializers[name.replace("_quantized", "_scale")].shape == array.shape[:1]
            assert not initializers[name.replace("_quantized", "_zero_point")].any()
            assert np.abs(array.reshape(len(array), -1).astype(int)).max(axis=1).min() == 127
        if name.endswith(".bias_quantized"):
            assert array.dtype == np.int32


def test_tiny_networks_are_tiny() -> None:
    tiny = [NETWORKS[name]() for name in zoo.names() if name.startswith("tiny-")]
    assert len(tiny) >= 5
    assert all(network.layer_peak <= 4096 and network.parameters < 16_000 for network in tiny)


def test_tiny_networks_cover_the_operators_of_the_importer() -> None:
    used = {layer.operator for name in zoo.names() if name.startswith("tiny-") for layer in NETWORKS[name]().layers}
    assert used >= {
        "Conv", "Gemm", "MaxPool", "AveragePool", "GlobalAveragePool", "Add", "Mul", "Concat", "Pad", "Resize",
        "Softmax", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
    }  # fmt: skip


def test_resolve_builds_once_and_leaves_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = zoo.resolve("zoo:tiny-1d")
    assert path.stem == "tiny-1d"
    assert path.read_bytes() == zoo.build("tiny-1d").SerializeToString(deterministic=True)
    before = path.stat()
    assert zoo.resolve("zoo:tiny-1d") == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert list(path.parent.iterdir()) == [path]


def test_a_path_is_resolved_to_itself() -> None:
    assert zoo.resolve("some/model.onnx") == Path("some/model.onnx")


def test_an_unknown_network_names_the_near_ones() -> None:
    with pytest.raises(ModelError, match=r"no network 'mcunet-vvw1'.*mcunet-vww1"):
        zoo.resolve("zoo:mcunet-vvw1")
    with pytest.raises(ModelError, match="msf-riot zoo"):
        zoo.summary("qqqq")


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="XDG_CACHE_HOME") as caught:
        zoo.resolve("zoo:tiny-1d")
    assert "\n" not in str(caught.value)
