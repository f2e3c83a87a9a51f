"""Scores and labels -> how good a model is: accuracy, area under the ROC curve, mean average precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from msf_riot.errors import CalibrationError

Array: TypeAlias = npt.NDArray[Any]
Metric: TypeAlias = Literal["top1", "top5", "auc", "map"]

OVERLAP = 0.5
"""Intersection over union from which on a box counts as found (PASCAL VOC)."""


def top(scores: Array, labels: Array, count: int) -> float:
    """The share of samples whose class is among the `count` largest scores; scores [n, classes], labels [n].

    Of equal scores those of a lower number come first, as on the device.
    """
    order = np.argsort(-scores.astype(np.float64), axis=1, kind="stable")[:, :count]
    return float((order == labels[:, np.newaxis]).any(axis=1).mean())


def confusion(scores: Array, labels: Array) -> npt.NDArray[np.int64]:
    """[classes, classes] how often a sample of the row's class was taken for the column's."""
    classes = scores.shape[1]
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, scores.astype(np.float64).argmax(axis=1)), 1)
    return counts


def area_under_curve(scores: Array, labels: Array) -> float:
    """How probably a sample of class 1 scores higher than one of class 0 (Mann-Whitney); scores and labels [n].

    Raises CalibrationError where there is only one class.
    """
    positive = labels != 0
    if positive.all() or not positive.any():
        raise CalibrationError("all labels are of one class; the area under the ROC curve needs 0 and 1")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def mean_average_precision(boxes: Array, scores: Array, true_boxes: Array, labels: Array) -> float:
    """Over the classes that occur: boxes [n, N, 4], scores [n, N, classes], true_boxes [n, M, 4], labels [n, M].

    Boxes are two opposite corners; a label below 0 fills up a sample with fewer boxes. Boxes of a class that overlap a
    better one by OVERLAP or more are dropped before.
    """
    found: list[float] = []
    for number in sorted(set(labels[labels >= 0].tolist())):
        ranked: list[tuple[float, bool]] = []
        for mine, given, truth, classes in zip(boxes, scores[..., number], true_boxes, labels, strict=True):
            ranked += _hits(mine, given, truth[classes == number])
        hits = np.array([hit for _, hit in sorted(ranked, key=lambda each: -each[0])], np.float64)
        right = np.cumsum(hits)
        precision = right / np.arange(1, len(hits) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        found.append(float((precision * hits).sum() / (labels == number).sum()))
    return float(np.mean(found)) if found else 0.0


def _hits(boxes: Array, scores: Array, truth: Array) -> list[tuple[float, bool]]:
    """(score, whether it is a box not found before) of each box that no better one overlaps."""
    kept: list[int] = []
    for index in np.argsort(-scores.astype(np.float64), kind="stable"):
        if not kept or _overlap(boxes[index], boxes[kept]).max() < OVERLAP:
            kept.append(int(index))
    free = np.ones(len(truth), np.bool_)
    results: list[tuple[float, bool]] = []
    for index in kept:
        overlap = np.where(free, _overlap(boxes[index], truth), 0.0) if len(truth) else np.zeros(1)
        best = int(overlap.argmax())
        hit = bool(overlap[best] >= OVERLAP)
        if hit:
            free[best] = False
        results.append((float(scores[index]), hit))
    return results


def _overlap(box: Array, others: Array) -> Array:
    """Intersection over union of one box with each of several."""
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    lows, highs = np.minimum(others[:, :2], others[:, 2:]), np.maximum(others[:, :2], others[:, 2:])
    common = np.maximum(np.minimum(high, highs) - np.maximum(low, lows), 0).prod(axis=1)
    whole = (high - low).prod() + (highs - lows).prod(axis=1) - common
    return np.asarray(common / np.maximum(whole, 1e-12))


NAMES: Mapping[Metric, str] = {
    "top1": "accuracy (top-1)",
    "top5": "accuracy (top-5)",
    "auc": "area under the ROC curve",
    "map": "mean average precision",
}
