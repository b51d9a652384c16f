"""The columns of a file of predictions, and what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError, unknown_name
from farbench.scoring.calibration import class_probabilities, probability_of_yes
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

PROBABILITY = ".p"
"""Ends the column of a probability; the one before it holds the decision."""
HALF = 0.5


def read_thresholds(words: Sequence[str], tasks: Sequence[Task]) -> dict[str, float]:
    """Return above which probability each attribute is a yes.

    Args:
        words: ``0.4`` for all, ``Smiling=0.4`` for one; later ones win.
        tasks: What is predicted.

    Raises:
        UserError: There is no such attribute, or a number is not between 0 and 1.
    """
    names = [a for task in tasks if isinstance(task, BinaryAttributes) for a in task.attributes]
    thresholds = dict.fromkeys(names, HALF)
    for word in words:
        name, _, number = word.rpartition("=")
        if name and name not in thresholds:
            raise unknown_name("attribute", name, names, "--threshold")
        if not names:
            predicted = ", ".join(task.wording() for task in tasks)
            raise UserError(
                f"--threshold is for binary attributes; this cell predicts {predicted}."
            )
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 < value < 1:
            raise UserError(
                f"--threshold {word}: expected a probability between 0 and 1, as in 0.4 or "
                f"{names[0]}=0.4."
            )
        thresholds |= {name: value} if name else dict.fromkeys(names, value)
    return thresholds


def header(tasks: Sequence[Task]) -> list[str]:
    """Return the names of the columns; a name that two tasks have carries the task's."""
    owned = [(task.name, name) for task in tasks for name in _columns(task)]
    count = Counter(name for _, name in owned)
    return [name if count[name] == 1 else f"{task}.{name}" for task, name in owned]


def rows(
    tasks: Sequence[Task],
    predictions: Mapping[str, NDArray[Any]],
    thresholds: Mapping[str, float],
) -> list[list[str]]:
    """Return the text of the columns, one list an image.

    Args:
        tasks: What is predicted.
        predictions: By task, as ``predictions.npz`` holds them.
        thresholds: Above which probability each attribute is a yes.
    """
    parts = [_texts(task, predictions[task.name], thresholds) for task in tasks]
    return [[text for part in line for text in part] for line in zip(*parts, strict=True)]


def _columns(task: Task) -> list[str]:
    if isinstance(task, BinaryAttributes):
        return [name + end for name in task.attributes for end in ("", PROBABILITY)]
    if isinstance(task, Classes):
        return [task.name, task.name + PROBABILITY]
    if isinstance(task, Scalar):
        return [task.name]
    if isinstance(task, Landmarks):
        return [f"{task.name}.{point}.{axis}" for point in range(task.count) for axis in "xy"]
    return [f"{task.name}.{number}" for number in range(task.outputs)]


def _texts(task: Task, stored: NDArray[Any], thresholds: Mapping[str, float]) -> list[list[str]]:
    if isinstance(task, BinaryAttributes):
        yes = probability_of_yes(stored)
        limits = np.array([thresholds[name] for name in task.attributes])
        return [
            [text for p, limit in zip(line, limits, strict=True) for text in _decided(p, limit)]
            for line in yes
        ]
    if isinstance(task, Classes):
        shares = class_probabilities(stored)
        # By the logits: the answer that is scored, also where two probabilities round alike.
        return [
            [task.classes[best], f"{share[best]:.4f}"]
            for best, share in zip(stored.argmax(1), shares, strict=True)
        ]
    digits = ".6g" if task.kind == "identity" else ".2f"
    return [[f"{value:{digits}}" for value in line] for line in stored.reshape(len(stored), -1)]


def _decided(probability: float, limit: float) -> tuple[str, str]:
    return str(int(probability > limit)), f"{probability:.4f}"
