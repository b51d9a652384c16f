"""Tasks together against each alone: the paired comparison, and the file that keeps it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.scoring.numbers import nanmean
from farbench.scoring.paired import holm, paired_bootstrap
from farbench.scoring.per_detail import per_detail
from farbench.scoring.per_image import ImageValues, per_image
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store import atomic
from farbench.tables.results import CellResult
from farbench.tasks.base import Task

SCHEMA = 1
"""Raised whenever the comparison changes: what was kept before is then computed again."""

RESAMPLES = 10_000
FEWEST = 20
"""Images, or identities, that an interval needs; this project's choice."""

PREDICTIONS = "predictions.npz"
FILE = "tables/transfer.json"
"""Where summaries are kept, below the benchmark's folder."""

Place = tuple[str, str, str, str]
"""Row, data set, task, metric."""


@dataclass(frozen=True)
class Line:
    """Together against alone, of a whole task or of one detail, in the metric's own unit.

    With fewer than ``FEWEST`` images or identities there is neither interval nor p: a bootstrap of
    a handful of images takes them for the whole world.

    Attributes:
        alone: The score of the task trained alone.
        together: The score of the task trained with the others.
        difference: together - alone. Of an error metric, below 0 means that together is better.
        low: Lower end of its 95% interval.
        high: Upper end.
        p: Two-sided p of "no difference".
        adjusted_p: p after Holm's adjustment for the details of the task; of the whole task, p.
        std: Sample standard deviation of the seeds' own differences; None for one seed.
        units: How many images, or identities, carry it; where a part is the mean of several (the
            TPR and the TNR of an attribute's mA) of the rarest.
    """

    alone: float
    together: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    adjusted_p: float | None
    std: float | None
    units: int


@dataclass(frozen=True)
class Summary:
    """The comparison of one row with its twin, of one task by one metric.

    Attributes:
        row: Id of the row whose tasks are trained together.
        dataset: The data set's name.
        task: The task's name.
        metric: The metric's name.
        seeds: Over which the values of each image were averaged first.
        cells: Names of the cells' folders: whose results these are.
        images: How many test images count.
        units: How many images, or identities, were drawn from.
        clustered: Whether identities were drawn, not images.
        whole: The whole task; None where the metric is undefined.
        details: Of each attribute, class, decade or point; None where no image defines it.
    """

    row: str
    dataset: str
    task: str
    metric: str
    seeds: tuple[int, ...]
    cells: tuple[str, ...]
    images: int
    units: int
    clustered: bool
    whole: Line | None
    details: dict[str, Line | None]

    @property
    def place(self) -> Place:
        """What it is of."""
        return self.row, self.dataset, self.task, self.metric


def cells_of(together: Iterable[CellResult], alone: Iterable[CellResult], task: str) -> list[str]:
    """Return the names of the folders that predicted a task."""
    return [cell.folders[task].name for cell in (*together, *alone)]


def summarise(
    together: Sequence[CellResult],
    alone: Sequence[CellResult],
    task: Task,
    metric: str,
    identity: str = "",
) -> Summary:
    """Compare a row with its twin on the test images that both predicted.

    Args:
        together: The row's finished cells that predicted the task.
        alone: Those of its twin, of the same seeds in the same order.
        task: The task.
        metric: One of ``PAIRED[task.kind]``.
        identity: Name of an identity task that ``together`` predicted too: its labels say which
            images are of one person, and persons are drawn instead of images.

    Raises:
        UserError: Stored predictions are absent or damaged, or of other labels.
    """
    files = [cell.folders[task.name] / PREDICTIONS for cell in (*together, *alone)]
    held = [load_predictions(file, task.name) for file in files]
    shared = functools.reduce(np.intersect1d, (one.image for one in held))
    held = [_at(one, shared) for one in held]
    for file, one in zip(files, held, strict=True):
        equal_nan = one.target.dtype.kind == "f"
        if not np.array_equal(one.target, held[0].target, equal_nan=equal_nan):
            raise UserError(
                f"{file} and {files[0]} hold other labels of '{task.name}' for the same images. "
                "Run the benchmark again (`farbench run`) to have both from the same data."
            )
    clusters = None
    if identity:
        file = together[0].folders[identity] / PREDICTIONS
        clusters = _at(load_predictions(file, identity), shared).target
    whole = [per_image(task, one.output, one.target, metric) for one in held]
    parts = [
        per_detail(task, one.output, one.target, values)
        for one, values in zip(held, whole, strict=True)
    ]
    compared = _compare(whole, clusters)
    details = compared if parts[0] is whole[0] else _compare(parts, clusters)
    return Summary(
        row=together[0].row,
        dataset=together[0].dataset,
        task=task.name,
        metric=metric,
        seeds=tuple(cell.seed for cell in together),
        cells=tuple(cells_of(together, alone, task.name)),
        images=compared.images,
        units=compared.units,
        clustered=clusters is not None,
        whole=compared.whole,
        details=details.each,
    )


@dataclass(frozen=True)
class _Compared:
    """The lines of one call of the bootstrap."""

    whole: Line | None
    each: dict[str, Line | None]
    images: int
    units: int


def _compare(values: Sequence[ImageValues], clusters: NDArray[Any] | None) -> _Compared:
    """Compare the first half of the values, together, with the second, alone, seed by seed."""
    seeds = len(values) // 2
    together, alone = _over_seeds(values[:seeds]), _over_seeds(values[seeds:])
    found = paired_bootstrap(together, alone, clusters=clusters, resamples=RESAMPLES)
    names = tuple(found.each)
    scores = np.array([_scores(one, names) for one in (alone, together)])
    by_seed = np.array([_scores(one, names) for one in values])
    differences = by_seed[:seeds] - by_seed[seeds:]
    stds = [float(std) for std in differences.std(0, ddof=1)] if seeds > 1 else None
    differ = (*found.each.values(), found.mean)
    units = (*_units(together, names, clusters), found.units)
    enough = [one is not None and count >= FEWEST for one, count in zip(differ, units, strict=True)]
    raw = [one.p for one, tested in zip(differ[:-1], enough[:-1], strict=True) if one and tested]
    adjusted = iter([*holm(raw), *([found.mean.p] if found.mean else [])])
    lines: list[Line | None] = []
    for i, one in enumerate(differ):
        if one is None:
            lines.append(None)
            continue
        lines.append(
            Line(
                alone=float(scores[0, i]),
                together=float(scores[1, i]),
                difference=one.value,
                low=one.low if enough[i] else None,
                high=one.high if enough[i] else None,
                p=one.p if enough[i] else None,
                adjusted_p=next(adjusted) if enough[i] else None,
                std=stds[i] if stds else None,
                units=units[i],
            )
        )
    return _Compared(
        lines[-1], dict(zip(names, lines[:-1], strict=True)), found.images, found.units
    )


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
    return Predictions(images, held.output[rows], held.target[rows])


def _over_seeds(values: Sequence[ImageValues]) -> ImageValues:
    """Average each image's values over the seeds."""
    return replace(values[0], values=np.mean([one.values for one in values], axis=0))


def _scores(values: ImageValues, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the part of each name and, last, the metric, as :class:`ImageValues` has them."""
    parts, owners = nanmean(values.values, axis=0), np.array(values.names)
    each = np.array([parts[owners == name].mean() for name in names])
    return np.append(each, nanmean(each, axis=0))


def read_summaries(folder: Path) -> dict[Place, Summary]:
    """Return what was kept in a benchmark's folder; nothing where the file is of no use."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if (kept["schema"], kept["metric_version"]) != (SCHEMA, METRIC_VERSION):
            return {}
        summaries = [_from_json(one) for one in kept["summaries"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {summary.place: summary for summary in summaries}


def write_summaries(folder: Path, summaries: Iterable[Summary]) -> None:
    """Keep summaries in a benchmark's folder, for results without predictions and for speed.

    A folder that cannot be written keeps nothing: the table is printed all the same.
    """
    held = {
        "schema": SCHEMA,
        "metric_version": METRIC_VERSION,
        "resamples": RESAMPLES,
        "summaries": [asdict(summary) for summary in summaries],
    }
    try:
        atomic.write_json(folder / FILE, held)
    except OSError:
        return


def _from_json(held: dict[str, Any]) -> Summary:
    details = {
        name: None if line is None else Line(**line) for name, line in held["details"].items()
    }
    whole = None if held["whole"] is None else Line(**held["whole"])
    lists = {"seeds": tuple(held["seeds"]), "cells": tuple(held["cells"])}
    return Summary(**{**held, **lists, "details": details, "whole": whole})
