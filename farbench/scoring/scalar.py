"""Metrics of a number with a unit, such as age in years."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.catalogue import METRIC_VERSION, METRICS, WITHIN
from farbench.scoring.numbers import number, refuse_not_finite


def score_scalar(values: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
    """Score a number.

    ``mae`` and ``rmse`` are in the label's unit. ``cs5`` is the cumulative score of age estimation
    (Geng et al., Automatic Age Estimation Based on Facial Aging Patterns, TPAMI 2007) at 5: the
    share of images whose absolute error is at most 5 of that unit, whatever it is. ``r2`` is the
    coefficient of determination against the mean of the scored labels, and may be negative.

    Args:
        values: ``(N,)``, the stored predictions in the unit.
        labels: ``(N,)`` in the unit, NaN where unknown.

    Returns:
        Every metric of the kind; None where undefined: all of them without a known label,
        ``r2`` where all labels are equal, ``correlation`` also where all predictions are. Beside
        them ``mae_per_decade`` and ``images_per_decade`` (of the label: "20-29" is from 20 to
        below 30; only decades that occur), ``metric_version`` and ``images``.

    Raises:
        ValueError: Shapes disagree, or a prediction is not finite.
    """
    values, labels = np.asarray(values), np.asarray(labels)
    if values.ndim != 1 or values.shape != labels.shape:
        raise ValueError(f"predictions {values.shape} and labels {labels.shape} must both be (N,)")
    refuse_not_finite(values, "predictions")
    known = ~np.isnan(labels)
    true, said = labels[known].astype(np.float64), values[known].astype(np.float64)
    scores: dict[str, Any] = {"metric_version": METRIC_VERSION, "images": int(known.sum())}
    scores |= dict.fromkeys(METRICS["scalar"])
    scores |= {"mae_per_decade": {}, "images_per_decade": {}}
    if not known.any():
        return scores
    error = np.abs(said - true)
    scores["mae"] = float(error.mean())
    scores["rmse"] = float(np.sqrt((error**2).mean()))
    scores["cs5"] = float((error <= WITHIN).mean())
    if np.ptp(true) > 0:
        deviation = true - true.mean()
        scores["r2"] = float(1 - (error**2).sum() / (deviation**2).sum())
        if np.ptp(said) > 0:
            own = said - said.mean()
            product = np.sqrt((deviation**2).sum() * (own**2).sum())
            scores["correlation"] = number((deviation * own).sum() / product)
    decade = np.floor(true / 10).astype(int)
    for first in np.unique(decade):
        name, chosen = f"{10 * first}-{10 * first + 9}", decade == first
        scores["mae_per_decade"][name] = float(error[chosen].mean())
        scores["images_per_decade"][name] = int(chosen.sum())
    return scores
