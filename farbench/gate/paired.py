"""The noise of a difference from the stored predictions of both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from farbench.errors import UserError
from farbench.gate.judge import Place
from farbench.gate.noise import NORMAL
from farbench.scoring.paired import paired_bootstrap
from farbench.scoring.per_image import PAIRED, ImageValues, per_image
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store.cells import PREDICTIONS
from farbench.tables.results import Results
from farbench.tasks.base import Task

FEWEST = 20
"""Test images below which a bootstrap takes a handful of images for the whole world."""


class PairedErrors:
    """Two benchmark folders whose predictions can be compared image by image."""

    def __init__(self, before: Results, after: Results) -> None:
        """Bind the baseline's folder and the present one."""
        self.sides = (before, after)

    def __call__(self, place: Place, metric: str, seeds: Sequence[int]) -> float | None:
        """Return the standard error of the difference of a metric's means over seeds.

        It is the 95% interval of the paired bootstrap over test images, divided by what it would
        be of a normal distribution with standard error 1. None where predictions are absent, or of
        other images, or where the metric is no mean over images.
        """
        after = self.sides[1]
        task = next(t for t in after.tasks_of(place.dataset) if t.name == place.task)
        if metric not in PAIRED.get(task.kind, ()):
            return None
        held = [[_load(side, place, seed, task) for seed in seeds] for side in self.sides]
        whole = [[one for one in side if one is not None] for side in held]
        if [len(side) for side in whole] != [len(seeds)] * 2 or not _same_images(
            whole[0] + whole[1]
        ):
            return None
        before, now = (_averaged(task, side, metric) for side in whole)
        compared = paired_bootstrap(now, before)
        if compared.mean is None or compared.images < FEWEST:
            return None
        return (compared.mean.high - compared.mean.low) / (2 * NORMAL)


def _load(side: Results, place: Place, seed: int, task: Task) -> Predictions | None:
    cell = next(c for c in side.of(place.row, place.dataset) if c.seed == seed)
    try:
        return load_predictions(cell.folders[task.name] / PREDICTIONS["test"], task)
    except UserError:
        return None


def _same_images(every: Sequence[Predictions]) -> bool:
    first = every[0]
    return all(
        np.array_equal(one.image, first.image)
        and np.array_equal(one.target, first.target, equal_nan=one.target.dtype.kind == "f")
        for one in every
    )


def _averaged(task: Task, seeds: Sequence[Predictions], metric: str) -> ImageValues:
    values = [per_image(task, one.output, one.target, metric) for one in seeds]
    return ImageValues(metric, np.mean([v.values for v in values], axis=0), values[0].names)
