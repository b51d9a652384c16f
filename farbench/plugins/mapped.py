"""A data set whose class names, or numbers, are translated: the ``map:`` of a benchmark file."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from farbench.errors import UserError, did_you_mean, unknown_name
from farbench.plugins.dataset import FaceIndex, read_index
from farbench.plugins.view import DatasetView
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar

if TYPE_CHECKING:
    import pandas as pd

_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*-\s*(-?\d+(?:\.\d+)?)\s*")


class _Range(NamedTuple):
    """Numbers from ``low`` to ``high``, both included, and their class; None is unknown."""

    low: float
    high: float
    name: str | None


class MappedDataset(DatasetView):
    """A data set seen through a translation of labels, so that it can be joined with another.

    A class is translated to the name that ``mapping`` gives it, to unknown where that is null; one
    that is not named keeps its own. A number is put into classes: the keys are ranges of it, both
    ends included (``"20-29": twenties``), and one in no range is unknown. Of two classes whose
    ranges share an end it goes to the later.
    """

    mapping: dict[str, dict[str, str | None]]

    def options(self) -> dict[str, Any]:
        """Return the data set's options and the mapping."""
        return {**self.inner.options(), "map": self.mapping}

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks with their new vocabularies.

        Raises:
            UserError: The mapping names a task or class that is not there, or a task without
                names or numbers; a range is none, or overlaps with another; no class is left.
        """
        tasks = self.inner.tasks()
        for name in self.mapping:
            if name not in {task.name for task in tasks}:
                raise unknown_name("task", name, [t.name for t in tasks], f"map of {self.name}")
        return tuple(
            self._translated(task) if task.name in self.mapping else task for task in tasks
        )

    def _translated(self, task: Task) -> Task:
        new = list(dict.fromkeys(name for name in self._new_names(task) if name is not None))
        if not new:
            raise UserError(
                f"map of {self.name}: {task.name} is left without a class. Give one a name, or "
                "leave the task out with `tasks: [...]`."
            )
        return Classes(task.name, tuple(new))

    def _new_names(self, task: Task) -> list[str | None]:
        """Return the new class of each old one, or of each range."""
        names = self.mapping[task.name]
        if isinstance(task, Scalar):
            return [one.name for one in self._ranges(task.name)]
        if not isinstance(task, Classes):
            raise UserError(
                f"map of {self.name}: {task.name} is {task.wording()}; only classes and numbers "
                "can be translated."
            )
        for key in names:
            if key not in task.classes:
                raise UserError(
                    f"map of {self.name}: {task.name} has no class '{key}'."
                    f"{did_you_mean(key, task.classes)} Classes: {', '.join(task.classes)}."
                )
        return [names.get(old, old) for old in task.classes]

    def _ranges(self, task: str) -> list[_Range]:
        """Return the ranges of a number, in the order in which they are written."""
        found = []
        for key, name in self.mapping[task].items():
            match = _RANGE.fullmatch(key)
            if match is None or float(match[1]) > float(match[2]):
                raise UserError(
                    f"map of {self.name}: {task}: '{key}' is no range of numbers; write "
                    f'"20-29": NAME.'
                )
            found.append(_Range(float(match[1]), float(match[2]), name))
        for one, other in itertools.combinations(found, 2):
            if one.low < other.high and other.low < one.high and one.name != other.name:
                raise UserError(
                    f"map of {self.name}: {task}: the ranges {one.low:g}-{one.high:g} and "
                    f"{other.low:g}-{other.high:g} overlap, and lead to different classes."
                )
        return found

    def index(self, root: Path | None) -> FaceIndex:
        """Return the data set's index with translated labels."""
        index = read_index(self.inner, root)
        frame = index.frame.copy()
        for task in self.inner.tasks():
            names = self.mapping.get(task.name)
            if names is not None:
                column = frame[task.name]
                frame[task.name] = (
                    _put_in_ranges(column, self._ranges(task.name))
                    if isinstance(task, Scalar)
                    else column.map({old: names.get(old, old) for old in column.dropna().unique()})
                )
        return FaceIndex(frame, index.points, index.notes)


def _put_in_ranges(column: pd.Series[Any], ranges: list[_Range]) -> pd.Series[Any]:
    """Turn numbers into the names of the ranges that they are in."""
    import pandas as pd

    numbers = pd.to_numeric(column)
    result = pd.Series(pd.NA, index=column.index, dtype="string")
    for low, high, name in ranges:
        if name is not None:
            result[numbers.between(low, high).fillna(False)] = name
    return result
