"""Arrays of samples: what a model is calibrated with, or run on."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from msf_riot.errors import CalibrationError
from msf_riot.importer.values import Array

LABELS = "y"
"""The array with the class of each sample, where a file has them."""


def read_npz(path: Path) -> dict[str, Array]:
    """The arrays of an NPZ file, by name; never unpickles. Raises CalibrationError."""
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise CalibrationError(f"{path}: is a single array; numpy.savez writes the NPZ file wanted here")
        with archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise CalibrationError(f"{path}: no such file; numpy.savez writes one from samples") from error
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise CalibrationError(f"{path}: not an NPZ file of plain arrays: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What another library's error says, short enough for a message of one line."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
