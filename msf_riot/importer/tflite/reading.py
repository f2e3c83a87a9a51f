"""A file -> Model: the FlatBuffer checked, in Python values, its operators in the order of the file.

A FlatBuffer has no checksum and Python's reader follows every offset; here each table, vector and string is inside the
file before it is read, and no more is read than a file of this size can hold.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from msf_riot.errors import ModelError, UnsupportedModelError
from msf_riot.importer.file import read_bytes
from msf_riot.importer.labels import LONGEST
from msf_riot.importer.tflite.metadata import BUFFER, Normalization, normalizations
from msf_riot.importer.values import Array
from msf_riot.importer.view import MAX_ELEMENTS

MAX_RANK = 8
MAX_NAME = 256
"""Bytes of a name; longer ones are cut."""


def _names(kind: type) -> Mapping[int, str]:
    return {value: name for name, value in vars(kind).items() if isinstance(value, int)}


OPERATORS = _names(schema.BuiltinOperator)
OPTIONS = _names(schema.BuiltinOptions)
TYPES = {number: name.lower() for number, name in _names(schema.TensorType).items()}
NUMPY_TYPES: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"), "int32": np.dtype("<i4"), "uint8": np.dtype("u1"), "int64": np.dtype("<i8"),
    "bool": np.dtype("?"), "int16": np.dtype("<i2"), "int8": np.dtype("i1"), "float16": np.dtype("<f2"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class FileTensor:
    """One tensor of the file; `scales` and `zero_points` are empty where it is not quantized."""

    name: str
    shape: tuple[int, ...]
    type: str
    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int
    data: Array | None
    """Where it is a constant that NumPy can hold."""

    constant: bool
    variable: bool
    sparse: bool


@dataclass(frozen=True, eq=False)
class Operation:
    """One operator of the file, a `Place`; `options` is the schema's object, None where the file has none."""

    name: str
    operator: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    result: str

    def unsupported(self, reason: str) -> UnsupportedModelError:
        """The error that names this operator."""
        return UnsupportedModelError(self.name, self.operator, reason)

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of the options, by its name in the schema (`StrideW`); the default where there are no options."""
        if self.options is None:
            return default
        try:
            return getattr(self.options, name)()
        except (AttributeError, struct.error) as error:
            raise self.unsupported("its options are damaged, or another operator's") from error


@dataclass(frozen=True, eq=False)
class Model:
    """A checked file: the one subgraph that it has."""

    name: str
    tensors: tuple[FileTensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: Mapping[int, str]
    """What a signature calls inputs and outputs, by tensor."""

    texts: tuple[str, ...]
    """Text files that its metadata brings along: lists of labels, most often."""

    normalizations: tuple[Normalization | None, ...] = ()
    """What its metadata say of its inputs' pixels, in their order."""


def read_model(path: Path) -> Model:
    """Reads and checks the file. Raises ModelError or UnsupportedModelError."""
    data = read_bytes(path)
    try:
        return _Reader(path, data).model()
    except (struct.error, IndexError, ValueError, OverflowError, MemoryError, TypeError) as error:
        raise ModelError(f"{path}: not a TensorFlow Lite file, or truncated or damaged") from error


class _Reader:
    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.data = data
        self.left = 16 * len(data) + 4096
        """Bytes that may still be read: a file can refer to the same bytes many times, but no real one does."""

    def model(self) -> Model:
        (root,) = struct.unpack_from("<I", self.data, 0)
        table = self.checked(schema.Model(), root)
        if table.SubgraphsLength() != 1:
            if table.SubgraphsLength() == 0:
                raise self.damaged()
            raise ModelError(
                f"{self.path}: has {table.SubgraphsLength()} subgraphs (branches or loops); one is supported: convert "
                "the model without control flow"
            )
        codes = list(self.tables(table.OperatorCodesLength, table.OperatorCodes))
        buffers = list(self.tables(table.BuffersLength, table.Buffers))
        (graph,) = self.tables(table.SubgraphsLength, table.Subgraphs)
        tensors = tuple(
            self.tensor(each, index, buffers)
            for index, each in enumerate(self.tables(graph.TensorsLength, graph.Tensors))
        )
        operations = tuple(
            self.operation(each, index, codes, tensors)
            for index, each in enumerate(self.tables(graph.OperatorsLength, graph.Operators))
        )
        inputs = self.indices(graph.InputsLength, graph.InputsAsNumpy, len(tensors))
        outputs = self.indices(graph.OutputsLength, graph.OutputsAsNumpy, len(tensors))
        names: dict[int, str] = {}
        for signature in self.tables(table.SignatureDefsLength, table.SignatureDefs):
            for length, get in (
                (signature.InputsLength, signature.Inputs),
                (signature.OutputsLength, signature.Outputs),
            ):
                names |= {each.TensorIndex(): self.text(each.Name) for each in self.tables(length, get)}
        pixels = self.normalizations(table, buffers)
        return Model(self.path.stem, tensors, operations, inputs, outputs, names, _texts(self.data), pixels)

    def normalizations(self, table: Any, buffers: list[Any]) -> tuple[Normalization | None, ...]:
        for each in self.tables(table.MetadataLength, table.Metadata):
            if self.text(each.Name) == BUFFER and each.Buffer() < len(buffers):
                buffer = buffers[each.Buffer()]
                if buffer.DataLength() > 0:
                    return normalizations(self.vector(buffer.DataLength, buffer.DataAsNumpy, 1).tobytes())
        return ()

    def damaged(self) -> ModelError:
        return ModelError(f"{self.path}: not a TensorFlow Lite file, or truncated or damaged")

    def spend(self, size: int) -> None:
        self.left -= size
        if size < 0 or self.left < 0:
            raise self.damaged()

    def checked(self, table: Any, position: int | None = None) -> Any:
        """The table itself where it and its list of fields lie in the file; placed at `position` where given."""
        if position is not None:
            table.Init(self.data, position)
        tab = table._tab
        size = len(self.data)
        if not 0 <= tab.Pos <= size - 4:
            raise self.damaged()
        (back,) = struct.unpack_from("<i", self.data, tab.Pos)
        fields = tab.Pos - back
        if not 0 <= fields <= size - 4:
            raise self.damaged()
        length, own = struct.unpack_from("<HH", self.data, fields)
        if length < 4 or length % 2 or fields + length > size or own < 4 or tab.Pos + own > size:
            raise self.damaged()
        offsets = struct.unpack_from(f"<{(length - 4) // 2}H", self.data, fields + 4)
        if any(offset >= own for offset in offsets):
            raise self.damaged()
        self.spend(length)
        return table

    def tables(self, length: Callable[[], int], get: Callable[[int], Any]) -> Iterator[Any]:
        """A vector of tables, each checked."""
        count = length()
        self.spend(4 * count)
        if 4 * count > len(self.data):
            raise self.damaged()
        for index in range(count):
            yield self.checked(get(index))

    def vector(self, length: Callable[[], int], get: Callable[[], Any], size: int) -> Array:
        """A vector of numbers, each of `size` bytes."""
        count = length()
        if count == 0:
            return np.zeros(0, np.int64)
        self.spend(size * count)
        return np.asarray(get())

    def indices(
        self, length: Callable[[], int], get: Callable[[], Any], tensors: int, least: int = 0
    ) -> tuple[int, ...]:
        found = tuple(int(v) for v in self.vector(length, get, 4))
        if any(not least <= index < tensors for index in found):
            raise self.damaged()
        return found

    def text(self, get: Callable[[], bytes | None]) -> str:
        found = get() or b""
        self.spend(len(found))
        text = found[:MAX_NAME].decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else "?" for letter in text)

    def tensor(self, table: Any, index: int, buffers: list[Any]) -> FileTensor:
        shape = tuple(int(v) for v in self.vector(table.ShapeLength, table.ShapeAsNumpy, 4))
        name = self.text(table.Name) or f"tensor_{index}"
        kind = TYPES.get(table.Type(), f"type {table.Type()}")
        if len(shape) > MAX_RANK or any(size < 1 for size in shape):
            raise ModelError(
                f"{self.path}: tensor '{name}' has the shape {list(shape)[:9]}; sizes must be fixed and at least 1"
            )
        scales, zeros, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
        quantization = table.Quantization()
        if quantization is not None:
            self.checked(quantization)
            scales = self.vector(quantization.ScaleLength, quantization.ScaleAsNumpy, 4).astype(np.float32)
            zeros = self.vector(quantization.ZeroPointLength, quantization.ZeroPointAsNumpy, 8).astype(np.int64)
            axis = quantization.QuantizedDimension()
        if not table.Buffer() < len(buffers):
            raise self.damaged()
        data, constant = self.content(buffers[table.Buffer()], name, kind, shape)
        sparse = table.Sparsity() is not None
        return FileTensor(name, shape, kind, scales, zeros, axis, data, constant, bool(table.IsVariable()), sparse)

    def content(self, buffer: Any, name: str, kind: str, shape: tuple[int, ...]) -> tuple[Array | None, bool]:
        """(the tensor's values where they are in the file and NumPy can hold them, whether they are in the file)."""
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise ModelError(
                f"{self.path}: the data of '{name}' stand outside the FlatBuffer; files below 2 GB are read"
            )
        if buffer.DataLength() == 0:
            return None, False
        raw = self.vector(buffer.DataLength, buffer.DataAsNumpy, 1)
        if kind not in NUMPY_TYPES:
            return None, True
        dtype = NUMPY_TYPES[kind]
        count = 1
        for size in shape:
            count *= size
        if count > MAX_ELEMENTS:
            raise ModelError(f"{self.path}: '{name}' has {count} elements, more than any device holds")
        if raw.size != count * dtype.itemsize:
            return None, True  # sparse or packed; whoever uses it says so
        return raw.view(dtype).reshape(shape), True

    def operation(self, table: Any, index: int, codes: list[Any], tensors: tuple[FileTensor, ...]) -> Operation:
        if not table.OpcodeIndex() < len(codes):
            raise self.damaged()
        code = codes[table.OpcodeIndex()]
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        operator = OPERATORS.get(number, f"operator {number}")
        inputs = self.indices(table.InputsLength, table.InputsAsNumpy, len(tensors), least=-1)
        outputs = self.indices(table.OutputsLength, table.OutputsAsNumpy, len(tensors))
        if not outputs:
            raise self.damaged()
        result = tensors[outputs[0]].name
        if operator == "CUSTOM":
            custom = self.text(code.CustomCode)
            raise UnsupportedModelError(result, f"custom operator {custom or 'without a name'}", _about_custom(custom))
        options = None
        kind = OPTIONS.get(table.BuiltinOptionsType(), "NONE")
        union = table.BuiltinOptions()
        if union is not None and kind != "NONE":
            options = self.checked(getattr(schema, kind)(), union.Pos)
        return Operation(result, operator, inputs, outputs, options, result)


def _texts(content: bytes) -> tuple[str, ...]:
    """Of the ZIP archive that TensorFlow Lite's metadata puts behind the FlatBuffer."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [file for file in archive.infolist()[:64] if file.filename.endswith(".txt")]
            return tuple(archive.read(file).decode("utf-8", "replace") for file in files if file.file_size <= LONGEST)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return ()


def _about_custom(name: str) -> str:
    if "ethos" in name.lower():
        return "was compiled for Arm's Ethos-U by Vela, which leaves no layers to run; give the model as it was before"
    return "custom operators are not run; convert the model with TensorFlow Lite's builtin operators only"
