"""What each image adds to the details of a metric: of an attribute, a class, a point, a decade."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.landmarks import normalised_distances
from farbench.scoring.per_image import ImageValues, per_image
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

DETAILS = {
    "attributes": "attribute",
    "classes": "class",
    "scalar": "decade",
    "landmarks": "point",
}
"""Kind of task to what its details are of."""


def per_detail(
    task: Task, predictions: NDArray[Any], labels: NDArray[Any], whole: ImageValues
) -> ImageValues:
    """Return what each image adds to the details of a metric.

    The details are those of ``metrics.json``: attributes (``<metric>_per_attribute``), classes
    (``recall_per_class``, which is the accuracy among the images of a class), decades of a number
    (of the label: "20-29" is from 20 to below 30; ``mae_per_decade``), points
    (``nme_per_point``, named "0", "1", ...).

    Args:
        task: What was predicted.
        predictions: As stored.
        labels: As ``task.labels`` gives them.
        whole: What :func:`farbench.scoring.per_image.per_image` returned of these; it is returned
            itself where its names are the details already.
    """
    match task:
        case Classes() if whole.metric != "balanced_accuracy":
            parts = per_image(task, predictions, labels, "balanced_accuracy")
            return ImageValues(whole.metric, parts.values, parts.names)
        case Scalar():
            decade = np.floor(np.asarray(labels, np.float64) / 10)
            found = np.unique(decade[~np.isnan(decade)])
            names = tuple(f"{10 * int(first)}-{10 * int(first) + 9}" for first in found)
            own = decade[:, None] == found
            return ImageValues(whole.metric, np.where(own, whole.values, np.nan), names)
        case Landmarks():
            distances = normalised_distances(predictions, labels, task.eyes)
            return ImageValues(whole.metric, distances, tuple(map(str, range(task.count))))
        case Classes() | BinaryAttributes():
            return whole
    raise ValueError(f"tasks of the kind '{task.kind}' have no details")
