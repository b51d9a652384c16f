"""Metrics of the parts of a test split, such as men and women."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.attributes import attribute_values
from farbench.scoring.numbers import nanmean, number
from farbench.scoring.predictions import Predictions
from farbench.scoring.score import score
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task

BOTH = ("mA",)
POSITIVES = ("f1", "precision", "recall", "average_precision")


@dataclass(frozen=True)
class SideScores:
    """A metric on each side of a slice.

    Attributes:
        sides: In the order of the sides; None where undefined.
        best: The best of them; None where there are fewer than two.
        worst: The worst of them, likewise.
    """

    sides: tuple[float | None, ...]
    best: float | None
    worst: float | None

    @property
    def gap(self) -> float | None:
        """How far the worst side is behind the best, never below 0."""
        if self.best is None or self.worst is None:
            return None
        return abs(self.best - self.worst)


def side_scores(
    task: Task,
    held: Predictions,
    sides: Sequence[NDArray[np.bool_]],
    metric: str,
    higher_is_better: bool,
    columns: Sequence[int] = (),
) -> SideScores:
    """Score each side of a slice.

    Args:
        task: What was predicted.
        held: Its predictions and labels, of N images.
        sides: ``(N,)`` each, the images of a side.
        metric: One of the task's.
        higher_is_better: Its direction.
        columns: Of attributes: those that the mean is over, see :func:`comparable`.
    """
    values = []
    for side in sides:
        output, target = held.output[side], held.target[side]
        if isinstance(task, BinaryAttributes):
            every = attribute_values(output, target, (metric,))[metric][list(columns)]
            values.append(number(nanmean(every, axis=0)))
        elif side.any():
            sizes = None if held.sizes is None else held.sizes[side]
            values.append(score(task, output, target, sizes=sizes)[metric])
        else:
            values.append(None)
    return ranked_sides(values, higher_is_better)


def ranked_sides(values: Sequence[float | None], higher_is_better: bool) -> SideScores:
    """Find the best and the worst side."""
    known = sorted(value for value in values if value is not None)
    if len(known) < 2:
        return SideScores(tuple(values), None, None)
    worst, best = (known[0], known[-1]) if higher_is_better else (known[-1], known[0])
    return SideScores(tuple(values), best, worst)


def comparable(
    targets: NDArray[Any], sides: Sequence[NDArray[np.bool_]], metric: str
) -> NDArray[np.bool_]:
    """Return ``(A,)``: the attributes whose metric is defined on every side, by labels alone.

    A mean over other attributes on each side would compare attributes, not sides: all women have
    No_Beard, so its mA is defined for men alone. That such attributes are left out on all sides is
    this project's reading.

    Args:
        targets: ``(N, A)``; 1 yes, 0 no, -1 unknown.
        sides: ``(N,)`` each.
        metric: Of attributes.
    """
    yes = np.array([(targets[side] == 1).any(0) for side in sides])
    no = np.array([(targets[side] == 0).any(0) for side in sides])
    if metric in BOTH:
        defined = yes & no
    elif metric in POSITIVES:
        defined = yes
    else:
        defined = yes | no
    result: NDArray[np.bool_] = defined.all(0)
    return result
