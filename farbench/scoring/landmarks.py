"""Metrics of points on a face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.catalogue import FAILURE, METRIC_VERSION
from farbench.scoring.numbers import nanmean, number, numbers, ratio, refuse_not_finite

Eyes = tuple[Sequence[int], Sequence[int]]
"""The points whose two centres are the eyes."""


def score_landmarks(
    points: NDArray[Any], labels: NDArray[Any], eyes: Eyes, sizes: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Score landmarks.

    ``nme`` is the error of 300-W (Sagonas et al., 300 Faces in-the-Wild Challenge, ICCVW 2013):
    the mean distance of the points to their labels, divided by the distance of the eyes, averaged
    over images. ``failure_rate`` and ``ced_auc`` are taken at an NME of 0.08, as usual there; the
    area under the cumulative error curve is computed exactly, as the mean of
    ``max(0, 1 - nme / 0.08)``. ``nearness`` is ``1 / (1 + nme)``: this project's own, bounded,
    for choosing an epoch. ``mae`` and ``rmse`` are of single coordinates as fractions of the
    image, x of its width and y of its height, pooled over images and points, as
    ChenChienYi's attributes-and-landmarks repository has them.

    Args:
        points: ``(N, P, 2)``, the stored x and y in pixels of the original image.
        labels: ``(N, P, 2)`` likewise; NaN where unknown.
        eyes: For each eye the points whose centre it is. Images that lack one of them, or whose
            eyes coincide, have no NME; their known points still count in ``mae`` and ``rmse``.
        sizes: ``(N, 2)``, height and width of the originals; without them ``mae`` and ``rmse``
            are None.

    Returns:
        Every metric of the kind (None where undefined). Beside them ``nme_per_point``,
        ``mae_per_point`` (points are named "0", "1", ...), ``nme_left_out`` (images with known
        points and no NME), ``metric_version`` and ``images`` (those with a known point).

    Raises:
        ValueError: Shapes disagree, a prediction is not finite, or a size is not positive.
    """
    points, labels = np.asarray(points), np.asarray(labels)
    refuse_not_finite(points, "coordinates")
    distance = normalised_distances(points, labels, eyes)
    nme = nanmean(distance, axis=1)
    known = ~np.isnan(labels).any(2)
    carries = known.any(1)
    mean = nanmean(nme, axis=0)
    scored = ~np.isnan(nme)
    names = [str(point) for point in range(labels.shape[1])]
    scores: dict[str, Any] = {
        "metric_version": METRIC_VERSION,
        "images": int(carries.sum()),
        "nme": number(mean),
        "failure_rate": number(ratio((nme[scored] > FAILURE).sum(), scored.sum())),
        "ced_auc": number(nanmean(np.maximum(0.0, 1 - nme / FAILURE), axis=0)),
        "nearness": number(1 / (1 + mean)),
        "nme_left_out": int((carries & ~scored).sum()),
        "nme_per_point": numbers(names, nanmean(distance, axis=0)),
        "mae": None,
        "rmse": None,
        "mae_per_point": dict.fromkeys(names),
    }
    if sizes is not None:
        sizes = np.asarray(sizes)
        if sizes.shape != (len(labels), 2) or not (sizes[carries] > 0).all():
            raise ValueError(f"sizes {sizes.shape} must be ({len(labels)}, 2) and above 0")
        error = np.abs(points.astype(np.float64) - labels) / sizes[:, None, ::-1]
        error[~known] = np.nan
        scores["mae"] = number(nanmean(error.ravel(), axis=0))
        scores["rmse"] = number(np.sqrt(nanmean((error**2).ravel(), axis=0)))
        by_point = error.transpose(1, 0, 2).reshape(len(names), -1)
        scores["mae_per_point"] = numbers(names, nanmean(by_point, axis=1))
    return scores


def normalised_distances(
    points: NDArray[Any], labels: NDArray[Any], eyes: Eyes
) -> NDArray[np.float64]:
    """Return ``(N, P)``: each point's distance to its label, divided by the distance of the eyes.

    NaN where the point is unknown or the image has no two eyes. The mean of a row is the image's
    NME.

    Args:
        points: ``(N, P, 2)`` in pixels of the original image.
        labels: ``(N, P, 2)`` likewise; NaN where unknown.
        eyes: For each eye the points whose centre it is.
    """
    if labels.ndim != 3 or labels.shape[2] != 2 or points.shape != labels.shape:
        raise ValueError(f"points {points.shape} and labels {labels.shape} must both be (N, P, 2)")
    labels = labels.astype(np.float64)
    centres = [labels[:, list(eye)].mean(1) for eye in eyes]
    between = np.sqrt(((centres[0] - centres[1]) ** 2).sum(1))
    distance = np.sqrt(((points - labels) ** 2).sum(2))
    return ratio(distance, np.broadcast_to(between[:, None], distance.shape))
