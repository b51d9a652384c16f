"""How far a number may move by luck: from seeds, from stored predictions, or from counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from farbench.scoring.predictions import Predictions
from farbench.scoring.score import score
from farbench.tasks.base import Task

NORMAL = 1.96
"""97.5% quantile of the normal distribution: two-sided, 5%."""
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""The same quantile of Student's t with 1, 2, ... degrees of freedom."""
MORE_SEEDS = 2.23
"""With 10; used for more as well, which is on the safe side."""

ERRORS = ("mae", "rmse", "nme")
"""Metrics that are a typical error, not a share."""
ERROR_SPREAD = 0.76
"""Of normal errors: the standard deviation of their size over its mean, sqrt(pi / 2 - 1)."""

BLOCKS = 20


@dataclass(frozen=True)
class Noise:
    """The noise of a difference of two means.

    Attributes:
        sigma: Its standard error.
        times: How many of them are still noise.
        source: In words.
    """

    sigma: float
    times: float
    source: str


def from_seeds(spread: float, seeds: int, before: int, after: int) -> Noise:
    """Return the noise of means over seeds.

    Args:
        spread: Sample standard deviation over the baseline's seeds.
        seeds: How many these were, at least 2.
        before: Seeds in the baseline's mean.
        after: Seeds in the mean now.
    """
    degrees = seeds - 1
    times = STUDENT[degrees - 1] if degrees <= len(STUDENT) else MORE_SEEDS
    return Noise(spread * math.sqrt(1 / before + 1 / after), times, f"spread of {seeds} seeds")


def from_images(error: float, before: int, after: int) -> Noise:
    """Return the noise of a single seed, whose spread nobody knows, by the luck of test images.

    Args:
        error: Standard error of the metric over test images.
        before: Seeds in the baseline's mean.
        after: Seeds in the mean now.
    """
    return Noise(error * math.sqrt(1 / before + 1 / after), NORMAL, "one seed: test images")


def counted_error(metric: str, value: float, images: int) -> float:
    """Return the standard error of a metric over test images, from the number of images alone.

    For a share this is the binomial one, sqrt(p (1 - p) / N): as if all labels of an image stood
    and fell together, so for a mean over attributes it is an upper bound. For an error it is that
    of a mean whose values are normal errors. Where the value is no share, 1/4 takes the place of
    p (1 - p).

    Args:
        metric: The metric's name.
        value: The metric.
        images: N, test images that carry the task.
    """
    if metric in ERRORS:
        return ERROR_SPREAD * value / math.sqrt(images)
    return math.sqrt((value * (1 - value) if 0 < value < 1 else 0.25) / images)


def jackknife_errors(
    task: Task, predictions: Predictions, metrics: Sequence[str]
) -> dict[str, float]:
    """Return the standard errors of metrics over test images, by leaving out blocks of images.

    It needs no formula of the metric, and knows that the labels of an image hang together. The
    images are put into ``BLOCKS`` random blocks; with b of them the variance is
    (b - 1) / b * sum (value without block - mean of these)^2 (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993, equation 11.5, for blocks).

    Args:
        task: What was predicted.
        predictions: As stored.
        metrics: Names of its metrics.

    Returns:
        Those that are defined without any one of the blocks; none with fewer images than blocks.
    """
    images = len(predictions.image)
    if images < BLOCKS:
        return {}
    block = np.random.default_rng(0).permutation(images) % BLOCKS
    values = []
    for left_out in range(BLOCKS):
        kept = block != left_out
        sizes = None if predictions.sizes is None else predictions.sizes[kept]
        try:
            scores = score(task, predictions.output[kept], predictions.target[kept], sizes=sizes)
        except ValueError:  # too few images of a kind to score
            return {}
        values.append([scores.get(metric) for metric in metrics])
    table = np.array(values, dtype=np.float64)
    errors = np.sqrt((BLOCKS - 1) / BLOCKS * ((table - table.mean(0)) ** 2).sum(0))
    return {
        metric: float(error)
        for metric, error in zip(metrics, errors, strict=True)
        if np.isfinite(error)
    }
