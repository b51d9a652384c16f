"""Pixel F1 of predicted masks, from counts that add up over batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.numbers import nanmean, number, numbers, ratio

NOT_LEARNED = 0.1
"""F1 of a group's masks below which they are empty or elsewhere: a reader must know of it."""


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


def mask_f1_from_counts(counts: NDArray[np.int64], names: Sequence[str]) -> dict[str, float | None]:
    """Return the pixel F1 of each group and, under ``mean``, their unweighted mean.

    Args:
        counts: ``(N, G, 3)`` from :func:`mask_counts`.
        names: The G group names.

    Returns:
        The pixels of all images of a group are pooled before F1 is taken, so images weigh by their
        pixels. None where a group is empty in all masks, predicted and true.
    """
    if counts.ndim != 3 or counts.shape[1:] != (len(names), 3):
        raise ValueError(f"counts must be (N, {len(names)}, 3), got {counts.shape}")
    tp, fp, fn = counts.sum(0).astype(float).T
    values = ratio(2 * tp, 2 * tp + fp + fn)
    return {**numbers(names, values), "mean": number(nanmean(values, axis=0))}
