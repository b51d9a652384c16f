"""Is the difference of two rows more than luck? A paired bootstrap over images and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.per_image import ImageValues
from farbench.scoring.two_sided import two_sided_p

RESAMPLES = 10_000
LEVEL = 0.95

_CHUNK = 4_000_000
"""Drawn images at a time; bounds the memory."""


@dataclass(frozen=True)
class Difference:
    """The difference of two rows, a - b, with its uncertainty.

    Attributes:
        value: a - b, in the metric's own unit (a fraction, years). Of an error metric, below 0
            means that a is better.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided p of "no difference".
        std: Sample standard deviation of the seeds' own differences; None for one seed.
    """

    value: float
    low: float
    high: float
    p: float
    std: float | None = None


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


@dataclass(frozen=True)
class Pair:
    """Two rows on the same images.

    Attributes:
        a: One row's values, from :func:`farbench.scoring.per_image.per_image`, one a seed.
        b: The other's, of the same seeds in the same order, and of the same images.
        clusters: ``(N,)`` whole numbers: draw these instead of images, as images of one person
            are not independent. An image below 0 (identity unknown) is a cluster of its own.
    """

    a: Sequence[ImageValues]
    b: Sequence[ImageValues]
    clusters: NDArray[Any] | None = None


def paired_bootstrap(
    a: ImageValues | Sequence[ImageValues],
    b: ImageValues | Sequence[ImageValues],
    *,
    clusters: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Comparison:
    """Compare one pair; see :func:`paired_bootstraps`."""
    sides = [[one] if isinstance(one, ImageValues) else list(one) for one in (a, b)]
    pair = Pair(sides[0], sides[1], clusters)
    return paired_bootstraps([pair], resamples=resamples, level=level, seed=seed)[0]


def paired_bootstraps(
    pairs: Sequence[Pair],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Comparison]:
    """Compare pairs of rows, each on its own images; those of equally many share the draws.

    The images are drawn again with replacement, the values of both rows and of all seeds together,
    and the difference of the metric's means over seeds is taken of each draw. The interval is
    that of the percentiles (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter
    13). The p is its inversion, twice the smaller share of draws on one side of 0, with 1 added
    above and below the line (its far tail: :func:`farbench.scoring.two_sided.two_sided_p`). Draws
    in which a rare label does not occur say nothing of it and are left out there.

    With one seed this speaks of the luck of the test images alone, for two networks that are what
    they are. With several seeds it speaks of training as well. Seeds and images are crossed (every
    network sees every test image), and both are drawn, each by itself, as in Owen, The Pigeonhole
    Bootstrap, Annals of Applied Statistics 1(2), 2007, who shows that this is somewhat on the safe
    side. Rows are paired by seed too: cells of one seed share random numbers and often a stage.
    Drawn with replacement, a handful of seeds is too narrow a world: in simulations where seeds
    matter most, intervals of nominally 95% held in 71, 79 and 87% of cases with 2, 3 and 5 seeds.
    So the seeds' mean difference is drawn from its Student distribution instead, with the standard
    error of the seeds' own differences and one degree of freedom fewer than seeds (98, 96, 96%).
    That is this project's reading: where seeds dominate it is the paired t-test over seeds, where
    images dominate it is the bootstrap over images.

    Args:
        pairs: What to compare.
        resamples: Number of draws.
        level: Of the interval.
        seed: Of the draws.

    Raises:
        ValueError: A pair is not of one metric, the same names, seeds and known images.
    """
    prepared = [_prepare(pair) for pair in pairs]
    found: list[Comparison | None] = [None] * len(pairs)
    for units in dict.fromkeys(len(one.totals) for one in prepared):
        chosen = [i for i, one in enumerate(prepared) if len(one.totals) == units]
        draws = _draw([prepared[i] for i in chosen], units, resamples, seed)
        for i, drawn in zip(chosen, draws, strict=True):
            found[i] = _compared(pairs[i], prepared[i], drawn, level, seed)
    return [one for one in found if one is not None]


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


def by_cluster(clusters: NDArray[Any], *values: NDArray[Any]) -> list[NDArray[Any]]:
    """Add up the rows of each cluster.

    Args:
        clusters: ``(N,)``; a row below 0 is a cluster of its own.
        values: Arrays ``(N, K)``.
    """
    alone = clusters < 0
    labels = np.where(alone, clusters.max(initial=-1) + 1 + np.arange(len(clusters)), clusters)
    _, number = np.unique(labels, return_inverse=True)
    sums = []
    for rows in values:
        summed = np.zeros((number.max(initial=-1) + 1, rows.shape[1]), rows.dtype)
        np.add.at(summed, number, rows)
        sums.append(summed)
    return sums


@dataclass(frozen=True)
class _Prepared:
    """A pair as sums over what is drawn.

    Attributes:
        totals: ``(U, K)``: a - b of each unit, summed over the seeds.
        counts: ``(U, K)``: how many values that is the sum of.
        names: Each name once.
        columns: Of each name.
        seeds: ``(S, names + 1)``: the statistics of each seed.
        images: How many images count.
    """

    totals: NDArray[np.float64]
    counts: NDArray[np.float64]
    names: tuple[str, ...]
    columns: list[NDArray[np.intp]]
    seeds: NDArray[np.float64]
    images: int


def _prepare(pair: Pair) -> _Prepared:
    first = pair.a[0]
    for one in (*pair.a, *pair.b):
        if (one.metric, one.names, one.values.shape) != (
            first.metric,
            first.names,
            first.values.shape,
        ):
            raise ValueError("the two rows are not of one metric and the same names and images")
    if len(pair.a) != len(pair.b):
        raise ValueError("the two rows are not of the same seeds")
    known = ~np.isnan(first.values)
    if not all(np.array_equal(known, ~np.isnan(one.values)) for one in (*pair.a, *pair.b)):
        raise ValueError("the two rows do not have the same known labels")
    used = known.any(1)
    count = known[used].astype(np.float64)
    # Sums over seeds, not means: whole numbers stay whole, and ties with 0 stay ties.
    differences = [
        np.where(known, a.values - b.values, 0.0)[used] for a, b in zip(pair.a, pair.b, strict=True)
    ]
    names = tuple(dict.fromkeys(first.names))
    columns = [np.flatnonzero([other == name for other in first.names]) for name in names]
    seeds = np.concatenate(
        [_statistics(one.sum(0)[None], count.sum(0)[None], columns) for one in differences]
    )
    totals: NDArray[np.float64] = np.sum(differences, axis=0)
    counts = count * len(differences)
    if pair.clusters is not None:
        totals, counts = by_cluster(np.asarray(pair.clusters)[used], totals, counts)
    return _Prepared(totals, counts, names, columns, seeds, int(used.sum()))


def _draw(
    prepared: Sequence[_Prepared], units: int, resamples: int, seed: int
) -> list[NDArray[np.float64]]:
    """Return ``(resamples, names + 1)`` of each: the statistics of each draw of its units."""
    results = [np.full((resamples, len(one.names) + 1), np.nan) for one in prepared]
    if not units:
        return results
    # Where all labels are known all columns count alike: multiply each kind of column once.
    distinct = [np.unique(one.counts, axis=1, return_inverse=True) for one in prepared]
    both = [
        np.concatenate([one.totals, kinds], axis=1)
        for one, (kinds, _) in zip(prepared, distinct, strict=True)
    ]
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // units)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, units, (rows, units), dtype=np.int32)
        drawn += np.arange(rows, dtype=np.int32)[:, None] * units
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        weights = times.astype(np.float64)
        for i, one in enumerate(prepared):
            sums = weights @ both[i]
            width = one.totals.shape[1]
            known = sums[:, width:][:, distinct[i][1].ravel()]
            results[i][start : start + rows] = _statistics(sums[:, :width], known, one.columns)
    return results


def _compared(
    pair: Pair, prepared: _Prepared, drawn: NDArray[np.float64], level: float, seed: int
) -> Comparison:
    """Turn the draws of the images, with the luck of the seeds added, into a comparison."""
    seeds = len(prepared.seeds)
    observed = _statistics(
        prepared.totals.sum(0)[None], prepared.counts.sum(0)[None], prepared.columns
    )[0]
    carried = (prepared.counts > 0).sum(0)
    units = [*(int(carried[chosen].min()) for chosen in prepared.columns), len(prepared.totals)]
    luck = np.zeros(len(drawn))
    spread: list[float | None] = [None] * len(observed)
    if seeds > 1:
        luck = np.random.default_rng([seed, 1]).standard_t(seeds - 1, len(drawn)) / np.sqrt(seeds)
        spread = [float(std) for std in prepared.seeds.std(0, ddof=1)]
    found: list[Difference | None] = []
    for value, column, count, std in zip(observed, drawn.T, units, spread, strict=True):
        known = ~np.isnan(column)
        if np.isnan(value) or not known.any():
            found.append(None)
            continue
        p = two_sided_p(column[known], count, (std or 0.0) / np.sqrt(seeds), seeds)
        both = column[known] + luck[known] * (std or 0.0)
        low, high = np.quantile(both, [(1 - level) / 2, (1 + level) / 2])
        found.append(Difference(float(value), float(low), float(high), p, std))
    *each, mean = found
    return Comparison(
        metric=pair.a[0].metric,
        mean=mean,
        each=dict(zip(prepared.names, each, strict=True)),
        images=prepared.images,
        units=len(prepared.totals),
    )


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
