"""A model's file -> Graph.

A folder for each format (`onnx`, `tflite`) reads its files; what lies beside it knows no format: the Graph under
construction (`draft`, `view`, `input_layout`, `values`), what layers become (`linear`, `pooling`, `arithmetic`,
`softmax`, `movement`, with `window` and `requantize` below them), and what is done to a whole Graph (`tidy`, `labels`).
"""

from __future__ import annotations

from pathlib import Path

from msf_riot.importer.file import is_tflite
from msf_riot.ir import Graph


def import_model(path: Path) -> Graph:
    """Reads a quantized model, whatever its name ends in; activations become int8 in HWC order.

    Raises FloatModelError where nothing in the model is quantized, UnsupportedModelError (naming node, operator and
    reason) where it holds what is not supported, ModelError where the file cannot be read.
    """
    if is_tflite(path):
        from msf_riot.importer import tflite  # loads the package with TensorFlow Lite's schema

        return tflite.import_model(path)
    from msf_riot.importer import onnx  # loads the onnx package, which no other format needs

    return onnx.import_model(path)
