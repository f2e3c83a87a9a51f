"""Arrays of samples: what a model is calibrated with, run on, or evaluated on."""

from __future__ import annotations

import csv
import wave
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from msf_riot.errors import CalibrationError
from msf_riot.importer.values import Array

LABELS = "y"
"""The array with the class of each sample, where a file has them."""

MAX_PIXELS = 1 << 26
MAX_SAMPLES = 1 << 20
SOUNDS = (".wav",)
PICTURES = (".png", ".jpg", ".jpeg")


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


def read_table(path: Path) -> list[tuple[Path, str]]:
    """(file, label) of each line of a CSV file; names are relative to its folder. A first line that names no file that
    exists is a heading. Raises CalibrationError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row and any(cell.strip() for cell in row)]
    except FileNotFoundError as error:
        raise CalibrationError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CalibrationError(f"{path}: not a CSV file in UTF-8: {first_line(error)}") from error
    if any(len(row) < 2 for row in rows) or not rows:
        raise CalibrationError(f"{path}: each line must be a file's name, a comma and a label")
    if len(rows) > MAX_SAMPLES:
        raise CalibrationError(f"{path}: names {len(rows)} files; up to {MAX_SAMPLES} are read")
    named = [(path.parent / row[0].strip(), row[1].strip()) for row in rows]
    if not named[0][0].is_file():
        named = named[1:]
    for file, _ in named:
        if not file.is_file():
            raise CalibrationError(f"{path}: names '{file.name}', which is not in {file.parent}")
    if not named:
        raise CalibrationError(f"{path}: names no file that exists")
    return named


def class_numbers(labels: list[str], names: tuple[str, ...]) -> Array:
    """The class of each label: a number, else its place among the model's labels, else among the labels sorted."""
    if all(label.isdecimal() for label in labels):
        return np.array([int(label) for label in labels], np.int64)
    known = names if set(labels) <= set(names) else tuple(sorted(set(labels)))
    return np.array([known.index(label) for label in labels], np.int64)


def read_file(path: Path, shape: tuple[int, int, int]) -> Array:
    """A picture as uint8 [H, W, C], resized where needed, or a sound as float32 in [-1, 1), cut or filled up.

    Raises CalibrationError where it cannot be read.
    """
    suffix = path.suffix.lower()
    readers: Mapping[tuple[str, ...], Callable[[Path, tuple[int, int, int]], Array]] = {
        PICTURES: _picture,
        SOUNDS: _sound,
    }
    for suffixes, reader in readers.items():
        if suffix in suffixes:
            try:
                return reader(path, shape)
            except CalibrationError:
                raise
            except Exception as error:  # Pillow's and wave's exceptions share no base class
                raise CalibrationError(f"{path}: cannot be read: {first_line(error)}") from error
    raise CalibrationError(f"{path}: is none of {', '.join(PICTURES + SOUNDS)}")


def _picture(path: Path, shape: tuple[int, int, int]) -> Array:
    from PIL import Image  # only pictures need it

    height, width, channels = shape
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    if channels not in modes:
        raise CalibrationError(f"{path}: is a picture, but the model's input has {channels} channels")
    with Image.open(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise CalibrationError(f"{path}: has {image.width} x {image.height} pixels, too many to be read")
        picture = image.convert(modes[channels])
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(picture, np.uint8).reshape(shape)


def _sound(path: Path, shape: tuple[int, int, int]) -> Array:
    count = int(np.prod(shape))
    with wave.open(str(path), "rb") as sound:
        if sound.getsampwidth() != 2:
            raise CalibrationError(f"{path}: has {8 * sound.getsampwidth()} bits a sample; 16 are read")
        frames = np.frombuffer(sound.readframes(min(sound.getnframes(), 1 << 24)), "<i2")
        channels = sound.getnchannels()
    mono = frames[: len(frames) // channels * channels].reshape(-1, channels).mean(axis=1) / 32768
    samples = np.zeros(count, np.float32)
    samples[: min(count, len(mono))] = mono[:count]
    return samples.reshape(shape)
