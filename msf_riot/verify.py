"""A model, a board and inputs -> whether C on that board, the reference and ONNX Runtime agree, and what it all took.

The way is the user's own: import, plan, schedule, generate, build, run apps/selftest. The device compares its output
with the reference's byte for byte; ONNX Runtime is compared with the reference, which then stands for the device.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from msf_riot import boards, build, codegen, importer, ir, planner, reference, scheduler, testbed, zoo
from msf_riot.boards import ROOT
from msf_riot.errors import BuildError, CalibrationError, ModelError
from msf_riot.importer.quantize import read_npz
from msf_riot.ir import Graph, Int8Array, Interface, Tensor
from msf_riot.scheduler import Schedule

SEED = 20251121
MOST_VECTOR_BYTES = 1 << 18
"""Of default inputs: they are embedded in the firmware."""

LAYER_BY_LAYER = "layer-by-layer"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Agreement:
    """Of two int8 outputs over some inputs: largest difference in steps, share of equal elements and of equal top-1."""

    max_abs_diff: int
    equal_fraction: float
    top1_agreement: float


@dataclass(frozen=True)
class Verification:
    """What `msf-riot verify` prints. Bytes of the ELF and the arena; `count` of `unit` is one inference."""

    model: str
    board: str
    plan: str
    match: bool
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    stack_bytes: int
    text_bytes: int
    weights_bytes: int
    unit: str
    count: int
    macs: int
    ort: Agreement
    problem: str | None

    def as_json(self) -> dict[str, object]:
        """The object that scripts of others read: its names are a contract."""
        return {
            "model": self.model,
            "board": self.board,
            "plan": self.plan,
            "match": self.match,
            "arena_bytes": self.arena_bytes,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "stack_bytes": self.stack_bytes,
            "text_bytes": self.text_bytes,
            "weights_bytes": self.weights_bytes,
            self.unit: self.count,
            "macs": self.macs,
            "max_abs_diff_ort": self.ort.max_abs_diff,
            "equal_fraction_ort": self.ort.equal_fraction,
            "top1_agreement": self.ort.top1_agreement,
        }


def make_schedule(model: Path, plan: Path | None) -> Schedule:
    """A model file and perhaps a plan file -> Schedule; layer by layer without one."""
    graph = importer.import_model(model)
    return scheduler.schedule(graph, planner.read_plan(plan, graph) if plan else planner.layer_by_layer(graph))


def needs(schedule: Schedule, inputs: int) -> dict[str, int]:
    """The RAM and flash that surely are needed: arena and result; weights and `inputs` test vectors."""
    vectors = inputs * (schedule.input_bytes + schedule.output_bytes)
    return {
        "ram_bytes": schedule.arena_bytes + schedule.output_bytes,
        "flash_bytes": ir.parameter_bytes(schedule.graph) + vectors,
    }


def generate(schedule: Schedule, inputs: Int8Array, directory: Path) -> Int8Array:
    """Writes the packages of the model and of its test vectors; gives the reference's outputs, int8 [n, H, W, C]."""
    outputs = np.stack([reference.execute(schedule.graph, each) for each in inputs])
    codegen.generate_package(schedule, directory)
    codegen.generate_vectors(schedule, inputs, outputs, directory)
    return outputs


def verify(
    model: str, board_name: str, *, inputs: Path | None = None, plan: Path | None = None, progress: Progress = print
) -> Verification:
    """Runs the whole way for one model on one board.

    `inputs` is an NPZ file of one array [n, shape of the model's input]; without it, seeded inputs are used. Raises
    the errors of every step; a mismatch is no error here, but in the result.
    """
    board = boards.load(board_name)
    progress(f"importing {model}")
    path = zoo.resolve(model)
    schedule = make_schedule(path, plan)
    graph = schedule.graph
    samples = read_inputs(inputs, graph) if inputs else default_inputs(graph)
    build.check_fits(board, **needs(schedule, len(samples)))
    build.environment(board, ROOT, ROOT)  # a missing toolchain is worth saying before the reference has run
    directory = Path(tempfile.mkdtemp(prefix="msf-riot-verify-"))
    try:
        progress(f"running the reference on {len(samples)} inputs")
        outputs = generate(schedule, samples, directory / "packages")
        progress(f"building for {board.name}")
        built = build.build(board, ROOT / "apps/selftest", directory / "packages", directory / "build", jobs=2)
        progress(f"running on {board.name}")
        result = testbed.selftest(built)
        progress("running ONNX Runtime")
        ort = agreement(outputs, onnxruntime_outputs(path, graph, samples))
    except BuildError:
        raise  # its log stays where the message says it is
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    return Verification(
        model=model,
        board=board.name,
        plan=str(plan) if plan else LAYER_BY_LAYER,
        match=result.match,
        arena_bytes=built.arena_bytes,
        input_bytes=schedule.input_bytes,
        output_bytes=schedule.output_bytes,
        stack_bytes=result.stack_bytes,
        text_bytes=built.text_bytes,
        weights_bytes=built.weights_bytes,
        unit=result.unit,
        count=result.count,
        macs=schedule.macs,
        ort=ort,
        problem=result.problem,
    )


def default_inputs(graph: Graph) -> Int8Array:
    """Seeded inputs, int8 [n, H, W, C]: noise, a smooth image, extremes, and the zero point; as many as are small."""
    tensor = graph.tensor(graph.input)
    random = np.random.default_rng(SEED)
    rows, columns = np.ogrid[0.0 : 1.0 : tensor.height * 1j, 0.0 : 1.0 : tensor.width * 1j]
    row_waves, column_waves, phase = (random.uniform(0, 6, tensor.channels) for _ in range(3))
    waves = np.sin(rows[..., None] * row_waves + columns[..., None] * column_waves + phase)
    kinds = [
        random.integers(-128, 128, tensor.shape),
        np.rint(127 * waves),
        random.choice([-128, 127], tensor.shape),
        np.full(tensor.shape, tensor.quantization.zero_point),
    ]
    count = min(len(kinds), max(2, MOST_VECTOR_BYTES // tensor.size))
    return np.stack(kinds[:count]).astype(np.int8)


def read_inputs(path: Path, graph: Graph) -> Int8Array:
    """The inputs in an NPZ file as the device takes them, int8 [n, H, W, C]; never unpickles.

    The array is the only one or bears the input's name; its first axis are the samples, the others the model's own.
    Floats are real values and get quantized; integers are quantized values in the model's own type.
    """
    tensor = graph.tensor(graph.input)
    interface = _interface(tensor)
    arrays = read_npz(path)
    array = next(iter(arrays.values())) if len(arrays) == 1 else arrays.get(interface.name)
    if array is None:
        raise CalibrationError(f"{path}: holds {sorted(arrays)}, but no array for the model's input '{interface.name}'")
    shape = interface.shape[1:]
    if (
        array.ndim < 1
        or len(array) == 0
        or array.size != len(array) * tensor.size
        or array.shape[1:] not in (shape, interface.shape)
    ):
        wanted = " x ".join(map(str, ("samples", *shape)))
        raise CalibrationError(f"{path}: the inputs have shape {array.shape}; the model wants {wanted}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise CalibrationError(f"{path}: the inputs hold values that are not finite")
        values = quantize(array, tensor)
    else:
        wanted_type = np.dtype(np.uint8 if interface.element == "uint8" else np.int8)
        if array.dtype != wanted_type:
            raise CalibrationError(f"{path}: the inputs are {array.dtype}; the model takes float32 or {wanted_type}")
        values = from_element(array)
    return np.stack([interface.to_hwc(each, tensor.shape) for each in values]).astype(np.int8)


def quantize(values: npt.NDArray[np.floating], tensor: Tensor) -> Int8Array:
    """QuantizeLinear: real values -> int8, half to even."""
    quantization = tensor.quantization
    steps = np.rint(values / np.float32(quantization.scale)) + quantization.zero_point
    return np.clip(steps, -128, 127).astype(np.int8)


def from_element(values: npt.NDArray[np.generic]) -> Int8Array:
    """int8 or uint8 as an ONNX model has it -> int8 as the device has it."""
    if values.dtype == np.uint8:
        return (values.astype(np.int16) - 128).astype(np.int8)
    return values.astype(np.int8)


def _interface(tensor: Tensor) -> Interface:
    if tensor.origin is None:
        raise ModelError(
            f"tensor '{tensor.name}' stands for none of the ONNX file, so ONNX Runtime has none to compare"
        )
    return tensor.origin


def onnxruntime_outputs(model: Path, graph: Graph, inputs: Int8Array) -> Int8Array:
    """What ONNX Runtime computes for the same int8 inputs, as int8 [n, H, W, C].

    Without optimization, so that quantized operators are computed as they are written, on every processor alike.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    source, result = graph.tensor(graph.input), graph.tensor(graph.output)
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        answers = [session.run(None, {name: _to_onnx(each, source)})[0] for each in inputs]
    except Exception as error:  # ONNX Runtime raises its own types and bare Exceptions alike
        raise ModelError(f"{model}: ONNX Runtime cannot run it: {str(error).strip().splitlines()[0]}") from error
    return np.stack([_from_onnx(each, result) for each in answers])


def _to_onnx(values: Int8Array, tensor: Tensor) -> npt.NDArray[np.generic]:
    interface, quantization = _interface(tensor), tensor.quantization
    stored = interface.from_hwc(values)
    match interface.element:
        case "float32":
            steps = stored.astype(np.float32) - np.float32(quantization.zero_point)
            return np.asarray(steps * np.float32(quantization.scale))
        case "uint8":
            return np.asarray(stored.astype(np.int16) + 128).astype(np.uint8)
        case _:
            return stored


def _from_onnx(values: npt.NDArray[np.generic], tensor: Tensor) -> Int8Array:
    steps = quantize(values.astype(np.float32), tensor) if values.dtype.kind == "f" else from_element(values)
    return _interface(tensor).to_hwc(steps, tensor.shape).astype(np.int8)


def agreement(ours: Int8Array, theirs: Int8Array) -> Agreement:
    """Compares two sets of outputs, int8 [n, ...]."""
    first, second = (array.reshape(len(array), -1).astype(np.int16) for array in (ours, theirs))
    return Agreement(
        max_abs_diff=int(np.abs(first - second).max()),
        equal_fraction=float((first == second).mean()),
        top1_agreement=float((first.argmax(axis=1) == second.argmax(axis=1)).mean()),
    )
