"""What each image adds to a metric: the values that a paired comparison resamples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import unknown_name
from farbench.scoring.catalogue import WITHIN
from farbench.scoring.landmarks import normalised_distances
from farbench.scoring.numbers import nanmean
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

PAIRED: dict[str, tuple[str, ...]] = {
    "attributes": ("accuracy", "mA"),
    "classes": ("accuracy", "balanced_accuracy"),
    "scalar": ("mae", "cs5"),
    "landmarks": ("nme",),
}
"""Kind of task to the metrics that are means over images; the first is the default."""


@dataclass(frozen=True)
class ImageValues:
    """What each image adds to a metric.

    The mean of a column over its known images is one part of the metric; columns of one name are
    averaged (the TPR and the TNR of an attribute's mA), then the names are: that is the metric.

    Attributes:
        metric: The metric's name.
        values: ``(N, K)`` float64; NaN where the image says nothing.
        names: K names, one a column: an attribute, a class, or the task.
    """

    metric: str
    values: NDArray[np.float64]
    names: tuple[str, ...]


def per_image(
    task: Task, predictions: NDArray[Any], labels: NDArray[Any], metric: str | None = None
) -> ImageValues:
    """Return what each image adds to a metric.

    Args:
        task: What was predicted.
        predictions: As stored.
        labels: As ``task.labels`` gives them.
        metric: One of ``PAIRED[task.kind]``; by default the first.

    Raises:
        UserError: The metric is no mean over images (identity is scored by pairs, F1 and r2 are
            no means).
    """
    allowed = PAIRED.get(task.kind, ())
    if metric is None and allowed:
        metric = allowed[0]
    if metric not in allowed:
        raise unknown_name(f"paired metric of '{task.kind}'", metric or "", allowed)
    predictions, labels = np.asarray(predictions), np.asarray(labels)
    match task:
        case BinaryAttributes():
            met = np.where(labels < 0, np.nan, (predictions > 0) == (labels == 1))
            if metric == "accuracy":
                return ImageValues(metric, met, task.attributes)
            halves = [np.where(labels == answer, met, np.nan) for answer in (1, 0)]
            return ImageValues(metric, np.concatenate(halves, axis=1), 2 * task.attributes)
        case Classes():
            met = np.where(labels < 0, np.nan, predictions.argmax(1) == labels)
            if metric == "accuracy":
                return ImageValues(metric, met[:, None], (task.name,))
            own = labels[:, None] == np.arange(task.outputs)
            return ImageValues(metric, np.where(own, met[:, None], np.nan), task.classes)
        case Scalar():
            error = np.abs(predictions.astype(np.float64) - labels)
            if metric == "cs5":
                error = np.where(np.isnan(error), np.nan, error <= WITHIN)
            return ImageValues(metric, error[:, None], (task.name,))
        case Landmarks():
            nme = nanmean(normalised_distances(predictions, labels, task.eyes), axis=1)
            return ImageValues(metric, nme[:, None], (task.name,))
    raise unknown_name("kind of task", task.kind, PAIRED)
