"""How often the labels of one task occur, for each kind of task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

OPENED = 100
"""So many images of a split, evenly spread, are opened at most, to learn how wide faces are."""
_BINS = 10
"""About as many bins has the histogram of a number that is no age."""


@dataclass(frozen=True)
class TaskStatistics:
    """How often the labels of one task occur.

    Attributes:
        task: The task.
        known: Images of each split with a label.
        unknown_single: Attributes: share of the labels of these images that is unknown.
        splits: Split -> name -> number. Attributes: share of yes, NaN where all are unknown.
            Classes: images. Scalars, points and identities: named measures. A split without
            labels is left out.
        histogram: Scalars: lower edge, upper edge, and the images of each split from the one up to
            below the other.
    """

    task: Task
    known: Mapping[str, int]
    splits: Mapping[str, Mapping[str, float]]
    histogram: tuple[tuple[float, float, Mapping[str, int]], ...] = ()
    unknown_single: float = 0.0


def task_statistics(source: Source, task: Task, labels: NDArray[Any]) -> TaskStatistics:
    """Summarise the labels of a task, split by split.

    Args:
        source: The images; some are opened where the task is landmarks.
        task: The task.
        labels: Its labels of all images.
    """
    known = task.known(labels)
    where = {split: source.positions(split) for split in SPLITS}
    where = {split: here[known[here]] for split, here in where.items()}
    splits: dict[str, Mapping[str, float]] = {}
    for split, here in where.items():
        if len(here):
            splits[split] = (
                _landmarks(source, task, labels, here)
                if isinstance(task, Landmarks)
                else _summary(task, labels[here])
            )
    histogram = _histogram(task, labels, where) if isinstance(task, Scalar) else ()
    unknown = 0.0
    if isinstance(task, BinaryAttributes) and known.any():
        unknown = float((labels[known] < 0).mean())
    counts = {split: len(here) for split, here in where.items()}
    return TaskStatistics(task, counts, splits, histogram, unknown)


def _summary(task: Task, labels: NDArray[Any]) -> dict[str, float]:
    """Return the numbers of one split; all images have a label."""
    if isinstance(task, BinaryAttributes):
        yes, known = (labels == 1).sum(0), (labels >= 0).sum(0)
        return {
            name: float(yes[i] / known[i]) if known[i] else math.nan
            for i, name in enumerate(task.attributes)
        }
    if isinstance(task, Classes):
        return {name: int((labels == i).sum()) for i, name in enumerate(task.classes)}
    if isinstance(task, Scalar):
        values = labels.astype(np.float64)
        quarters = np.percentile(values, (0, 25, 50, 75, 100))
        names = ("min", "lower quartile", "median", "upper quartile", "max")
        return {
            "mean": float(values.mean()),
            "std": float(values.std()),
            **dict(zip(names, map(float, quarters), strict=True)),
        }
    if isinstance(task, Identity):
        images = np.unique(labels, return_counts=True)[1]
        return {
            "identities": len(images),
            "images each, min": int(images.min()),
            "images each, median": float(np.median(images)),
            "images each, mean": float(images.mean()),
            "images each, max": int(images.max()),
            "with one image": int((images == 1).sum()),
        }
    return {}


def _landmarks(
    source: Source, task: Landmarks, labels: NDArray[Any], here: NDArray[np.int64]
) -> dict[str, float]:
    """Return how complete points are, and how far apart the eyes are in widths of the image."""
    shares = []
    for position in here[:: math.ceil(len(here) / OPENED)]:
        left, right = (labels[position, list(eye)].mean(0) for eye in task.eyes)
        try:
            width = source.read(int(position)).shape[1]
        except UserError:
            continue  # `verify` tells of images that do not open
        shares.append(float(np.linalg.norm(left - right)) / width)
    measured = np.array(shares)[~np.isnan(shares)]
    return {
        "known points": float((~np.isnan(labels[here]).any(2)).mean()),
        "interocular / width, mean": float(measured.mean()) if len(measured) else math.nan,
        "interocular / width, std": float(measured.std()) if len(measured) else math.nan,
        "measured images": len(measured),
    }


def _histogram(
    task: Scalar, labels: NDArray[Any], where: Mapping[str, NDArray[np.int64]]
) -> tuple[tuple[float, float, dict[str, int]], ...]:
    """Return bins that begin at round numbers: decades for ages, about ten for other numbers."""
    values = np.concatenate([labels[here] for here in where.values()]).astype(np.float64)
    if not len(values):
        return ()
    width = 10.0 if task.unit == "years" else _round_width(float(values.max() - values.min()))
    first, last = math.floor(values.min() / width), math.floor(values.max() / width)
    bins = {
        split: np.floor(labels[here].astype(np.float64) / width) for split, here in where.items()
    }
    return tuple(
        (n * width, (n + 1) * width, {split: int((b == n).sum()) for split, b in bins.items()})
        for n in range(first, last + 1)
    )


def _round_width(extent: float) -> float:
    """Return 1, 2 or 5 times a power of ten that cuts an extent into about ten."""
    if extent <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(extent / _BINS))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= extent / _BINS)
