"""A TensorFlow Lite model and int8 inputs -> what LiteRT's reference kernels compute: what the Graph must equal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from msf_riot.agreement import from_int8, to_int8
from msf_riot.errors import ModelError
from msf_riot.importer.file import read_bytes
from msf_riot.importer.values import Array
from msf_riot.ir import Graph, Int8Array

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


def litert_outputs(model: Path | bytes, graph: Graph, inputs: Iterable[Int8Array]) -> Int8Array:
    """LiteRT's outputs for int8 inputs of `Graph.input_shape`, int8 [n, *graph.output_shape].

    Raises ModelError.
    """
    content = _accepted(model if isinstance(model, bytes) else read_bytes(model))
    try:
        interpreter = _interpreter(content)
        interpreter.allocate_tensors()
        given = {each["name"]: each["index"] for each in interpreter.get_input_details()}
        wanted = [each["index"] for each in interpreter.get_output_details()]
        answers = []
        for data in inputs:
            for name, value in graph.split_input(data).items():
                interpreter.set_tensor(given[name], from_int8(value, graph.tensor(name)))
            interpreter.invoke()
            results = [interpreter.get_tensor(index) for index in wanted]
            answers.append(
                graph.join_outputs([to_int8(r, graph.tensor(n)) for r, n in zip(results, graph.outputs, strict=True)])
            )
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"LiteRT cannot run the model: {' '.join(str(error).split())[:300]}") from error
    return np.stack(answers)


def float_outputs(model: Path, inputs: Iterable[Sequence[npt.NDArray[np.float32]]]) -> Iterator[list[Array]]:
    """A float model's outputs for each list of its inputs, float32 of any shape. Raises ModelError."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=read_bytes(model), num_threads=1)
        interpreter.allocate_tensors()
        ports = interpreter.get_input_details()
        for given in inputs:
            if len(given) != len(ports):
                raise ModelError(f"{model}: has {len(ports)} inputs, the int8 model {len(given)}")
            for port, array in zip(ports, given, strict=True):
                interpreter.set_tensor(port["index"], array.reshape(port["shape"]).astype(np.float32))
            interpreter.invoke()
            yield [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"LiteRT cannot run the model: {' '.join(str(error).split())[:300]}") from error


def _interpreter(content: bytes) -> Interpreter:
    """With the reference kernels, or with LiteRT's own where an operator (ELU) is not among these."""
    # LiteRT is loaded where it is asked for: most commands do without
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        return Interpreter(
            model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
    except ValueError as error:
        if "Didn't find op" not in str(error):
            raise
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return Interpreter(model_content=content, experimental_op_resolver_type=kernels, num_threads=1)


def _accepted(content: bytes) -> bytes:
    """The model with quantized dimension 0 wherever there is one dimension only.

    Older converters wrote others for biases, which TensorFlow Lite Micro runs and LiteRT refuses.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors if tensor.quantization is not None]
    wrong = [tensor for tensor in tensors if len(tensor.shape) == 1 and tensor.quantization.quantizedDimension != 0]
    if not wrong:
        return content
    for tensor in wrong:
        tensor.quantization.quantizedDimension = 0
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
