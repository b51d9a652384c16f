"""Compares two rows on one task from their stored predictions: whole, and detail by detail."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.mcnemar import McNemar, mcnemar
from farbench.scoring.numbers import nanmean
from farbench.scoring.paired import Comparison, Pair, paired_bootstraps
from farbench.scoring.per_detail import per_detail
from farbench.scoring.per_image import ImageValues, per_image
from farbench.scoring.predictions import Predictions
from farbench.tasks.base import Task

METHOD_VERSION = 1
"""Raised whenever a comparison is computed otherwise: what was kept before is then made again."""

RIGHT_OR_WRONG = ("accuracy", "balanced_accuracy", "cs5")
"""Metrics to which an image adds 1 or 0: those that McNemar's test is for."""

FEWEST = 20
"""Images, or identities, that an interval needs; this project's choice."""


@dataclass(frozen=True)
class Line:
    """One row against another, of a whole task or of one detail, in the metric's own unit.

    With fewer than ``FEWEST`` images or identities there is neither interval nor p: a bootstrap of
    a handful of images takes them for the whole world.

    Attributes:
        own: The row's score, the mean over seeds.
        other: The score of the row that it is compared to.
        difference: own - other. Of an error metric, below 0 means that the row is better.
        low: Lower end of its 95% interval.
        high: Upper end.
        p: Two-sided p of "no difference", over images and, where there are several, seeds.
        std: Sample standard deviation of the seeds' own differences; None for one seed.
        units: How many images, or identities, carry it; where a part is the mean of several (the
            TPR and the TNR of an attribute's mA) of the rarest.
        own_only: How often the row alone is right, over images and seeds; None where the metric
            is not a share of right answers.
        other_only: How often the other alone is.
        mcnemar: p of McNemar's test (:mod:`farbench.scoring.mcnemar`), which knows the luck of
            the images, not of training.
    """

    own: float
    other: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    std: float | None
    units: int
    own_only: int | None = None
    other_only: int | None = None
    mcnemar: float | None = None


@dataclass(frozen=True)
class Compared:
    """The outcome for one task and metric.

    Attributes:
        images: How many test images count.
        units: How many images, or identities, were drawn from.
        whole: The whole task; None where the metric is undefined.
        details: Of each attribute, class, decade or point; None where no image defines it.
    """

    images: int
    units: int
    whole: Line | None
    details: dict[str, Line | None]


@dataclass(frozen=True)
class Sides:
    """Stored predictions of two rows, one a seed, of the same seeds in the same order.

    Attributes:
        own: Of the row.
        other: Of the row that it is compared to.
        clusters: ``(N,)``, who is on the images; None where nobody is known.
    """

    own: tuple[Predictions, ...]
    other: tuple[Predictions, ...]
    clusters: NDArray[Any] | None = None

    @property
    def clustered(self) -> bool:
        """Whether identities are drawn, not images."""
        return self.clusters is not None and bool((self.clusters >= 0).any())


def aligned(own: Sequence[Predictions], other: Sequence[Predictions]) -> Sides | None:
    """Put the predictions of two rows into the order of the images that all of them have.

    Returns:
        None where they hold other labels for the same images: then they cannot be compared.
    """
    held = (*own, *other)
    if not all(np.array_equal(one.image, held[0].image) for one in held):
        shared = functools.reduce(np.intersect1d, (one.image for one in held))
        held = tuple(_at(one, shared) for one in held)
    for one in held:
        equal_nan = one.target.dtype.kind == "f"
        if not np.array_equal(one.target, held[0].target, equal_nan=equal_nan):
            return None
    clusters = next((one.identity for one in held if one.identity is not None), None)
    return Sides(held[: len(own)], held[len(own) :], clusters)


def compare(
    task: Task, pairs: Sequence[Sides], metrics: Sequence[str]
) -> list[dict[str, Compared]]:
    """Compare pairs of rows on a task.

    The draws of the bootstrap, which take most of the time, are shared by all pairs and metrics.

    Args:
        task: The task.
        pairs: The rows' predictions.
        metrics: Of ``PAIRED[task.kind]``.

    Returns:
        Of each pair, metric to outcome.
    """
    values = [_values(task, sides, metric) for sides in pairs for metric in metrics]
    found = iter(paired_bootstraps([pair for both in values for pair in both]))
    outcomes = []
    for both in values:
        compared = [next(found) for _ in both]
        lines = [_lines(pair, one) for pair, one in zip(both, compared, strict=True)]
        details = dict(zip(compared[-1].each, lines[-1][:-1], strict=True))
        outcomes.append(Compared(compared[0].images, compared[0].units, lines[0][-1], details))
    several = len(metrics)
    return [
        dict(zip(metrics, outcomes[i * several : (i + 1) * several], strict=True))
        for i in range(len(pairs))
    ]


def _values(task: Task, sides: Sides, metric: str) -> list[Pair]:
    """Return what each image adds to the metric, then, where they are others, to its details.

    They are the same for attributes, whose mean the metric is: one comparison has both.
    """
    clusters = sides.clusters if sides.clustered else None
    every = (*sides.own, *sides.other)
    seeds = len(sides.own)
    whole = [per_image(task, one.output, one.target, metric) for one in every]
    pair = Pair(whole[:seeds], whole[seeds:], clusters)
    parts = [
        per_detail(task, one.output, one.target, values)
        for one, values in zip(every, whole, strict=True)
    ]
    if parts[0] is whole[0]:
        return [pair]
    return [pair, Pair(parts[:seeds], parts[seeds:], clusters)]


def _lines(pair: Pair, found: Comparison) -> list[Line | None]:
    """Return a line for each name and, last, for the mean over them."""
    names = tuple(found.each)
    own, other = (
        np.mean([_scores(one, names) for one in side], axis=0) for side in (pair.a, pair.b)
    )
    units = (*_units(pair.a[0], names, pair.clusters), found.units)
    tests: list[McNemar | None] = [None] * len(units)
    if found.metric in RIGHT_OR_WRONG and len(names) == len(pair.a[0].names):
        each = mcnemar(pair.a, pair.b, pair.clusters)
        tests[:-1] = list(each.values())
        tests[-1] = tests[0] if len(names) == 1 else None
    return [
        None
        if one is None
        else Line(
            own=float(own[i]),
            other=float(other[i]),
            difference=one.value,
            low=one.low if units[i] >= FEWEST else None,
            high=one.high if units[i] >= FEWEST else None,
            p=one.p if units[i] >= FEWEST else None,
            std=one.std,
            units=units[i],
            own_only=test.only_a if test else None,
            other_only=test.only_b if test else None,
            mcnemar=test.p if test and units[i] >= FEWEST else None,
        )
        for i, (one, test) in enumerate(zip((*found.each.values(), found.mean), tests, strict=True))
    ]


def _units(values: ImageValues, names: Sequence[str], clusters: NDArray[Any] | None) -> list[int]:
    """Count the images, or clusters of them, that each name has a value of; of its rarest part."""
    known = ~np.isnan(values.values)
    counts = known.sum(0)
    if clusters is not None:
        counts = np.array(
            [
                len(np.unique(clusters[own & (clusters >= 0)])) + (clusters[own] < 0).sum()
                for own in known.T
            ]
        )
    owners = np.array(values.names)
    return [int(counts[owners == name].min()) for name in names]


def _at(held: Predictions, images: NDArray[np.str_]) -> Predictions:
    """Return the predictions of these images, which are sorted and all there."""
    order = np.argsort(held.image, kind="stable")
    rows = order[np.searchsorted(held.image[order], images)]
    identity = None if held.identity is None else held.identity[rows]
    return Predictions(images, held.output[rows], held.target[rows], identity=identity)


def _scores(values: ImageValues, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the part of each name and, last, the metric, as :class:`ImageValues` has them."""
    parts, owners = nanmean(values.values, axis=0), np.array(values.names)
    each = np.array([parts[owners == name].mean() for name in names])
    return np.append(each, nanmean(each, axis=0))
