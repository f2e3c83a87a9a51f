"""What TensorFlow Lite's metadata say of an image: (pixel - mean) / deviation is what the model's real input is.

The metadata are a FlatBuffer of their own (metadata_schema.fbs, identifier M001) in a buffer of the model; every offset
is checked before it is followed, and what is damaged is as if it were not there.
"""

from __future__ import annotations

import struct

BUFFER = "TFLITE_METADATA"
"""The name under which the model refers to the buffer."""

_IDENTIFIER = b"M001"
_SUBGRAPHS, _INPUTS, _UNITS = 3, 2, 4
"""Fields of ModelMetadata, SubGraphMetadata and TensorMetadata."""

_OPTIONS_TYPE, _OPTIONS, _NORMALIZATION = 0, 1, 1
"""Fields of ProcessUnit, and which of its options the normalization is."""

_MEAN, _DEVIATION = 0, 1
_MOST = 64
"""Entries of a vector that are looked at."""

Normalization = tuple[tuple[float, ...], tuple[float, ...]]


def normalizations(content: bytes) -> tuple[Normalization | None, ...]:
    """(mean, deviation) of each input of the first subgraph, None where the metadata have none or are damaged."""
    try:
        if content[4:8] != _IDENTIFIER:
            return ()
        root = _Table(content, struct.unpack_from("<I", content, 0)[0])
        subgraphs = root.tables(_SUBGRAPHS)
        return tuple(_of_tensor(tensor) for tensor in subgraphs[0].tables(_INPUTS)) if subgraphs else ()
    except (struct.error, IndexError):
        return ()


def _of_tensor(tensor: _Table) -> Normalization | None:
    for unit in tensor.tables(_UNITS):
        if unit.byte(_OPTIONS_TYPE) == _NORMALIZATION and (options := unit.table(_OPTIONS)) is not None:
            mean, deviation = options.floats(_MEAN), options.floats(_DEVIATION)
            if mean and deviation and 0.0 not in deviation:
                return mean, deviation
    return None


class _Table:
    """A FlatBuffer's table; struct.error where it leaves the content."""

    def __init__(self, content: bytes, position: int) -> None:
        self.content, self.position = content, position
        self.fields = position - self._number("<i", position)

    def _number(self, kind: str, position: int) -> int:
        if position < 0:
            raise struct.error
        return int(struct.unpack_from(kind, self.content, position)[0])

    def _field(self, number: int) -> int | None:
        """The position of a field, None where it is absent."""
        at = 4 + 2 * number
        if at + 2 > self._number("<H", self.fields):
            return None
        offset = self._number("<H", self.fields + at)
        return self.position + offset if offset else None

    def _reference(self, number: int) -> int | None:
        field = self._field(number)
        return None if field is None else field + self._number("<I", field)

    def byte(self, number: int) -> int:
        """An unsigned byte, 0 where it is absent."""
        field = self._field(number)
        return 0 if field is None else self._number("<B", field)

    def table(self, number: int) -> _Table | None:
        """Another table."""
        found = self._reference(number)
        return None if found is None else _Table(self.content, found)

    def tables(self, number: int) -> list[_Table]:
        """A vector of tables."""
        vector = self._reference(number)
        if vector is None:
            return []
        places = [vector + 4 + 4 * i for i in range(min(self._number("<I", vector), _MOST))]
        return [_Table(self.content, place + self._number("<I", place)) for place in places]

    def floats(self, number: int) -> tuple[float, ...]:
        """A vector of float32."""
        vector = self._reference(number)
        if vector is None:
            return ()
        count = min(self._number("<I", vector), _MOST)
        return tuple(float(v) for v in struct.unpack_from(f"<{count}f", self.content, vector + 4))
