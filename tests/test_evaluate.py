"""msf-riot evaluate: a network trained on scikit-learn's digits, and every metric and kind of data."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, roc_auc_score

from msf_riot import boards, build, cli, evaluation, metrics
from msf_riot.errors import CalibrationError, MsfError, RunError
from msf_riot.importer.onnx.quantize import quantize_model
from msf_riot.source import ModelSource
from msf_riot.testbed.session import Session

SEEN = 1200


def float_model(images: np.ndarray, labels: np.ndarray) -> onnx.ModelProto:
    """Random filters and a trained head (ridge regression): [n, 1, 8, 8] -> [n, 10]."""
    random = np.random.default_rng(1)
    filters, bias = random.normal(0, 0.5, (32, 1, 3, 3)), random.normal(0, 0.2, 32)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2))
    maps = np.maximum(np.einsum("nhwij,oij->nohw", windows, filters[:, 0]) + bias[:, None, None], 0)
    features = maps.reshape(len(images), 32, 4, 2, 4, 2).max((3, 5)).reshape(len(images), -1)
    known = np.c_[features, np.ones(len(images))]
    head = np.linalg.solve(known.T @ known + 3 * np.eye(known.shape[1]), known.T @ np.eye(10)[labels]) * 8
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("MaxPool", ["positive"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head", "offset"], ["scores"]),
    ]
    constants = {"w": filters, "b": bias, "head": head[:-1], "offset": head[-1]}
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the float model, the int8 one, and images that neither has seen."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    images, labels = (data.images[:, None] / 16).astype(np.float32), data.target
    onnx.save(float_model(images[:SEEN], labels[:SEEN]), folder / "digits.onnx")
    np.savez(folder / "calibration.npz", image=images[:200], y=labels[:200])
    np.savez(folder / "test.npz", image=images[SEEN:], y=labels[SEEN:])
    report = quantize_model(folder / "digits.onnx", folder / "calibration.npz", folder / "int8.onnx")
    assert report.float_accuracy is not None and report.float_accuracy > 0.95
    assert report.int8_accuracy is not None and report.int8_accuracy > 0.95
    assert {layer.operator for layer in report.layers} >= {"Relu", "Gemm"}
    assert all(layer.after_db is None or layer.after_db > 20 for layer in report.layers)
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert cli.main(["evaluate", *map(str, arguments), "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("board", ["host", pytest.param("sim-m4", marks=pytest.mark.cross)])
def test_accuracy_of_float_int8_and_board(board: str, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if reason := build.obstacle(boards.load(board)):
        pytest.skip(reason)
    found = run(
        capsys, digits / "int8.onnx", "--data", digits / "test.npz", "--float", digits / "digits.onnx", "--board", board
    )
    assert list(found) == ["model", "board", "samples", "metric", "float", "int8", "device", "equal_fraction"]
    assert found["board"] == board and found["samples"] == 597 and found["metric"] == "top1"
    assert all(isinstance(found[side], float) and found[side] > 0.9 for side in ("float", "int8", "device"))
    assert found["equal_fraction"] == pytest.approx(1.0, abs=0.001)


def test_sides_that_are_not_run_are_null(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(capsys, digits / "int8.onnx", "--data", digits / "test.npz", "--limit", 50, "--metric", "top5")
    assert found["samples"] == 50 and found["float"] is None and found["device"] is None
    assert found["board"] is None and found["equal_fraction"] is None
    assert cli.main(["evaluate", str(digits / "int8.onnx"), "--data", str(digits / "test.npz")]) == 0
    shown = capsys.readouterr().out
    assert "accuracy (top-1), int8" in shown and "confusion (int8): rows are the true classes" in shown


def test_pictures_beside_a_table(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(digits / "test.npz") as data:
        images, labels = data["image"][:40], data["y"][:40]
    rows = ["file,label"]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = f"{number}.{'jpg' if number == 7 else 'png'}"
        Image.fromarray(np.rint(image[0] * 255).astype(np.uint8)).resize((16, 16) if number == 3 else (8, 8)).save(
            tmp_path / name
        )
        rows.append(f"{name},{label}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for data in (tmp_path, tmp_path / "labels.csv"):
        found = run(capsys, digits / "int8.onnx", "--data", data)
        assert found["samples"] == 40 and float(str(found["int8"])) > 0.9
    other = run(capsys, digits / "int8.onnx", "--data", tmp_path, "--mean", 0, "--deviation", 255)
    assert other["int8"] == found["int8"]


BAD = {
    "no labels": (lambda f: np.savez(f, image=np.zeros((2, 1, 8, 8), np.float32)), "no labels 'y'"),
    "another shape": (lambda f: np.savez(f, image=np.zeros((2, 1, 8, 9), np.float32), y=[1, 2]), "the model wants"),
    "labels of words": (lambda f: np.savez(f, image=np.zeros((2, 1, 8, 8), np.float32), y=["a", "b"]), "whole numbers"),
    "a class too many": (lambda f: np.savez(f, image=np.zeros((2, 1, 8, 8), np.float32), y=[1, 10]), "has 10 classes"),
    "too few labels": (lambda f: np.savez(f, image=np.zeros((3, 1, 8, 8), np.float32), y=[1, 2]), "each sample needs"),
    "nothing": (lambda f: f.write_bytes(b"nonsense"), "not an NPZ file"),
    "integers": (lambda f: np.savez(f, image=np.zeros((2, 1, 8, 8), np.int16), y=[1, 2]), "the inputs are int16"),
    "not finite": (lambda f: np.savez(f, image=np.full((2, 1, 8, 8), np.nan, np.float32), y=[1, 2]), "not finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_data_that_does_not_suit_is_one_line(
    case: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = BAD[case]
    make(tmp_path / "data.npz")
    assert cli.main(["evaluate", str(digits / "int8.onnx"), "--data", str(tmp_path / "data.npz")]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line and "\n" not in line


TABLES = {
    "nothing.csv,1": "names no file that exists",
    "a.png,1\nb.png,2": "names 'b.png', which is not in",
    "a.png": "a comma and a label",
    "a.txt,1": "is none of .png",
    "a.png,1\nbroken.png,2": "cannot be read",
    "a.png,1\na.wav,2": "pictures and sounds",
}


@pytest.mark.parametrize("table", TABLES)
def test_tables_that_do_not_suit_are_one_line(
    table: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(200))
    (tmp_path / "t.csv").write_text(table)
    assert cli.main(["evaluate", str(digits / "int8.onnx"), "--data", str(tmp_path / "t.csv")]) == 2
    line = capsys.readouterr().err.strip()
    assert TABLES[table] in line and "\n" not in line


def test_what_a_board_has_answered_is_not_asked_again(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source, sample = ModelSource(str(digits / "int8.onnx")), Session.sample
    asked: list[int] = []

    def counted(self: Session, data: bytes, line: int, timeout: float) -> tuple[bytes, dict[str, object]]:
        asked.append(1)
        if len(asked) in (8, 9):  # a session that breaks off, and another without an answer
            raise RunError("the cable is out")
        return sample(self, data, line, timeout)

    monkeypatch.setattr(Session, "sample", counted)
    with pytest.raises(RunError, match="the cable is out"):
        evaluation.evaluate(source, digits / "test.npz", board="host", limit=20)
    kept = list(tmp_path.rglob("*.bin"))
    assert [file.stat().st_size for file in kept] == [7 * 10]
    found = evaluation.evaluate(source, digits / "test.npz", board="host", limit=20)
    assert found.equal_fraction == 1.0 and len(asked) == 7 + 2 + 13
    assert not list(tmp_path.rglob("*.bin"))


def test_the_area_under_the_curve_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    scores, labels = np.round(random.normal(0, 1, 300), 1), random.integers(0, 2, 300)
    assert metrics.area_under_curve(scores, labels) == pytest.approx(roc_auc_score(labels, scores))
    with pytest.raises(CalibrationError, match="of one class"):
        metrics.area_under_curve(scores, np.zeros(300))


def test_mean_average_precision_of_boxes() -> None:
    truth = np.array([[[0.0, 0, 10, 10], [20, 20, 30, 30]], [[0, 0, 10, 10], [0, 0, 0, 0]]])
    labels = np.array([[0, 1], [0, -1]])
    boxes = np.array(
        [[[0.0, 0, 10, 9], [20, 21, 30, 30], [0, 1, 10, 10]], [[50, 50, 60, 60], [0, 0, 9, 10], [1, 0, 9, 10]]]
    )
    scores = np.array([[[0.9, 0.0], [0.0, 0.8], [0.3, 0.0]], [[0.95, 0.1], [0.7, 0.0], [0.6, 0.0]]])
    # class 0, ranked: 0.95 wrong, 0.9 right, 0.7 right (0.6 and 0.3 overlap better ones) -> precision 2/3 at each
    assert metrics.mean_average_precision(boxes, scores, truth, labels) == pytest.approx((2 / 3 + 1.0) / 2)
    assert metrics.mean_average_precision(boxes, 0 * scores, truth + 100, labels) == 0


def test_average_precision_is_scikit_learns_where_each_sample_has_one_box() -> None:
    random = np.random.default_rng(2)
    count = 60
    box = np.tile([0.0, 0, 1, 1], (count, 1, 1))
    scores, labels = random.random((count, 1, 1)), random.integers(0, 2, (count, 1)) - 1
    found = metrics.mean_average_precision(box, scores, box, labels)
    assert found >= average_precision_score(labels[:, 0] == 0, scores[:, 0, 0]) - 1e-12  # interpolated from above


def test_detectors_and_anomalies_by_their_metric(digits: Path, tmp_path: Path) -> None:
    with np.load(digits / "test.npz") as data:
        images, labels = data["image"], data["y"]
    np.savez(tmp_path / "nine.npz", image=images, y=(labels == 9).astype(np.int64))
    found = evaluation.evaluate(ModelSource(str(digits / "int8.onnx")), tmp_path / "nine.npz", metric="auc")
    assert found.of_int8 > 0.95  # the last score is that of nine
    with pytest.raises(MsfError, match="needs an output of boxes"):
        evaluation.evaluate(ModelSource(str(digits / "int8.onnx")), tmp_path / "nine.npz", metric="map")
