"""Metrics of exclusive classes, from stored logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.calibration import class_calibration
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.scoring.numbers import nanmean, number, numbers, ratio, refuse_nan


def score_classes(
    logits: NDArray[Any], labels: NDArray[Any], names: Sequence[str]
) -> dict[str, Any]:
    """Score exclusive classes; the answer is the largest logit, the first of equals.

    Accuracy is the share of images. The others are means over classes, each class weighing the
    same: recall over the classes that occur (their mean is the balanced accuracy), F1 over the
    classes that occur or are called, precision likewise (0 where a class occurs and is never
    called). This is scikit-learn's ``average="macro"``, but for recall, which there counts a
    class that never occurs and is called once as 0. ``ece`` and ``brier`` are those of the softmax,
    see :func:`farbench.scoring.calibration.class_calibration`.

    Args:
        logits: ``(N, C)``, the stored float16 values.
        labels: ``(N,)``, the class's number, or -1 where unknown.
        names: The C class names in column order.

    Returns:
        For every metric of the kind ``<metric>`` (a fraction; None where undefined). For
        ``precision``, ``recall`` and ``f1`` also ``<metric>_per_class`` (None where undefined)
        and ``<metric>_left_out`` (how many classes the mean leaves out). Beside them
        ``prevalence_per_class`` (the share of each class among the known labels), ``confusion``
        (true class to answered class to number of images), ``metric_version`` and ``images``.

    Raises:
        ValueError: Shapes disagree, a logit is NaN, or a label is no class's number.
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    count = len(names)
    if logits.ndim != 2 or logits.shape[1] != count or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits {logits.shape} must be (N, {count}) and labels {labels.shape} (N,)"
        )
    if not ((labels >= -1) & (labels < count)).all():
        raise ValueError(f"labels must be 0 to {count - 1}, or -1 (unknown)")
    refuse_nan(logits, "logits")
    known = labels >= 0
    true, said = labels[known].astype(np.int64), logits[known].argmax(1)
    confusion = np.bincount(true * count + said, minlength=count**2).reshape(count, count)
    met, positives, called = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    precision = np.where((called == 0) & (positives > 0), 0.0, ratio(met, called))
    recall = ratio(met, positives)
    scores: dict[str, Any] = {
        "metric_version": METRIC_VERSION,
        "images": int(known.sum()),
        "accuracy": number(ratio(met.sum(), positives.sum())),
        "balanced_accuracy": number(nanmean(recall, axis=0)),
    }
    f1 = ratio(2 * met, positives + called)
    for metric, values in (("f1", f1), ("precision", precision), ("recall", recall)):
        scores[metric] = number(nanmean(values, axis=0))
        scores[f"{metric}_left_out"] = int(np.isnan(values).sum())
        scores[f"{metric}_per_class"] = numbers(names, values)
    error, brier = class_calibration(logits[known], true)
    scores |= {"ece": number(error), "brier": number(brier)}
    share = ratio(positives, np.full(count, positives.sum()))
    scores["prevalence_per_class"] = numbers(names, share)
    scores["confusion"] = {
        name: dict(zip(names, row, strict=True))
        for name, row in zip(names, confusion.tolist(), strict=True)
    }
    return scores
