from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from zoo_runs import quantized_tensors, unseen_images

from msf_riot import ir, zoo
from msf_riot.agreement import agreement, from_int8
from msf_riot.importer import import_model
from msf_riot.importer.onnx.quantize import quantize_model
from msf_riot.ir import Graph, Int8Array, Operator
from msf_riot.reference import execute, execute_operator
from msf_riot.zoo.calibration import images, random_generator

SHARED = Path(__file__).parents[3] / "shared" / "models"
SHARED_INT8 = [
    "mcunet_vww_80_int8",
    "mlperf_ad_autoencoder_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_vww_mobilenetv1_96_int8",
]
FLOAT = "mlperf_vww_mobilenetv1_96_float"


def model_inputs(graph: Graph, count: int) -> list[np.ndarray]:
    source = graph.tensor(graph.input)
    batch = images((source.channels, source.height, source.width), count, random_generator("agreement"))
    return [from_int8(np.ascontiguousarray(np.moveaxis(image, 0, -1)), source) for image in batch]


def check_agreement(path: Path) -> None:
    graph = import_model(path)
    found = agreement(path, graph, model_inputs(graph, 2))
    assert len(found) >= 0.6 * len(graph.operators)
    elements = sum(each.elements for each in found)
    for each in found:
        assert each.max_abs_diff <= 1, each
    assert sum(each.equal_fraction * each.elements for each in found) / elements >= 0.999


def shared(name: str) -> Path:
    path = SHARED / f"{name}.onnx"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


@pytest.mark.parametrize("name", zoo.names())
def test_every_operator_of_the_zoo_agrees_with_onnx_runtime(name: str) -> None:
    check_agreement(zoo.resolve(f"zoo:{name}"))


@pytest.mark.parametrize("name", SHARED_INT8)
def test_every_operator_of_the_trained_models_agrees_with_onnx_runtime(name: str) -> None:
    check_agreement(shared(name))


def test_every_operator_of_the_quantized_float_model_agrees_with_onnx_runtime(tmp_path: Path) -> None:
    batch = images((3, 96, 96), 16, random_generator("calibration"))
    np.savez(tmp_path / "d.npz", (np.moveaxis(batch, 1, -1).astype(np.float32) + 128) / 255)
    quantize_model(shared(FLOAT), tmp_path / "d.npz", tmp_path / "q.onnx")
    check_agreement(tmp_path / "q.onnx")


@pytest.mark.parametrize("name", [name for name in zoo.names() if name.startswith("tiny-")])
def test_operators_that_the_importer_makes_up_agree_too(name: str) -> None:
    """The tensors that the ONNX file does not hold are computed from those that it does."""
    graph = import_model(zoo.resolve(f"zoo:{name}"))
    made = quantized_tensors(name)
    batch = unseen_images(name, 4)
    for index in range(4):
        values: dict[str, Int8Array] = {}
        for tensor in graph.tensors.values():
            if tensor.name == graph.input:
                array = batch[index]
            elif tensor.origin is not None and tensor.origin.name in made:
                array = made[tensor.origin.name][index]
            else:
                continue
            assert tensor.origin is not None
            axes = (2, 0, 1) if tensor.name == graph.input else tensor.origin.axes
            stored = array.reshape([tensor.shape[axis] for axis in axes])
            values[tensor.name] = np.ascontiguousarray(np.transpose(stored, np.argsort(axes)))
        for operator in graph.operators:
            found = execute_operator(graph, operator, [values[name] for name in operator.inputs])
            known = values.setdefault(operator.output, found)
            assert np.abs(found.astype(int) - known.astype(int)).max() <= 1, operator.name


@pytest.mark.parametrize("name", ["tiny-vww", "tiny-residual", "resnet8"])
def test_a_whole_shallow_network_stays_near_onnx_runtime(name: str) -> None:
    """Deep networks with random weights amplify one rounding: docs/agreement.md."""
    graph = import_model(zoo.resolve(f"zoo:{name}"))
    *_, expected = quantized_tensors(name).values()
    batch = unseen_images(name, 4)
    for image, wanted in zip(batch, expected, strict=True):
        found = execute(graph, np.ascontiguousarray(np.moveaxis(image, 0, -1))).ravel()
        assert np.abs(found.astype(int) - wanted.ravel().astype(int)).max() <= 4


def test_tiny_networks_cover_every_operator_of_the_graph() -> None:
    kinds = {kind for kind in vars(ir).values() if isinstance(kind, type) and issubclass(kind, Operator)} - {Operator}
    used = {
        type(operator)
        for name in zoo.names()
        if name.startswith("tiny-")
        for operator in import_model(zoo.resolve(f"zoo:{name}")).operators
    }
    elsewhere = {  # FixedPointSoftmax is TensorFlow Lite's; the others are tried in tests/importer
        *(
            ir.FixedPointSoftmax,
            ir.LogSoftmax,
            ir.GatherChannels,
            ir.DepthToSpace,
            ir.SpaceToDepth,
            ir.TransposedConv2D,
        ),
        *(ir.ResizeBilinear, ir.PRelu, ir.ChannelLookup, ir.Maximum, ir.Minimum, ir.ArgMax),
    }
    assert used == kinds - elsewhere
