"""Is the difference of two cells more than the luck of these test images? A paired bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.per_image import ImageValues

_CHUNK = 4_000_000
"""Drawn images at a time; bounds the memory."""


@dataclass(frozen=True)
class Difference:
    """The difference of two cells, a - b, with its uncertainty.

    Attributes:
        value: a - b, in the metric's own unit (a fraction, years). Of an error metric, below 0
            means that a is better.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided p of "no difference".
        adjusted_p: p after Holm's adjustment for all names of the comparison; of the mean, p.
    """

    value: float
    low: float
    high: float
    p: float
    adjusted_p: float


@dataclass(frozen=True)
class Comparison:
    """The outcome of :func:`paired_bootstrap`.

    Attributes:
        metric: The metric's name.
        mean: The difference of the metric; None where nothing defines it.
        each: Of each name (an attribute, a class); None where no image defines it.
        images: How many images count.
        units: How many things were drawn from: images, or clusters of them.
    """

    metric: str
    mean: Difference | None
    each: dict[str, Difference | None]
    images: int
    units: int


def paired_bootstrap(
    a: ImageValues,
    b: ImageValues,
    *,
    clusters: NDArray[Any] | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two cells on the same images.

    The images are drawn anew with replacement, both cells' values together, and the difference
    of the metric is taken of each draw. The interval is that of the percentiles (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). The p is its inversion, twice
    the smaller share of draws on one side of 0, with 1 added above and below the line: it never
    is smaller than 2 / (resamples + 1). It speaks of the luck of these test images alone, not of
    the seed. Draws in which a rare label does not occur say nothing of it and are left out there.

    Args:
        a: One cell's values, from :func:`farbench.scoring.per_image.per_image`. For a mean over
            seeds, average ``values`` over the seeds first.
        b: The other's, in the same order of images.
        clusters: ``(N,)`` whole numbers: draw these instead of images, as images of one person
            are not independent. An image below 0 (identity unknown) is a cluster of its own.
        resamples: Number of draws.
        level: Of the interval.
        seed: Of the draws.

    Raises:
        ValueError: The two are not of one metric, the same names and known images.
    """
    if (a.metric, a.names, a.values.shape) != (b.metric, b.names, b.values.shape):
        raise ValueError("the two cells are not of one metric and the same names and images")
    known = ~np.isnan(a.values)
    if not np.array_equal(known, ~np.isnan(b.values)):
        raise ValueError("the two cells do not have the same known labels")
    used = known.any(1)
    totals = np.where(known, a.values - b.values, 0.0)[used]
    counts = known[used].astype(np.float64)
    if clusters is not None:
        totals, counts = _by_cluster(np.asarray(clusters)[used], totals, counts)
    names = tuple(dict.fromkeys(a.names))
    columns = [np.flatnonzero([other == name for other in a.names]) for name in names]
    observed = _statistics(totals.sum(0)[None], counts.sum(0)[None], columns)[0]
    drawn = _draw(totals, counts, columns, resamples, seed)
    found = [
        _difference(value, column, level) for value, column in zip(observed, drawn.T, strict=True)
    ]
    *each, mean = found
    adjusted = iter(holm([one.p for one in each if one is not None]))
    return Comparison(
        metric=a.metric,
        mean=mean,
        each={
            name: None if one is None else Difference(**{**vars(one), "adjusted_p": next(adjusted)})
            for name, one in zip(names, each, strict=True)
        },
        images=int(used.sum()),
        units=len(totals),
    )


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, in the same order.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal
    of Statistics 6, 1979.
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    raised = np.minimum(np.maximum.accumulate(np.asarray(p, float)[order] * factors), 1.0)
    adjusted = np.empty(len(p))
    adjusted[order] = raised
    return [float(value) for value in adjusted]


def _by_cluster(
    clusters: NDArray[Any], totals: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up the rows of each cluster."""
    alone = clusters < 0
    labels = np.where(alone, clusters.max(initial=-1) + 1 + np.arange(len(clusters)), clusters)
    _, number = np.unique(labels, return_inverse=True)
    sums = [np.zeros((number.max(initial=-1) + 1, totals.shape[1])) for _ in range(2)]
    for summed, values in zip(sums, (totals, counts), strict=True):
        np.add.at(summed, number, values)
    return sums[0], sums[1]


def _draw(
    totals: NDArray[np.float64],
    counts: NDArray[np.float64],
    columns: list[NDArray[np.intp]],
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return ``(resamples, names + 1)``: the statistics of each draw."""
    units = len(totals)
    result = np.full((resamples, len(columns) + 1), np.nan)
    if not units:
        return result
    # Where all labels are known all columns count alike: multiply each kind of column once.
    distinct, column_of = np.unique(counts, axis=1, return_inverse=True)
    both = np.concatenate([totals, distinct], axis=1)
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // units)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, units, (rows, units), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        sums = times.astype(np.float64) @ both
        known = sums[:, totals.shape[1] :][:, column_of.ravel()]
        result[start : start + rows] = _statistics(sums[:, : totals.shape[1]], known, columns)
    return result


def _statistics(
    totals: NDArray[np.float64], counts: NDArray[np.float64], columns: list[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Return ``(R, names + 1)`` from sums ``(R, K)``: each name, then the mean over names."""
    with np.errstate(invalid="ignore"):
        parts = totals / counts
    each = np.stack([parts[:, chosen].mean(1) for chosen in columns], axis=1)
    known = ~np.isnan(each)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, each, 0.0).sum(1) / known.sum(1)
    return np.concatenate([each, mean[:, None]], axis=1)


def _difference(value: float, drawn: NDArray[np.float64], level: float) -> Difference | None:
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(drawn):
        return None
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    side = 1 + min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p = min(1.0, 2 * side / (len(drawn) + 1))
    return Difference(float(value), float(low), float(high), p, p)
