"""The constants of an ONNX file as arrays.

Takes nothing on trust: tensors are checked against the bytes that are there, and external data must lie in the model's
own folder.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from msf_riot.errors import ModelError
from msf_riot.importer.values import Array

ELEMENTS: dict[int, tuple[type[np.generic], str]] = {
    onnx.TensorProto.FLOAT: (np.float32, "float_data"),
    onnx.TensorProto.DOUBLE: (np.float64, "double_data"),
    onnx.TensorProto.FLOAT16: (np.float16, "int32_data"),
    onnx.TensorProto.INT8: (np.int8, "int32_data"),
    onnx.TensorProto.UINT8: (np.uint8, "int32_data"),
    onnx.TensorProto.INT16: (np.int16, "int32_data"),
    onnx.TensorProto.UINT16: (np.uint16, "int32_data"),
    onnx.TensorProto.INT32: (np.int32, "int32_data"),
    onnx.TensorProto.INT64: (np.int64, "int64_data"),
    onnx.TensorProto.UINT32: (np.uint32, "uint64_data"),
    onnx.TensorProto.UINT64: (np.uint64, "uint64_data"),
    onnx.TensorProto.BOOL: (np.bool_, "int32_data"),
}
"""Element type -> (its type here, the field that holds it where there are no raw bytes)."""


def element_name(number: int) -> str:
    """What ONNX calls an element type, such as int4; its number where this version of ONNX has no name for it."""
    names = onnx.TensorProto.DataType
    return names.Name(number).lower() if number in names.values() else str(number)


def to_array(tensor: onnx.TensorProto, folder: Path) -> Array:
    """The values of a tensor, checked against the bytes that hold them."""
    label = f"tensor '{tensor.name}'"
    if tensor.data_type not in ELEMENTS:
        raise ModelError(f"{label}: element type {element_name(tensor.data_type)} is not supported")
    dtype, field = ELEMENTS[tensor.data_type]
    shape = tuple(tensor.dims)
    if len(shape) > 8 or any(d < 0 for d in shape):
        raise ModelError(f"{label}: claims the shape {list(shape)[:9]}")
    count = math.prod(shape)
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, folder, count * np.dtype(dtype).itemsize)
    elif tensor.HasField("raw_data"):
        raw = tensor.raw_data
    else:
        return _typed(tensor, field, np.dtype(dtype), shape, count, label)
    if len(raw) != count * np.dtype(dtype).itemsize:
        raise ModelError(f"{label}: claims {count} elements of {np.dtype(dtype)}, but holds {len(raw)} bytes")
    return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)


def _typed(
    tensor: onnx.TensorProto, field: str, dtype: np.dtype[Any], shape: tuple[int, ...], count: int, label: str
) -> Array:
    values = getattr(tensor, field)
    if len(values) != count:
        raise ModelError(f"{label}: claims {count} elements, but holds {len(values)}")
    if dtype == np.float16:
        return np.array(values, np.int64).astype(np.uint16).view(np.float16).reshape(shape)
    wide = np.array(values, dtype if dtype.kind == "f" else np.int64 if field != "uint64_data" else np.uint64)
    array = wide.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(array, wide):
        raise ModelError(f"{label}: holds values outside {dtype}")
    return array.reshape(shape)


def _external(tensor: onnx.TensorProto, folder: Path, wanted: int) -> bytes:
    label = f"tensor '{tensor.name}'"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    try:
        base = folder.resolve()
        file = (base / location).resolve()
        offset = int(entries.get("offset", "0"))
        length = int(entries.get("length", str(wanted)))
        if not location or not file.is_relative_to(base):
            raise ModelError(f"{label}: its external data '{location[:200]}' is outside the model's folder")
        if not file.is_file():
            raise ModelError(f"{label}: its external data '{location[:200]}' is absent; it belongs beside the model")
        if offset < 0 or length != wanted or offset + length > file.stat().st_size:
            raise ModelError(
                f"{label}: claims bytes {offset} to {offset + wanted} of '{location[:200]}', which are not there"
            )
        with file.open("rb") as stream:
            stream.seek(offset)
            return bytes(stream.read(length))
    except (OSError, ValueError) as error:
        raise ModelError(f"{label}: its external data '{location[:200]!r}' cannot be read: {error}") from error
