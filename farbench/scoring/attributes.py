"""Metrics of binary attributes, from stored logits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.calibration import attribute_calibration
from farbench.scoring.catalogue import METRIC_VERSION, METRICS
from farbench.scoring.numbers import nanmean, number, numbers, ratio, refuse_nan


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
        For every metric of the kind: ``<metric>`` (a fraction, None where no attribute defines
        it), ``<metric>_per_attribute`` (None where undefined) and ``<metric>_left_out`` (how
        many attributes the mean leaves out). Beside them ``prevalence`` and
        ``prevalence_per_attribute`` (the share of yes among known labels, which the majority
        reference needs once the predictions are gone), ``metric_version`` and ``images`` (those
        with at least one known label).

    Raises:
        ValueError: Shapes disagree, a logit is NaN, or a target is not -1, 0 or 1.
    """
    logits, targets = np.asarray(logits), np.asarray(targets)
    _check(logits, targets, names)
    refuse_nan(logits, "logits")
    values = attribute_values(logits, targets, METRICS["attributes"])
    return {**_summary(values, names), "images": int((targets >= 0).any(1).sum())}


def attribute_values(
    logits: NDArray[Any], targets: NDArray[Any], metrics: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    """Return metrics of each attribute, ``(A,)``, NaN where undefined, and their ``prevalence``.

    Args:
        logits: ``(N, A)``, the stored float16 values; N may be 0.
        targets: ``(N, A)``; 1 yes, 0 no, -1 unknown.
        metrics: Those of the kind that are wanted; what comes without effort is there unasked.
    """
    positive, negative, said = targets == 1, targets == 0, logits > 0
    tp = (said & positive).sum(0)
    fp = (said & negative).sum(0)
    fn = (~said & positive).sum(0)
    tn = (~said & negative).sum(0)
    values = _from_counts(tp, fp, fn, tn)
    if "average_precision" in metrics:
        values["average_precision"] = _average_precision(logits, positive, negative)
    if not {"ece", "brier"}.isdisjoint(metrics):
        values["ece"], values["brier"] = attribute_calibration(logits, targets)
    return values


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
    share = ratio((targets == 1).sum(0), (targets >= 0).sum(0))
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
    # An answer without a probability has no calibration.
    values |= dict.fromkeys(("ece", "brier"), np.full(len(names), np.nan))
    return _summary(values, names)


def _check(logits: NDArray[Any], targets: NDArray[Any], names: Sequence[str]) -> None:
    if logits.ndim != 2 or logits.shape != targets.shape or logits.shape[1] != len(names):
        raise ValueError(
            f"logits {logits.shape} and targets {targets.shape} must both be (N, {len(names)})"
        )
    if logits.shape[0] == 0:
        raise ValueError("there are no predictions to score (N = 0)")
    if not np.isin(targets, (-1, 0, 1)).all():
        raise ValueError("targets must be 1 (yes), 0 (no) or -1 (unknown)")


def _from_counts(
    tp: NDArray[Any], fp: NDArray[Any], fn: NDArray[Any], tn: NDArray[Any]
) -> dict[str, NDArray[np.float64]]:
    """Turn the four counts (or shares) of each attribute into metrics, NaN where undefined."""
    positives, negatives = tp + fn, fp + tn
    recall, specificity = ratio(tp, positives), ratio(tn, negatives)
    # Precision of an attribute that is never called although it exists is 0, as sklearn has it:
    # leaving it out would reward a method for giving up on its rare attributes.
    precision = np.where((tp + fp == 0) & (positives > 0), 0.0, ratio(tp, tp + fp))
    return {
        "accuracy": ratio(tp + tn, positives + negatives),
        "mA": (recall + specificity) / 2,
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": precision,
        "recall": recall,
        "prevalence": ratio(positives, positives + negatives),
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
    for metric in (*METRICS["attributes"], "prevalence"):
        column = values[metric]
        scores[metric] = number(nanmean(column, axis=0))
        if metric != "prevalence":
            scores[f"{metric}_left_out"] = int(np.isnan(column).sum())
        scores[f"{metric}_per_attribute"] = numbers(names, column)
    return scores
