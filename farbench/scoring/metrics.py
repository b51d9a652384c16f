"""Metrics of binary attributes and of masks, computed from stored predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

METRIC_VERSION = 1
"""Raised whenever a definition below changes: scores of two versions are never compared."""

LARGEST_LOGIT = 65504.0
"""The largest finite float16; stored logits are clipped to plus or minus this."""


@dataclass(frozen=True)
class MetricInfo:
    """What a table must know of a metric.

    Attributes:
        name: Its key in ``metrics.json``.
        label: Its heading in tables.
        higher_is_better: Its direction.
        doc: One line that defines it.
        percent: Whether tables print the stored fraction times 100.
    """

    name: str
    label: str
    higher_is_better: bool
    doc: str
    percent: bool = True


METRICS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        MetricInfo(
            "accuracy",
            "Accuracy",
            True,
            "Mean over attributes of the share of known labels that are met (logit > 0 is yes).",
        ),
        MetricInfo(
            "mA",
            "mA",
            True,
            "Mean over attributes of (TPR + TNR) / 2; attributes with one class are left out.",
        ),
        MetricInfo(
            "f1",
            "F1",
            True,
            "Mean over attributes of the F1 of 'yes'; left out where nothing is or is called yes.",
        ),
        MetricInfo(
            "precision",
            "Precision",
            True,
            "Mean over attributes of TP / (TP + FP); 0 where positives exist and none is called.",
        ),
        MetricInfo(
            "recall",
            "Recall",
            True,
            "Mean over attributes of TP / (TP + FN); attributes without positives are left out.",
        ),
        MetricInfo(
            "average_precision",
            "AP",
            True,
            "Mean over attributes of the area under precision-recall, as a step function; "
            "attributes without positives are left out.",
        ),
    )
}


def as_stored(logits: NDArray[Any]) -> NDArray[np.float16]:
    """Return logits as predictions.npz keeps them: float16, clipped to the finite range.

    Raises:
        ValueError: A logit is NaN.
    """
    _refuse_nan(logits)
    stored: NDArray[np.float16] = np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.float16)
    return stored


def score_attributes(
    logits: NDArray[Any], targets: NDArray[Any], names: Sequence[str]
) -> dict[str, Any]:
    """Score binary attributes at the decision "logit > 0 is yes".

    Every metric is computed for each attribute over the images whose label is known, then
    averaged over the attributes where it is defined. mA follows Wang et al., Dynamic Curriculum
    Learning (ICCV 2019), as MGMTN cites it.

    Args:
        logits: ``(N, A)``, the stored float16 values.
        targets: ``(N, A)``; 1 yes, 0 no, -1 unknown.
        names: The A attribute names in column order.

    Returns:
        For every name in ``METRICS``: ``<metric>`` (a fraction, None where no attribute defines
        it), ``<metric>_per_attribute`` (None where undefined) and ``<metric>_left_out`` (how
        many attributes the mean leaves out). Beside them ``prevalence`` and
        ``prevalence_per_attribute`` (the share of yes among known labels, which the majority
        reference needs once the predictions are gone), ``metric_version`` and ``images``.

    Raises:
        ValueError: Shapes disagree, a logit is NaN, or a target is not -1, 0 or 1.
    """
    logits, targets = np.asarray(logits), np.asarray(targets)
    _check(logits, targets, names)
    _refuse_nan(logits)
    positive, negative, said = targets == 1, targets == 0, logits > 0
    tp = (said & positive).sum(0)
    fp = (said & negative).sum(0)
    fn = (~said & positive).sum(0)
    tn = (~said & negative).sum(0)
    values = _from_counts(tp, fp, fn, tn)
    values["average_precision"] = _average_precision(logits, positive, negative)
    scores = _summary(values, names)
    scores["images"] = int(logits.shape[0])
    return scores


def majority_reference(
    train_prevalence: Sequence[float], targets: NDArray[Any], names: Sequence[str]
) -> dict[str, Any]:
    """Score the predictor that gives every image the majority class of the train split.

    Args:
        train_prevalence: Share of yes among the known train labels, one an attribute.
        targets: ``(N, A)``; 1 yes, 0 no, -1 unknown.
        names: The A attribute names in column order.
    """
    targets = np.asarray(targets)
    share = _from_counts(*_constant_counts(np.zeros(len(names), bool), targets))["prevalence"]
    return majority_from_prevalence(train_prevalence, share.tolist(), names)


def majority_from_prevalence(
    train_prevalence: Sequence[float], prevalence: Sequence[float | None], names: Sequence[str]
) -> dict[str, Any]:
    """Do as :func:`majority_reference`, from the test split's prevalence alone.

    Committed results carry no labels; their metrics.json carries ``prevalence_per_attribute``,
    and that is all a constant predictor's score depends on.

    Args:
        train_prevalence: Share of yes in the train split; above 0.5 the answer is always yes.
        prevalence: Share of yes in the scored split; None or NaN where no label is known.
        names: The A attribute names in column order.
    """
    if not len(train_prevalence) == len(prevalence) == len(names):
        raise ValueError(
            f"{len(train_prevalence)} train and {len(prevalence)} test prevalences "
            f"for {len(names)} attributes"
        )
    share = np.asarray([np.nan if value is None else value for value in prevalence], float)
    yes = np.asarray(train_prevalence, float) > 0.5
    known = ~np.isnan(share)
    p = np.where(known, share, 0.0)
    q = np.where(known, 1.0 - p, 0.0)
    values = _from_counts(p * yes, q * yes, p * ~yes, q * ~yes)
    # All scores are equal, so the precision-recall curve is the one point (1, prevalence).
    values["average_precision"] = np.where(p > 0, p, np.nan)
    return _summary(values, names)


def mask_counts(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count pixels: true positives, false positives, false negatives.

    Args:
        predicted: ``(N, G, h, w)``, what the mask network says.
        true: ``(N, G, h, w)``, the rectangles.

    Returns:
        ``(N, G, 3)``. Sums over images of several batches may be added up.
    """
    predicted, true = np.asarray(predicted, bool), np.asarray(true, bool)
    if predicted.shape != true.shape or predicted.ndim != 4:
        raise ValueError(f"masks must both be (N, G, h, w), got {predicted.shape} and {true.shape}")
    counts = [predicted & true, predicted & ~true, ~predicted & true]
    return np.stack([c.sum((2, 3), dtype=np.int64) for c in counts], axis=-1)


def mask_f1_from_counts(
    counts: NDArray[np.int64], names: Sequence[str], *, per_image: bool = False
) -> dict[str, float | None]:
    """Return the pixel F1 of each group and, under ``mean``, their unweighted mean.

    Args:
        counts: ``(N, G, 3)`` from :func:`mask_counts`.
        names: The G group names.
        per_image: False pools the pixels of all images of a group before F1 is taken, so images
            weigh by their pixels; True takes F1 image by image and averages, leaving out images
            where a group is empty in both masks. None where nothing defines a group's F1.
    """
    if counts.ndim != 3 or counts.shape[1:] != (len(names), 3):
        raise ValueError(f"counts must be (N, {len(names)}, 3), got {counts.shape}")
    pooled = counts if per_image else counts.sum(0, keepdims=True)
    tp, fp, fn = (pooled[..., i].astype(float) for i in range(3))
    values = _nanmean(_ratio(2 * tp, 2 * tp + fp + fn), axis=0)
    scores = {name: _number(value) for name, value in zip(names, values, strict=True)}
    return {**scores, "mean": _number(_nanmean(values, axis=0))}


def mask_f1(
    predicted: NDArray[np.bool_],
    true: NDArray[np.bool_],
    names: Sequence[str],
    *,
    per_image: bool = False,
) -> dict[str, float | None]:
    """Return the F1 of predicted masks, ``(N, G, h, w)`` bool; see :func:`mask_f1_from_counts`."""
    return mask_f1_from_counts(mask_counts(predicted, true), names, per_image=per_image)


def _check(logits: NDArray[Any], targets: NDArray[Any], names: Sequence[str]) -> None:
    if logits.ndim != 2 or logits.shape != targets.shape or logits.shape[1] != len(names):
        raise ValueError(
            f"logits {logits.shape} and targets {targets.shape} must both be (N, {len(names)})"
        )
    if logits.shape[0] == 0:
        raise ValueError("there are no predictions to score (N = 0)")
    if not np.isin(targets, (-1, 0, 1)).all():
        raise ValueError("targets must be 1 (yes), 0 (no) or -1 (unknown)")


def _refuse_nan(logits: NDArray[Any]) -> None:
    wrong = int(np.isnan(logits).sum())
    if wrong:
        raise ValueError(f"{wrong} of {logits.size} logits are NaN")


def _constant_counts(yes: NDArray[np.bool_], targets: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    positive, negative = (targets == 1).sum(0), (targets == 0).sum(0)
    return positive * yes, negative * yes, positive * ~yes, negative * ~yes


def _from_counts(
    tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tn: NDArray[Any]
) -> dict[str, NDArray[np.float64]]:
    """Turn the four counts (or shares) of each attribute into metrics, NaN where undefined."""
    positives, negatives = tp + fn, fp + tn
    recall, specificity = _ratio(tp, positives), _ratio(tn, negatives)
    # Precision of an attribute that is never called although it exists is 0, as sklearn has it:
    # leaving it out would reward a method for giving up on its rare attributes.
    precision = np.where((tp + fp == 0) & (positives > 0), 0.0, _ratio(tp, tp + fp))
    return {
        "accuracy": _ratio(tp + tn, positives + negatives),
        "mA": (recall + specificity) / 2,
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "precision": precision,
        "recall": recall,
        "prevalence": _ratio(positives, positives + negatives),
    }


def _average_precision(
    logits: NDArray[Any], positive: NDArray[np.bool_], negative: NDArray[np.bool_]
) -> NDArray[np.float64]:
    from sklearn.metrics import average_precision_score

    values = np.full(logits.shape[1], np.nan)
    for column in range(logits.shape[1]):
        known = positive[:, column] | negative[:, column]
        truth = positive[known, column]
        if truth.any():
            scores = logits[known, column].astype(np.float32)
            values[column] = average_precision_score(truth, scores)
    return values


def _summary(values: Mapping[str, NDArray[np.float64]], names: Sequence[str]) -> dict[str, Any]:
    scores: dict[str, Any] = {"metric_version": METRIC_VERSION}
    for metric in (*METRICS, "prevalence"):
        column = values[metric]
        scores[metric] = _number(_nanmean(column, axis=0))
        if metric in METRICS:
            scores[f"{metric}_left_out"] = int(np.isnan(column).sum())
        scores[f"{metric}_per_attribute"] = {
            name: _number(value) for name, value in zip(names, column, strict=True)
        }
    return scores


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    result = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=result, where=np.asarray(below) > 0)
    return result


def _nanmean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis), known.sum(axis))


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
