"""A model's file: its bytes, and which format they are in. ONNX, a protobuf, begins with nothing of its own."""

from __future__ import annotations

from pathlib import Path

from msf_riot.errors import ModelError

MAX_FILE_BYTES = 1 << 29
_IDENTIFIER = slice(4, 8)
"""A FlatBuffer's identifier stands behind the offset of its root (TensorFlow Lite, schema.fbs)."""


def is_tflite(path: Path) -> bool:
    """Whether the file begins as TensorFlow Lite's do; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            return stream.read(_IDENTIFIER.stop)[_IDENTIFIER] == b"TFL3"
    except (OSError, ValueError):
        return False


def read_bytes(path: Path) -> bytes:
    """All of the file. Raises ModelError where it is absent, no file, unreadable or beyond MAX_FILE_BYTES."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path}: is not a file")
        if size > MAX_FILE_BYTES:
            raise ModelError(f"{path}: {size} bytes; models of more than {MAX_FILE_BYTES} bytes are not read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"{path}: cannot be read: {reason}") from error
