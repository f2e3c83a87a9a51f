"""The ONNX project's own backend node tests for quantized operators, as models that this project can run.

`cases(folder)` gives (name, model path, input, expected), for the reference and for any other runner (generated C).
Inputs that must be constant here (weights, scales, zero points) become initializers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

IN_SCOPE = (
    "test_qlinearconv",
    "test_qlinearmatmul_2D_uint8_float32",
    "test_qlinearmatmul_2D_int8_float32",
    "test_quantizelinear",
    "test_dequantizelinear",
)

_BATCHED = "multiplies batches by a matrix each: the second input has rank 3 and batch 2, no layer of a CNN does so"
_HALF = "float16 scales"
_AXIS = "quantizes an activation with one scale a channel; activations have one scale in all"
_BLOCKS = "blocked quantization, of language models' weights"
_TYPE = "an element type other than int8 and uint8"
_DYNAMIC = "dynamic quantization: scales computed on the device, in float"

OUT_OF_SCOPE = {
    "test_convinteger_without_padding": _DYNAMIC,
    "test_convinteger_with_padding": _DYNAMIC,
    "test_matmulinteger": _DYNAMIC,
    "test_dynamicquantizelinear": _DYNAMIC,
    "test_dynamicquantizelinear_expanded": _DYNAMIC,
    "test_dynamicquantizelinear_max_adjusted": _DYNAMIC,
    "test_dynamicquantizelinear_max_adjusted_expanded": _DYNAMIC,
    "test_dynamicquantizelinear_min_adjusted": _DYNAMIC,
    "test_dynamicquantizelinear_min_adjusted_expanded": _DYNAMIC,
    "test_qlinearmatmul_3D_uint8_float32": _BATCHED,
    "test_qlinearmatmul_3D_int8_float32": _BATCHED,
    "test_qlinearmatmul_2D_uint8_float16": _HALF,
    "test_qlinearmatmul_2D_int8_float16": _HALF,
    "test_qlinearmatmul_3D_uint8_float16": _HALF,
    "test_qlinearmatmul_3D_int8_float16": _HALF,
    "test_quantizelinear_axis": _AXIS,
    "test_dequantizelinear_axis": _AXIS,
    "test_quantizelinear_blocked_asymmetric": _BLOCKS,
    "test_quantizelinear_blocked_symmetric": _BLOCKS,
    "test_dequantizelinear_blocked": _BLOCKS,
    "test_dequantizelinear_e4m3fn_float16": _TYPE,
    "test_dequantizelinear_e4m3fn_zero_point": _TYPE,
    **{
        f"test_{operator}linear_{kind}": _TYPE
        for operator in ("quantize", "dequantize")
        for kind in ("e4m3fn", "e5m2", "uint16", "int16", "uint4", "int4", "uint2", "int2", "float4e2m1")
    },
}


@dataclass(frozen=True)
class Case:
    name: str
    model: Path
    input: np.ndarray
    expected: np.ndarray


@cache
def shipped() -> dict[str, object]:
    """All backend node tests about quantization that the onnx package ships."""
    from onnx.backend.test import loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = loader.load_model_tests(kind="node")
    words = ("qlinear", "quantizelinear", "convinteger", "matmulinteger")
    return {test.name: test for test in tests if any(word in test.name for word in words)}


def cases(folder: Path) -> Iterator[Case]:
    """The tests in scope, their models written into `folder`."""
    for name in IN_SCOPE:
        test = shipped()[name]
        model = onnx.ModelProto()
        model.CopyFrom(test.model)
        inputs, outputs = ([_array(value) for value in values] for values in test.data_sets[0])
        kept = model.graph.input[0]
        for value, array in zip(model.graph.input[1:], inputs[1:], strict=True):
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
        del model.graph.input[:]
        model.graph.input.append(kept)
        path = folder / f"{name}.onnx"
        path.write_bytes(model.SerializeToString())
        yield Case(name, path, inputs[0], outputs[0])


def _array(value: np.ndarray | onnx.TensorProto) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
