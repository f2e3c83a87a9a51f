"""Trained models, and files that are damaged or hold what is not run: one line, whatever is in them."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tflite_networks import Writer, options

from msf_riot import importer, reference
from msf_riot.errors import FloatModelError, ModelError, MsfError, UnsupportedModelError
from msf_riot.litert import litert_outputs
from msf_riot.verify import default_inputs

SHARED = Path(__file__).resolve().parents[4] / "shared/models/tflite"


def shared_models() -> list[Path]:
    files = sorted(SHARED.glob("*.tflite"))
    if not files:
        pytest.skip(f"{SHARED} is absent")
    return files


def test_trained_models_give_what_litert_gives() -> None:
    for path in shared_models():
        graph = importer.import_model(path)
        random = np.random.default_rng(11).integers(-128, 128, (2, *graph.input_shape)).astype(np.int8)
        inputs = np.concatenate([default_inputs(graph), random])
        ours = np.stack([reference.execute(graph, each) for each in inputs])
        np.testing.assert_array_equal(ours, litert_outputs(path, graph, inputs), err_msg=path.name)


def small_model() -> Writer:
    writer = Writer()
    x = writer.activation((1, 4, 4, 3), 0.05, 3)
    y = writer.activation((1, 4, 4, 2), 0.1, -7)
    weights = np.arange(-9, 9, dtype=np.int8).reshape(2, 1, 3, 3)
    kernel = writer.constant(weights, scales=[0.01, 0.02], zeros=[0, 0])
    bias = writer.constant(np.array([5, -9], np.int32), scales=[0.0005, 0.001], zeros=[0, 0])
    given = options("Conv2D", padding=0, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    writer.operator("CONV_2D", [x.index, kernel, bias], [y.index], given, 3)
    writer.operator("SHAPE", [y.index], [writer.tensor((4,), "int32")], options("Shape", outType=2))
    return writer


def read(content: bytes, folder: Path) -> str:
    """The error's text, empty where the model is read; any other exception is a defect."""
    path = folder / "model.tflite"
    path.write_bytes(content)
    try:
        importer.import_model(path)
    except MsfError as error:
        return str(error)
    return ""


def check_damaged(content: bytes, folder: Path, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(int(random.integers(1, 4))):
            at = int(random.integers(8, len(damaged)))
            if random.random() < 0.5:
                damaged[at] = int(random.integers(0, 256))
            else:
                word = int(
                    random.choice([0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, at, int(random.integers(0, 1 << 32))])
                )
                damaged[at : at + 4] = word.to_bytes(4, "little")
        if random.random() < 0.2:
            damaged = damaged[: int(random.integers(8, len(damaged)))]
        before = time.monotonic()
        text = read(bytes(damaged), folder)
        assert "\n" not in text and len(text) < 2000
        assert time.monotonic() - before < 20


def test_damaged_files_give_one_line(tmp_path: Path) -> None:
    content = small_model().content([0], [1])
    assert read(content, tmp_path) == ""
    check_damaged(content, tmp_path, 1500, 3)


@pytest.mark.long
def test_tens_of_thousands_of_damaged_files_give_one_line(tmp_path: Path) -> None:
    check_damaged(small_model().content([0], [1]), tmp_path, 30000, 4)
    for path in shared_models():
        if path.stat().st_size < 200_000:
            check_damaged(path.read_bytes(), tmp_path, 300, 5)


def test_every_truncation_gives_one_line(tmp_path: Path) -> None:
    content = small_model().content([0], [1])
    for size in range(8, len(content), 7):
        text = read(content[:size], tmp_path)
        assert text and "\n" not in text


def change(alter) -> bytes:
    writer = small_model()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(writer.content([0], [1]), 0))
    alter(model)
    builder = flatbuffers.Builder(1 << 12)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def set_types(model, kind: int) -> None:
    for index in (0, 1):
        model.subgraphs[0].tensors[index].type = kind


def custom(name: str):
    def alter(model) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = name

    return alter


def two_subgraphs(model) -> None:
    model.subgraphs = [model.subgraphs[0], model.subgraphs[0]]


def operator_is(name: str):
    def alter(model) -> None:
        code = getattr(schema.BuiltinOperator, name)
        model.operatorCodes[0].builtinCode, model.operatorCodes[0].deprecatedBuiltinCode = code, min(code, 127)

    return alter


def int4_weights(model) -> None:
    model.subgraphs[0].tensors[2].type = schema.TensorType.INT4


def sparse_weights(model) -> None:
    model.subgraphs[0].tensors[2].sparsity = schema.SparsityParametersT()
    model.buffers[model.subgraphs[0].tensors[2].buffer].data = [1, 2, 3]


@pytest.mark.parametrize(
    ("alter", "error", "says"),
    [
        (lambda m: set_types(m, schema.TensorType.FLOAT32), FloatModelError, "representative_dataset"),
        (lambda m: set_types(m, schema.TensorType.INT16), UnsupportedModelError, "int16"),
        (custom("ethos-u"), UnsupportedModelError, "ethos-u.*Vela"),
        (custom("MyOp"), UnsupportedModelError, "MyOp.*builtin operators"),
        (two_subgraphs, ModelError, "2 subgraphs"),
        (operator_is("UNIDIRECTIONAL_SEQUENCE_LSTM"), UnsupportedModelError, "LSTM.*unsupported operator"),
        (operator_is("SVDF"), UnsupportedModelError, "SVDF.*unsupported operator"),
        (operator_is("WHILE"), UnsupportedModelError, "WHILE.*unsupported operator"),
        (int4_weights, UnsupportedModelError, "int4"),
        (sparse_weights, UnsupportedModelError, "sparse"),
    ],
    ids=["float", "int16", "ethos", "custom", "subgraphs", "lstm", "svdf", "while", "int4", "sparse"],
)
def test_what_is_not_run_is_refused_in_one_line(alter, error, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(change(alter))
    with pytest.raises(error, match=says) as caught:
        importer.import_model(path)
    assert "\n" not in str(caught.value)


def test_arithmetic_on_shapes_is_folded(tmp_path: Path) -> None:
    """SHAPE, STRIDED_SLICE and PACK in front of RESHAPE, as Keras writes Flatten."""
    writer = Writer()
    x = writer.activation((1, 3, 2, 2), 0.1, 0)
    y = writer.activation((1, 12), 0.1, 0)
    shape, batch, packed = (writer.tensor(s, "int32") for s in ((4,), (), (2,)))
    begin, end, step, rest = (writer.constant(np.array(v, np.int32)) for v in ([0], [1], [1], -1))
    writer.operator("SHAPE", [x.index], [shape], options("Shape", outType=2))
    writer.operator("STRIDED_SLICE", [shape, begin, end, step], [batch], options("StridedSlice", shrinkAxisMask=1))
    writer.operator("PACK", [batch, rest], [packed], options("Pack", valuesCount=2, axis=0))
    writer.operator("RESHAPE", [x.index, packed], [y.index], options("Reshape"))
    z = writer.activation((1, 12), 0.2, 5)
    writer.operator("QUANTIZE", [y.index], [z.index], options("Quantize"), 2)
    content = writer.content([x.index], [z.index])
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    graph = importer.import_model(path)
    inputs = np.random.default_rng(0).integers(-128, 128, (3, *graph.input_shape)).astype(np.int8)
    ours = np.stack([reference.execute(graph, each) for each in inputs])
    np.testing.assert_array_equal(ours, litert_outputs(content, graph, inputs))


@pytest.mark.parametrize(("text", "labels"), [("no\nyes\n", ("no", "yes")), ("a\nb\nc\n", ()), ("", ())])
def test_labels_come_from_the_files_that_metadata_brings_along(text: str, labels, tmp_path: Path) -> None:
    """TensorFlow Lite's metadata appends a ZIP archive with the label files."""
    path = tmp_path / "model.tflite"
    path.write_bytes(small_model().content([0], [1]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vocabulary.bin", b"\x00\xff")
        archive.writestr("labels.txt", text)
    assert importer.import_model(path).labels == labels


def normalized(mean: list[float], deviation: list[float]) -> bytes:
    """Metadata as TensorFlow Lite's tools write them: one input with a NormalizationOptions among its process units."""
    import flatbuffers

    builder = flatbuffers.Builder(256)

    def floats(values: list[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    def table(fields: dict[int, int], count: int, bytes_: dict[int, int] | None = None) -> int:
        builder.StartObject(count)
        for slot, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        for slot, value in (bytes_ or {}).items():
            builder.PrependUint8Slot(slot, value, 0)
        return builder.EndObject()

    def vector(offset: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    options = table(dict(enumerate([floats(mean), floats(deviation)])), 2)
    unit = table({1: options}, 2, {0: 1})
    tensor = table({4: vector(unit)}, 5)
    subgraph = table({2: vector(tensor)}, 3)
    builder.Finish(table({3: vector(subgraph)}, 4), b"M001")
    return bytes(builder.Output())


def test_the_normalization_of_pictures_is_read_and_what_is_damaged_is_left_out() -> None:
    from msf_riot.importer.tflite.metadata import normalizations

    content = normalized([127.5, 120.0, 1.0], [127.5, 60.0, 2.0])
    assert normalizations(content) == (((127.5, 120.0, 1.0), (127.5, 60.0, 2.0)),)
    assert normalizations(normalized([0.0], [0.0])) == (None,)
    random = np.random.default_rng(0)
    for _ in range(3000):
        damaged = bytearray(content[: random.integers(0, len(content) + 1)])
        for _ in range(int(random.integers(0, 4))):
            if damaged:
                damaged[random.integers(0, len(damaged))] = random.integers(0, 256)
        for found in normalizations(bytes(damaged)):
            assert found is None or (len(found[0]) > 0 and 0.0 not in found[1])
