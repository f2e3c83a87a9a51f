"""The format is told by a file's content, and no format needs the packages of another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from msf_riot import importer, zoo
from msf_riot.errors import ModelError
from msf_riot.importer.file import is_tflite

SHARED = Path(__file__).resolve().parents[3] / "shared/models/tflite"

TFLITE = b"\x1c\x00\x00\x00TFL3" + bytes(100)

COMMON = (
    "arithmetic", "draft", "file", "input_layout", "labels", "linear", "movement", "place", "pooling", "prelu",
    "requantize", "samples", "shuffle", "softmax", "sums", "tidy", "values", "view", "window",
)  # fmt: skip


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model"])
def test_a_tensorflow_lite_file_is_read_as_one_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(TFLITE)
    with pytest.raises(ModelError) as caught:
        importer.import_model(path)
    assert str(caught.value) == f"{path}: not a TensorFlow Lite file, or truncated or damaged"


def test_converted_models_are_told_apart() -> None:
    files = sorted(SHARED.glob("*.tflite"))
    if not files:
        pytest.skip(f"{SHARED} is absent")
    assert all(map(is_tflite, files))
    assert not any(map(is_tflite, SHARED.parent.glob("*.onnx")))


def test_an_onnx_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    shutil.copy(zoo.resolve("zoo:tiny-vww"), path)
    assert importer.import_model(path).operators


@pytest.mark.parametrize("content", [b"", b"TFL3", TFLITE[:7], b"TFL3" + TFLITE])
def test_what_only_resembles_a_tensorflow_lite_file_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert not is_tflite(path)
    assert not is_tflite(tmp_path)
    assert not is_tflite(tmp_path / "absent")


def test_what_any_format_needs_loads_no_package_of_one() -> None:
    modules = [f"msf_riot.importer.{name}" for name in COMMON]
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(result.stdout))
    assert set(modules) <= loaded
    assert (
        not {
            "onnx",
            "onnxruntime",
            "google.protobuf",
            "ai_edge_litert",
            "msf_riot.importer.onnx",
            "msf_riot.importer.tflite",
        }
        & loaded
    )


def test_every_module_beside_the_formats_is_tried_here() -> None:
    assert {path.stem for path in Path(importer.__file__).parent.glob("*.py")} == {"__init__", *COMMON}
