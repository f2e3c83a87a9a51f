"""Labels in the metadata of an ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper
from onnx_models import Drawing, imported

from msf_riot.importer import import_model

CLASSES = 4


def model(metadata: dict[str, str]) -> onnx.ModelProto:
    draw = Drawing()
    drawn = draw.model(draw.qdq(draw.op("MatMul", draw.activation((1, 6)), draw.weights((6, CLASSES), 1))))
    helper.set_model_props(drawn, metadata)
    return drawn


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "{0: 'left', 1: 'right', 2: 'up', 3: 'down'}"},
        {"author": "somebody", "labels": '["left", "right", "up", "down"]'},
        {"labels": "fewer,than,classes", "classes": "left\nright\nup\ndown\n"},
    ],
)
def test_metadata_that_names_every_class_labels_the_graph(metadata: dict[str, str], tmp_path: Path) -> None:
    assert imported(model(metadata), tmp_path).labels == ("left", "right", "up", "down")


@pytest.mark.parametrize("metadata", [{}, {"names": "left,right"}, {"author": "a,b,c,d"}])
def test_other_metadata_does_not(metadata: dict[str, str], tmp_path: Path) -> None:
    assert imported(model(metadata), tmp_path).labels == ()


def test_metadata_that_is_not_text_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    data = model({"names": "left,right,up,down"}).SerializeToString()
    path.write_bytes(data.replace(b"left,right", b"left,\xff\xffght"))
    assert import_model(path).labels == ()
