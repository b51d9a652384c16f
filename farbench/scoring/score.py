"""Score any task: from stored predictions and labels to metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.scoring.attributes import majority_reference, score_attributes
from farbench.scoring.catalogue import METRICS
from farbench.scoring.classes import score_classes
from farbench.scoring.identity import score_identity
from farbench.scoring.landmarks import score_landmarks
from farbench.scoring.numbers import refuse_nan, refuse_not_finite
from farbench.scoring.scalar import score_scalar
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task, TrainStatistics
from farbench.tasks.classes import Classes
from farbench.tasks.identity import Identity
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

LARGEST_LOGIT = 65504.0
"""The largest finite float16; stored logits are clipped to plus or minus this."""


def score(
    task: Task,
    predictions: NDArray[Any],
    labels: NDArray[Any],
    *,
    sizes: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Score what was stored of one task on one split.

    Images without a known label count nowhere. A metric that nothing defines is None; so are all
    of them, with ``images`` 0, where no image of the split carries the task.

    Args:
        task: What was predicted.
        predictions: As stored, see :func:`as_stored`: logits ``(N, A)`` or ``(N, C)``, a scalar's
            ``(N,)``, points ``(N, P, 2)`` in pixels of the original, embeddings ``(N, D)``.
        labels: As ``task.labels`` gives them, in the same order.
        sizes: ``(N, 2)``, height and width of the originals; landmarks need them for ``mae`` and
            ``rmse``.

    Returns:
        Metric to plain float or None, with details beside them under ``<metric>_per_attribute``,
        ``_per_class``, ``_per_point`` and ``_per_decade``, ``metric_version``, and ``images``: how
        many carry the task. Ready for JSON.

    Raises:
        ValueError: There are no predictions, shapes disagree, or a prediction is NaN.
        UserError: The kind of task has no metrics.
    """
    if not len(predictions):
        raise ValueError("there are no predictions to score (N = 0)")
    match task:
        case BinaryAttributes():
            return score_attributes(predictions, labels, task.attributes)
        case Classes():
            return score_classes(predictions, labels, task.classes)
        case Scalar():
            return score_scalar(predictions, labels)
        case Landmarks():
            return score_landmarks(predictions, labels, task.eyes, sizes)
        case Identity():
            return score_identity(predictions, labels)
    raise _no_metrics(task)


def as_stored(task: Task, predictions: NDArray[Any]) -> NDArray[Any]:
    """Return predictions as predictions.npz keeps them.

    Logits (attributes, classes) become float16, clipped to the finite range; a scalar, points and
    embeddings become float32.

    Raises:
        ValueError: A prediction is NaN, or, where float32 is kept, infinite.
    """
    if isinstance(task, BinaryAttributes | Classes):
        return logits_as_stored(predictions)
    stored = np.asarray(predictions, np.float32)
    refuse_not_finite(stored, f"predictions of '{task.name}'")
    return stored


def logits_as_stored(logits: NDArray[Any]) -> NDArray[np.float16]:
    """Return logits as float16, clipped to the finite range.

    Raises:
        ValueError: A logit is NaN.
    """
    refuse_nan(logits, "logits")
    stored: NDArray[np.float16] = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float16)
    return stored


def reference(
    task: Task,
    statistics: TrainStatistics,
    labels: NDArray[Any],
    *,
    sizes: NDArray[Any] | None = None,
    frame: tuple[float, float] = (0.0, 1.0),
) -> dict[str, float | None]:
    """Score the constant predictor, which knows the train statistics and never sees an image.

    It gives every image the majority class of the train split (attributes: yes where more than
    half are), the mean of the train labels (not the median, which would have the smaller ``mae``),
    or the mean shape. Identity has none: all None; so has a landmark task without ``sizes``.

    Args:
        task: What is predicted.
        statistics: Of the train labels.
        labels: Of the scored split, as ``task.labels`` gives them.
        sizes: ``(N, 2)``, height and width of the originals, which the mean shape is laid into.
        frame: Where the network's input lies in the resized image, as fractions of that image's
            side: left (and top) edge, and side. ``((packed - crop) // 2 / packed, crop / packed)``
            for a centre crop.

    Returns:
        For every metric of the kind a float, or None where it is undefined.

    Raises:
        UserError: The kind of task has no metrics.
    """
    if task.kind not in METRICS:
        raise _no_metrics(task)
    scores: dict[str, Any] = {}
    match task:
        case BinaryAttributes():
            scores = majority_reference(statistics.prevalence, labels, task.attributes)
        case Classes():
            chosen = np.eye(task.outputs)[np.argmax(statistics.prevalence)]
            scores = score_classes(np.tile(chosen, (len(labels), 1)), labels, task.classes)
            # An answer without a probability has no calibration.
            scores |= {"ece": None, "brier": None}
        case Scalar():
            scores = score_scalar(np.full(len(labels), statistics.mean[0]), labels)
        case Landmarks() if sizes is not None:
            left, side = frame
            shape = left + side * np.reshape(statistics.mean, (task.count, 2))
            # Edges lie at 0 and 1, pixel centres at whole numbers: the left edge is at -0.5.
            points = shape * np.asarray(sizes)[:, None, ::-1] - 0.5
            scores = score_landmarks(points, labels, task.eyes, sizes)
    return {metric: scores.get(metric) for metric in METRICS[task.kind]}


def _no_metrics(task: Task) -> UserError:
    return UserError(
        f"task '{task.name}' is of the kind '{task.kind}', which has no metrics. "
        f"Kinds that have: {', '.join(METRICS)}."
    )
