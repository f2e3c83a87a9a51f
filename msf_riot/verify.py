"""A model, a board and inputs -> whether C on that board, the reference and the model's own runtime agree.

The way is the user's own: import, plan, schedule, generate, build, run apps/selftest. The device compares its output
with the reference's byte for byte. The model's runtime, LiteRT or ONNX Runtime, is compared with the reference, which
then stands for the device.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime

from msf_riot import boards, build, codegen, ir, planner, reference, scheduler, zoo
from msf_riot import kernels as kernel_sets
from msf_riot.agreement import ZERO_TYPES, exposed, file_name, from_int8, open_session, to_int8
from msf_riot.boards import Board
from msf_riot.build import Build
from msf_riot.errors import BuildError, CalibrationError, ModelError, PlanError
from msf_riot.importer.file import is_tflite
from msf_riot.importer.samples import LABELS, read_npz
from msf_riot.importer.values import Array
from msf_riot.ir import Graph, Int8Array, Tensor
from msf_riot.litert import litert_outputs
from msf_riot.places import ROOT, check_path
from msf_riot.scheduler import Schedule
from msf_riot.source import ModelSource
from msf_riot.testbed.session import SelftestResult, flash, run_selftest

SEED = 20251121
MOST_VECTOR_BYTES = 1 << 18
"""Of default inputs: they are embedded in the firmware."""

SELFTEST = ROOT / "apps/selftest"
SELFTEST_SECONDS = 900.0
"""For all inputs together, on the slowest board or simulator."""

Runtime = Literal["ort", "litert"]
RUNTIMES: Mapping[Runtime, str] = {"ort": "ONNX Runtime", "litert": "LiteRT"}
"""What a model is compared with, by the name that it has in results."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Agreement:
    """Of two int8 outputs over some inputs: largest difference in steps, share of equal elements and of equal top-1."""

    max_abs_diff: int
    equal_fraction: float
    top1_agreement: float


@dataclass(frozen=True)
class Verification:
    """What `msf-riot verify` prints: bytes as the ELF has them, the rest as the selftest and the schedule say."""

    model: str
    board: str
    plan: str
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    text_bytes: int
    weights_bytes: int
    macs: int
    runtime: Runtime
    agreement: Agreement
    selftest: SelftestResult

    def as_json(self) -> dict[str, object]:
        """The object that scripts of others read: its names are a contract."""
        return {
            "model": self.model,
            "board": self.board,
            "plan": self.plan,
            "match": self.selftest.match,
            "arena_bytes": self.arena_bytes,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "stack_bytes": self.selftest.stack_bytes,
            "text_bytes": self.text_bytes,
            "weights_bytes": self.weights_bytes,
            **one_inference(self.selftest),
            "macs": self.macs,
            f"max_abs_diff_{self.runtime}": self.agreement.max_abs_diff,
            f"equal_fraction_{self.runtime}": self.agreement.equal_fraction,
            "top1_agreement": self.agreement.top1_agreement,
        }


def make_schedule(source: ModelSource, plan: str | None, board: Board) -> Schedule:
    """A model and a plan's file or name -> Schedule; without one, the plan that suits the board.

    That is the default plan or, where the board has no room for it, another (`planner.named_plan`).
    """
    graph = source.graph()
    left = board.ram_left()
    limit = None if left is None else max(0, left - graph.output_bytes)
    return scheduler.schedule(graph, planner.named_plan(graph, plan, board.kernels, ram_limit=limit))


def check_kernels(kernels: str, board: Board) -> None:
    """Raises PlanError where a plan is for kernels that the board cannot run."""
    wanted = kernel_sets.load(kernels)
    if not wanted.extensions.issubset(board.extensions):
        raise PlanError(
            f"the plan is for kernels of {wanted.cores}, which BOARD={board.name} ({board.core}) lacks: "
            f"make one with 'msf-riot plan --kernels {board.kernels}'"
        )


def needs(schedule: Schedule, inputs: int) -> dict[str, int]:
    """The RAM and flash that surely are needed: arena and result; weights and `inputs` test vectors."""
    vectors = inputs * (schedule.input_bytes + schedule.output_bytes)
    return {
        "ram_bytes": schedule.arena_bytes + schedule.output_bytes,
        "flash_bytes": ir.parameter_bytes(schedule.graph) + vectors,
    }


def generate(schedule: Schedule, inputs: Int8Array, directory: Path) -> Int8Array:
    """Writes the packages of the model and of its test vectors; gives the reference's outputs, int8 [n, ...]."""
    outputs = np.array([reference.execute(schedule.graph, each) for each in inputs], np.int8)
    codegen.generate_package(schedule, directory)
    codegen.generate_vectors(schedule, inputs, outputs, directory)
    return outputs


def verify(
    source: ModelSource,
    board_name: str,
    *,
    inputs: Path | None = None,
    plan: str | None = None,
    progress: Progress = lambda message: None,
) -> Verification:
    """Runs the whole way for one model on one board.

    `inputs` is an NPZ file of one array
    [n, shape of the model's input]; without it, seeded inputs are used. Raises the errors of every step; a mismatch is
    no error here, but in the result.
    """
    planner.refuse_generation(source.model)
    board = boards.load(board_name)
    progress(f"importing {source.model}")
    model = zoo.resolve(source.model)
    runtime: Runtime = "litert" if is_tflite(model) else "ort"
    schedule = make_schedule(source, plan, board)
    check_kernels(schedule.plan.kernels, board)
    graph = schedule.graph
    samples = read_inputs(inputs, graph) if inputs else default_inputs(graph)
    build.check_fits(board, **needs(schedule, len(samples)))
    # a missing toolchain and a path that make cannot use are worth saying before the reference has run
    build.environment(board, ROOT, ROOT)
    check_path(Path(tempfile.gettempdir()), "the folder for temporary files that TMPDIR names")
    directory = Path(tempfile.mkdtemp(prefix="msf-riot-verify-"))
    try:
        progress(f"running the reference on {len(samples)} inputs")
        outputs = generate(schedule, samples, directory / "packages")
        progress(f"building for {board.name}")
        built = build.build(board, SELFTEST, directory / "packages", directory / "build", jobs=2)
        progress(f"running on {board.name}")
        result = selftest(built)
        progress(f"running {RUNTIMES[runtime]}")
        theirs = (litert_outputs if runtime == "litert" else onnxruntime_outputs)(model, graph, samples)
    except BuildError:
        raise  # its log stays where the message says it is
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    return Verification(
        model=source.model,
        board=board.name,
        plan=plan or "default",
        arena_bytes=built.arena_bytes,
        input_bytes=schedule.input_bytes,
        output_bytes=schedule.output_bytes,
        text_bytes=built.text_bytes,
        weights_bytes=built.weights_bytes,
        macs=schedule.macs,
        runtime=runtime,
        agreement=agreement(outputs, theirs, [graph.tensor(name).size for name in graph.outputs]),
        selftest=result,
    )


def selftest(built: Build) -> SelftestResult:
    """Flashes a built selftest and runs it. Raises RunError where the board does not answer."""
    flash(built.application, built.environment, built.log.with_suffix(".flash.log"))
    return run_selftest(built.application, built.environment, SELFTEST_SECONDS)


def one_inference(result: SelftestResult) -> dict[str, int]:
    """Executed instructions where the board counts them, else microseconds, under that name."""
    if result.instructions is not None:
        return {"instructions": result.instructions}
    return {"microseconds": result.microseconds or 0}


def first_mismatch(result: SelftestResult) -> str:
    """Which output byte of which input differs first, in words."""
    found = result.first_mismatch
    if found is None:
        return "no mismatch"
    return f"input {found.case}, output byte {found.index}: expected {found.expected}, got {found.got}"


def default_inputs(graph: Graph) -> Int8Array:
    """Seeded inputs, int8 [n, *input_shape]: noise, a smooth image, extremes, the zero point; as many as are small."""
    random = np.random.default_rng(SEED)
    kinds = [_default_inputs(graph.tensor(name), random) for name in graph.inputs]
    count = min(len(kinds[0]), max(2, MOST_VECTOR_BYTES // graph.input_bytes))
    return _joined(graph, [each[:count] for each in kinds])


def _joined(graph: Graph, parts: list[Int8Array]) -> Int8Array:
    """Each input [n, H, W, C] -> int8 [n, *graph.input_shape]."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).reshape(-1, *graph.input_shape)


def _default_inputs(tensor: Tensor, random: np.random.Generator) -> Int8Array:
    rows, columns = np.ogrid[0.0 : 1.0 : tensor.height * 1j, 0.0 : 1.0 : tensor.width * 1j]
    row_waves, column_waves, phase = (random.uniform(0, 6, tensor.channels) for _ in range(3))
    waves = np.sin(rows[..., None] * row_waves + columns[..., None] * column_waves + phase)
    kinds = [
        random.integers(-128, 128, tensor.shape),
        np.rint(127 * waves),
        random.choice([-128, 127], tensor.shape),
        np.full(tensor.shape, tensor.quantization.zero_point),
    ]
    return np.stack(kinds).astype(np.int8)


def read_inputs(path: Path, graph: Graph) -> Int8Array:
    """The inputs in an NPZ file as the device takes them, int8 [n, *graph.input_shape]; never unpickles.

    The array of an input bears its name, or is the only one beside labels `y`; its first axis are the samples, the
    others the model's own. Its elements are the model's: real values where the model's input is float32, quantized ones
    where it is not.
    """
    arrays = read_npz(path)
    parts = [_read_input(path, graph, arrays, name) for name in graph.inputs]
    counts = sorted({len(part) for part in parts})
    if len(counts) > 1:
        raise CalibrationError(f"{path}: the inputs have {counts[0]} and {counts[-1]} samples; each needs as many")
    return _joined(graph, parts)


def _read_input(path: Path, graph: Graph, arrays: Mapping[str, Array], name: str) -> Int8Array:
    tensor = graph.tensor(name)
    interface = tensor.origin
    if interface is None:
        raise ModelError(f"{graph.name}: its input is none of the model file's, so no inputs can be given")
    array = arrays.get(interface.name)
    if array is None and len(graph.inputs) == 1:
        others = [each for key, each in arrays.items() if key != LABELS]
        array = others[0] if len(others) == 1 else None
    if array is None:
        raise CalibrationError(f"{path}: holds {sorted(arrays)}, but no array for the model's input '{interface.name}'")
    if array.size == 0 or array.shape[1:] not in (interface.shape[1:], interface.shape):
        wanted = " x ".join(map(str, ("samples", *interface.shape[1:])))
        raise CalibrationError(f"{path}: the inputs have shape {array.shape}; the model wants {wanted}")
    if interface.element == "float32" and array.dtype.kind == "f":
        array = array.astype(np.float32)
    if array.dtype != interface.element:
        raise CalibrationError(f"{path}: the inputs are {array.dtype}; the model takes {interface.element}")
    if not np.isfinite(array).all():
        raise CalibrationError(f"{path}: the inputs hold values that are not finite")
    return np.stack([to_int8(each, tensor) for each in array])


def onnxruntime_outputs(model: Path, graph: Graph, inputs: Int8Array) -> Int8Array:
    """What ONNX Runtime computes for the same int8 inputs; int8 [n, *graph.output_shape]. Raises ModelError."""
    if any(graph.tensor(name).origin is None for name in (*graph.inputs, *graph.outputs)):
        raise ModelError(f"{model}: an input or output is none of the ONNX file's, ONNX Runtime cannot be compared")
    try:
        session = open_session(exposed(model, [file_name(graph, name) for name in graph.outputs]))
        answers = [_onnxruntime_output(session, graph, each) for each in inputs]
    except Exception as error:  # ONNX Runtime's exceptions share no base class
        raise ModelError(f"{model}: ONNX Runtime cannot run it: {' '.join(str(error).split())[:300]}") from error
    return np.stack(answers)


def _onnxruntime_output(session: onnxruntime.InferenceSession, graph: Graph, data: Int8Array) -> Int8Array:
    given = {
        file_name(graph, name): from_int8(value, graph.tensor(name)) for name, value in graph.split_input(data).items()
    }
    for unread in session.get_inputs():  # by no output
        if unread.name not in given:
            shape = [size if isinstance(size, int) else 1 for size in unread.shape]
            given[unread.name] = np.zeros(shape, ZERO_TYPES[unread.type])
    answers = session.run([file_name(graph, name) for name in graph.outputs], given)
    return graph.join_outputs(
        [to_int8(each, graph.tensor(name)) for each, name in zip(answers, graph.outputs, strict=True)]
    )


def agreement(ours: Int8Array, theirs: Int8Array, sizes: Sequence[int] | None = None) -> Agreement:
    """Compares two sets of outputs, int8 [n, ...]; `sizes` are the elements of each output where there are several."""
    first, second = (array.reshape(len(array), -1).astype(np.int16) for array in (ours, theirs))
    ends = np.cumsum([0, *(sizes or [first.shape[1]])])
    tops = [
        first[:, begin:end].argmax(axis=1) == second[:, begin:end].argmax(axis=1)
        for begin, end in itertools.pairwise(ends.tolist())
    ]
    return Agreement(
        max_abs_diff=int(np.abs(first - second).max()),
        equal_fraction=float((first == second).mean()),
        top1_agreement=float(np.mean(tops)),
    )
