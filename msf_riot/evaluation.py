"""A model, labelled data and a board -> how well the float model, the int8 model and the C on the board do.

The int8 model runs in its own runtime, the C on any board: samples go over the serial line, in frames with checksums.
What a board has answered is kept in the user's cache until the evaluation is done, so that one that is broken off goes
on where it was.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import platformdirs

from msf_riot import boards, build, codegen, metrics, planner, zoo
from msf_riot.agreement import from_int8, open_session, to_int8
from msf_riot.errors import BuildError, CalibrationError, ModelError, PlanError, RunError
from msf_riot.importer.file import is_tflite
from msf_riot.importer.samples import LABELS, class_numbers, read_file, read_npz, read_table
from msf_riot.importer.values import Array
from msf_riot.ir import Graph, Int8Array, Interface, Tensor
from msf_riot.litert import float_outputs, litert_outputs
from msf_riot.metrics import Metric
from msf_riot.places import ROOT, check_path
from msf_riot.scheduler import Schedule
from msf_riot.source import ModelSource
from msf_riot.testbed.session import flash, session
from msf_riot.verify import check_kernels, make_schedule, needs, onnxruntime_outputs

APPLICATION = ROOT / "apps/evaluate"
ATTEMPTS = 3
"""Sessions with a board that stops answering, before it is given up."""

SAMPLE_SECONDS = 300.0

Normalization: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Mean and deviation of pixels, one number or one for each channel."""

Progress = Callable[[str, int, int], None]
"""What is being done, how many of how many samples are."""


@dataclass(frozen=True)
class Data:
    """Samples and what they are: `inputs` int8 [n, *input_shape], `reals` each input's real values in the file's shape.

    `labels` int64 [n], for boxes [n, M]; `boxes` float64 [n, M, 4] where they were given.
    """

    inputs: Int8Array
    reals: Mapping[str, Array]
    labels: Array
    boxes: Array | None


@dataclass(frozen=True)
class Evaluation:
    """What `msf-riot evaluate` prints: the metric of each side that was run, from 0 to 1."""

    model: str
    board: str | None
    samples: int
    metric: Metric
    of_float: float | None
    of_int8: float
    of_device: float | None
    equal_fraction: float | None
    confusion: Array | None
    top5: Mapping[str, float]

    def as_json(self) -> dict[str, object]:
        """The object that scripts of others read: its names are a contract."""
        return {
            "model": self.model,
            "board": self.board,
            "samples": self.samples,
            "metric": self.metric,
            "float": self.of_float,
            "int8": self.of_int8,
            "device": self.of_device,
            "equal_fraction": self.equal_fraction,
        }


def evaluate(
    source: ModelSource,
    data: Path,
    *,
    board: str | None = None,
    float_model: Path | None = None,
    metric: Metric = "top1",
    plan: str | None = None,
    limit: int | None = None,
    normalization: Normalization | None = None,
    progress: Progress = lambda what, done, count: None,
) -> Evaluation:
    """Evaluates the first `limit` samples (default: all). Raises the errors of every step.

    `normalization` is (mean, deviation) of pictures for a model that takes floats; without it what the model's input
    scale tells.
    """
    planner.refuse_generation(source.model)
    graph = source.graph()
    model = zoo.resolve(source.model)
    found = read_data(data, graph, limit, normalization)
    score = _Score(graph, metric, found)
    count = len(found.inputs)
    theirs = _in_runtime(model, graph, found.inputs, progress)
    floats = None if float_model is None else _float_results(float_model, graph, found, progress)
    device = None if board is None else run_on_board(source, board, found.inputs, plan, progress)
    results = {"float": floats, "int8": score.reals(theirs), "device": None if device is None else score.reals(device)}
    best = device if device is not None else theirs
    classes = metric in ("top1", "top5")
    return Evaluation(
        model=source.model,
        board=None if board is None else boards.load(board).name,
        samples=count,
        metric=metric,
        of_float=None if floats is None else score(floats),
        of_int8=score(score.reals(theirs)),
        of_device=None if device is None else score(score.reals(device)),
        equal_fraction=None if device is None else float((device == theirs).mean()),
        confusion=metrics.confusion(score.scores(score.reals(best)), found.labels) if classes else None,
        top5={} if not classes else {k: metrics.top(score.scores(v), found.labels, 5) for k, v in results.items() if v},
    )


class _Score:
    """How real outputs become one number."""

    def __init__(self, graph: Graph, metric: Metric, data: Data) -> None:
        self.graph, self.metric, self.data = graph, metric, data
        self.boxes = [n for n in graph.outputs if graph.tensor(n).origin and _shape(graph.tensor(n))[-1] == 4]
        if metric == "map":
            if data.boxes is None or len(graph.outputs) < 2 or not self.boxes:
                raise CalibrationError(
                    "mean average precision needs an output of boxes [..., 4] and one of scores, and arrays 'boxes' "
                    "[samples, boxes, 4] and 'y' [samples, boxes] in the data"
                )
        elif data.labels.ndim != 1:
            raise CalibrationError(f"'{LABELS}' must be one number a sample for the metric {metric}")
        if metric in ("top1", "top5"):
            classes = self._classes()
            if data.labels.min() < 0 or data.labels.max() >= classes:
                raise CalibrationError(
                    f"labels from {data.labels.min()} to {data.labels.max()}, but the model has {classes} classes"
                )

    def _classes(self) -> int:
        tensor = self.graph.tensor(self.graph.output)
        return tensor.size

    def reals(self, outputs: Int8Array) -> list[Array]:
        """int8 [n, ...] of the caller's buffer -> real values of each output, [n, shape in the file without batch]."""
        graph, flat = self.graph, outputs.reshape(len(outputs), -1)
        results: list[Array] = []
        for name in graph.outputs:
            tensor, place = graph.tensor(name), graph.place(name)
            codes = flat[:, place : place + tensor.size].astype(np.float64)
            real = tensor.quantization.scale * (codes - tensor.quantization.zero_point)
            hwc = real.reshape(len(flat), *tensor.shape)
            if tensor.origin is None:
                results.append(hwc)
                continue
            turned = np.transpose(hwc, (0, *(axis + 1 for axis in tensor.origin.axes)))
            results.append(turned.reshape(len(flat), *_shape(tensor)))
        return results

    def scores(self, reals: list[Array]) -> Array:
        """[n, classes] of the first output."""
        return reals[0].reshape(len(reals[0]), -1)

    def __call__(self, reals: list[Array]) -> float:
        labels = self.data.labels
        match self.metric:
            case "top1":
                return metrics.top(self.scores(reals), labels, 1)
            case "top5":
                return metrics.top(self.scores(reals), labels, 5)
            case "auc":
                return metrics.area_under_curve(self._anomaly(reals), labels)
        assert self.data.boxes is not None
        boxes = reals[self.graph.outputs.index(self.boxes[0])].reshape(len(labels), -1, 4)
        others = [real for name, real in zip(self.graph.outputs, reals, strict=True) if name != self.boxes[0]]
        scores = next((r.reshape(len(r), boxes.shape[1], -1) for r in others if r[0].size % boxes.shape[1] == 0), None)
        if scores is None:
            raise CalibrationError(f"no output has scores for {boxes.shape[1]} boxes")
        return metrics.mean_average_precision(boxes, scores, self.data.boxes, labels)

    def _anomaly(self, reals: list[Array]) -> Array:
        """What an autoencoder fails to give back, else the last score."""
        first = reals[0].reshape(len(reals[0]), -1)
        given = next(iter(self.data.reals.values())).reshape(len(first), -1)
        if first.shape == given.shape and first.shape[1] > 1:
            return np.asarray(((first - given) ** 2).mean(axis=1))
        return first[:, -1]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """In the file, without the batch."""
    assert tensor.origin is not None
    return tensor.origin.shape[1:] or (1,)


def read_data(path: Path, graph: Graph, limit: int | None, normalization: Normalization | None) -> Data:
    """The samples and labels of an NPZ file, or of a CSV file of names and labels beside pictures or sounds.

    Raises CalibrationError where they do not suit the model.
    """
    if path.is_dir():
        tables = sorted(path.glob("*.csv"))
        if len(tables) != 1:
            raise CalibrationError(f"{path}: needs one CSV file of file names and labels, it has {len(tables)}")
        path = tables[0]
    if path.suffix.lower() == ".csv":
        arrays, labels, boxes = _of_files(path, graph, limit, normalization)
    else:
        arrays, labels, boxes = _of_arrays(path, graph, limit)
    parts, reals = [], {}
    for name in graph.inputs:
        tensor = graph.tensor(name)
        codes, reals[name] = _quantized(path, tensor, arrays[name])
        parts.append(codes.reshape(len(codes), -1))
    if len({len(part) for part in (*parts, labels)}) > 1:
        raise CalibrationError(f"{path}: {len(parts[0])} samples and {len(labels)} labels; each sample needs one")
    inputs = np.concatenate(parts, axis=1).reshape(-1, *graph.input_shape)
    return Data(inputs, reals, labels, boxes)


def _of_arrays(path: Path, graph: Graph, limit: int | None) -> tuple[dict[str, Array], Array, Array | None]:
    arrays = read_npz(path)
    if LABELS not in arrays:
        raise CalibrationError(f"{path}: holds {sorted(arrays)}, but no labels '{LABELS}' (one number a sample)")
    labels, boxes = arrays.pop(LABELS)[:limit], arrays.pop("boxes", None)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iub" or labels.ndim not in (1, 2) or labels.size == 0:
        raise CalibrationError(f"{path}: '{LABELS}' is {labels.dtype} {labels.shape}, not whole numbers, one a sample")
    found: dict[str, Array] = {}
    for name in graph.inputs:
        interface = _interface(graph, name)
        array = arrays.get(interface.name)
        if array is None and len(graph.inputs) == 1 and len(arrays) == 1:
            array = next(iter(arrays.values()))
        if array is None:
            raise CalibrationError(f"{path}: no array for the model's input '{interface.name}' among {sorted(arrays)}")
        if array.size == 0 or array.shape[1:] not in (interface.shape[1:], interface.shape):
            wanted = " x ".join(map(str, ("samples", *interface.shape[1:])))
            raise CalibrationError(f"{path}: the inputs have shape {array.shape}; the model wants {wanted}")
        if array.dtype.kind == "f" and not np.isfinite(array[:limit]).all():
            raise CalibrationError(f"{path}: the inputs hold values that are not finite")
        found[name] = array[:limit]
    return found, labels.astype(np.int64), None if boxes is None else boxes[:limit].astype(np.float64)


def _of_files(
    path: Path, graph: Graph, limit: int | None, normalization: Normalization | None
) -> tuple[dict[str, Array], Array, Array | None]:
    if len(graph.inputs) > 1:
        raise CalibrationError(f"{path}: files are read for models with one input; this one has {len(graph.inputs)}")
    tensor, interface = graph.tensor(graph.input), _interface(graph, graph.input)
    table = read_table(path)[:limit]
    files = [read_file(file, tensor.shape) for file, _ in table]
    if len({file.dtype for file in files}) > 1:
        raise CalibrationError(f"{path}: names pictures and sounds; either is read, not both")
    if files[0].dtype == np.uint8:
        files = [_pixels(file, tensor, normalization or graph.pixels) for file in files]
    stacked = np.stack([interface.from_hwc(file) for file in files])
    return {graph.input: stacked}, class_numbers([label for _, label in table], graph.labels), None


def _pixels(pixels: Array, tensor: Tensor, normalization: Normalization | None) -> Array:
    """Pixels [H, W, C] as the model's input wants them: bytes, or floats in the range that its scale tells."""
    element = _element(tensor)
    if element == "uint8":
        return pixels
    if normalization is None:
        quantization = tensor.quantization
        low, high = (quantization.scale * (code - quantization.zero_point) for code in (-128, 127))
        near = [n for ends, n in _PIXELS.items() if np.allclose((low, high), ends, atol=0.1 * (ends[1] - ends[0]))]
        if not near:
            raise CalibrationError(
                f"the model's input is from {low:.3g} to {high:.3g}, which tells no range of pixels: name --mean and "
                "--deviation, so that a pixel of 0 to 255 becomes (pixel - mean) / deviation"
            )
        normalization = near[0]
    mean, deviation = (np.asarray(each, np.float32) for each in normalization)
    if any(each.size not in (1, tensor.channels) for each in (mean, deviation)) or (deviation == 0).any():
        raise CalibrationError(f"mean and deviation must be one number, or one for each of {tensor.channels} channels")
    return ((pixels.astype(np.float32) - mean) / deviation).astype(np.float32)


_PIXELS = {
    (0.0, 1.0): ((0.0,), (255.0,)),
    (-1.0, 1.0): ((127.5,), (127.5,)),
    (0.0, 255.0): ((0.0,), (1.0,)),
    (-128.0, 127.0): ((128.0,), (1.0,)),
}
"""(mean, deviation) of pixels for what an input's scale holds."""


def _interface(graph: Graph, name: str) -> Interface:
    origin = graph.tensor(name).origin
    if origin is None:
        raise ModelError(f"{graph.name}: its input is none of the model file's, so no inputs can be given")
    return origin


def _element(tensor: Tensor) -> str:
    return "int8" if tensor.origin is None else tensor.origin.element


def _quantized(path: Path, tensor: Tensor, array: Array) -> tuple[Int8Array, Array]:
    """(int8 [n, H, W, C], the real values in the file's shape) of an array in the model's element type, or in float."""
    element, quantization = _element(tensor), tensor.quantization
    shift = 128 if element == "uint8" else 0
    if array.dtype == element and element != "float32":
        real = quantization.scale * (array.astype(np.float64) - shift - quantization.zero_point)
    elif array.dtype.kind == "f":
        real = array.astype(np.float64)
        if element != "float32":
            steps = np.rint(real / quantization.scale) + quantization.zero_point
            array = np.clip(steps, -128, 127).astype(np.int16) + shift
            array = array.astype(element)
    else:
        raise CalibrationError(f"{path}: the inputs are {array.dtype}; the model takes {element} (or give real values)")
    if element == "float32":
        array = array.astype(np.float32)
    if tensor.origin is not None and tensor.origin.normalization is not None:
        real = np.stack([from_int8(to_int8(each, tensor), tensor) for each in array])
    return np.stack([to_int8(each, tensor) for each in array]), real.astype(np.float32)


def _in_runtime(model: Path, graph: Graph, inputs: Int8Array, progress: Progress) -> Int8Array:
    """Outputs of the int8 model in ONNX Runtime or LiteRT."""
    run = litert_outputs if is_tflite(model) else onnxruntime_outputs
    what = "int8 in LiteRT" if is_tflite(model) else "int8 in ONNX Runtime"
    parts = []
    for begin in range(0, len(inputs), _SOME):
        progress(what, begin, len(inputs))
        parts.append(run(model, graph, inputs[begin : begin + _SOME]))
    progress(what, len(inputs), len(inputs))
    return np.concatenate(parts)


_SOME = 200
"""Samples between two signs of progress."""


def _float_results(model: Path, graph: Graph, data: Data, progress: Progress) -> list[Array]:
    """Each output of the float model, in the order of the int8 model's: float64 [n, ...]."""
    names = [_interface(graph, name).name for name in graph.inputs]
    given = [data.reals[name] for name in graph.inputs]
    count = len(data.inputs)
    results: list[list[Array]] = []
    if is_tflite(model):
        for each in float_outputs(model, [[part[i] for part in given] for i in range(count)]):
            results.append(each)
            progress("float in LiteRT", len(results), count)
    else:
        try:
            runtime = open_session(str(model))
            ports = runtime.get_inputs()
            if len(ports) != len(names):
                raise ModelError(f"{model}: has {len(ports)} inputs, the int8 model {len(names)}")
            order = names if {port.name for port in ports} == set(names) else [port.name for port in ports]
            shapes = {port.name: [d if isinstance(d, int) else 1 for d in port.shape] for port in ports}
            for i in range(count):
                feed = {n: part[i].reshape(shapes[n]).astype(np.float32) for n, part in zip(order, given, strict=True)}
                results.append(runtime.run(None, feed))
                progress("float in ONNX Runtime", i + 1, count)
        except ModelError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            raise ModelError(f"{model}: ONNX Runtime cannot run it: {' '.join(str(error).split())[:300]}") from error
    if len(results[0]) < len(graph.outputs):
        raise ModelError(f"{model}: gives {len(results[0])} outputs, the int8 model {len(graph.outputs)}")
    return [
        np.stack([np.asarray(each[k], np.float64).reshape(-1) for each in results]) for k in range(len(graph.outputs))
    ]


def run_on_board(
    source: ModelSource, board_name: str, inputs: Int8Array, plan: str | None, progress: Progress
) -> Int8Array:
    """What the C gives on a board, int8 [n, *output_shape]; what an earlier run has left is not run again."""
    board = boards.load(board_name)
    schedule = make_schedule(source, plan, board)
    if schedule.plan.input_mode != "whole":
        raise PlanError("samples are sent whole: evaluate with a plan for --input whole")
    check_kernels(schedule.plan.kernels, board)
    wanted = needs(schedule, 0)
    build.check_fits(board, ram_bytes=wanted["ram_bytes"] + schedule.input_bytes, flash_bytes=wanted["flash_bytes"])
    build.environment(board, ROOT, ROOT)
    check_path(Path(tempfile.gettempdir()), "the folder for temporary files that TMPDIR names")
    kept = _kept(schedule, board_name, inputs)
    size = schedule.output_bytes
    done = kept.stat().st_size // size if kept.is_file() else 0
    directory = Path(tempfile.mkdtemp(prefix="msf-riot-evaluate-"))
    try:
        if done < len(inputs):
            progress(f"building for {board.name}", 0, 1)
            none = np.zeros((0, schedule.output_bytes), np.int8)
            codegen.generate_package(schedule, directory / "packages")
            codegen.generate_vectors(schedule, inputs[:0], none, directory / "packages")
            built = build.build(board, APPLICATION, directory / "packages", directory / "build", jobs=2)
            flash(built.application, built.environment, built.log.with_suffix(".flash.log"))
            _feed(built, inputs, kept, size, board.name, progress)
    except BuildError:
        raise  # its log stays where the message says it is
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    outputs = np.frombuffer(kept.read_bytes()[: size * len(inputs)], np.int8)
    kept.unlink()
    return outputs.reshape(len(inputs), *schedule.graph.output_shape)


def _feed(built: build.Build, inputs: Int8Array, kept: Path, size: int, board: str, progress: Progress) -> None:
    """Sends what is missing, in a new session where a board has stopped answering."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("ab") as results:
        results.truncate(results.tell() // size * size)
        for attempt in range(ATTEMPTS):
            before = results.tell()
            try:
                with session(built.application, built.environment) as running:
                    line = int(running.run("model", SAMPLE_SECONDS)[-1]["line"])
                    while (number := results.tell() // size) < len(inputs):
                        progress(f"on {board}", number, len(inputs))
                        output, _ = running.sample(inputs[number].tobytes(), line, SAMPLE_SECONDS)
                        if len(output) != size:
                            raise RunError(f"board {board} sent an output of {len(output)} bytes, not {size}")
                        results.write(output)
                        results.flush()
                progress(f"on {board}", len(inputs), len(inputs))
                return
            except RunError:
                if attempt + 1 == ATTEMPTS or results.tell() == before:
                    raise


def _kept(schedule: Schedule, board: str, inputs: Int8Array) -> Path:
    """Where the outputs of this model, plan, board and data are kept until they are all there."""
    digest = hashlib.sha256(f"{planner.fingerprint(schedule.graph)} {schedule.plan!r}".encode())
    digest.update(board.encode())
    digest.update(np.ascontiguousarray(inputs).tobytes())
    return platformdirs.user_cache_path("msf-riot") / "evaluate" / f"{digest.hexdigest()[:32]}.bin"
