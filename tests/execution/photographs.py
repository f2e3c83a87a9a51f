"""Real photographs as the two trained visual-wake-words models of ../shared/models take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.data
import skimage.transform

from tests.execution.harness import ROOT

SHARED = ROOT.parent / "shared/models"
PERSON = {"astronaut": True, "camera": True, "chelsea": False, "coffee": False, "rocket": False}
MODELS = {"mlperf_vww_mobilenetv1_96_int8": 96, "mcunet_vww_80_int8": 80}


def photograph(name: str, model: str) -> np.ndarray:
    """The centre square of a photograph, resized, as the model's input [1, height, width, 3]."""
    picture = np.asarray(getattr(skimage.data, name)())
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    side = min(picture.shape[:2])
    top, left = ((size - side) // 2 for size in picture.shape[:2])
    square = picture[top : top + side, left : left + side, :3]
    size = MODELS[model]
    pixels = skimage.transform.resize(square, (size, size), anti_aliasing=True, preserve_range=True)
    if model.startswith("mlperf"):
        return (np.rint(pixels) - 128).astype(np.int8)[np.newaxis]
    return (pixels / 127.5 - 1).astype(np.float32)[np.newaxis]


def write_photographs(path: Path, model: str) -> None:
    """All five as the NPZ file that `msf-riot verify --inputs` takes."""
    np.savez(path, images=np.concatenate([photograph(name, model) for name in PERSON]))
