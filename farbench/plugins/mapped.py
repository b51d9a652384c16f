"""A data set whose class names, or numbers, are translated: the ``map:`` of a benchmark file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.errors import UserError, did_you_mean, unknown_name
from farbench.plugins.dataset import FaceIndex, read_index
from farbench.plugins.view import DatasetView
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.scalar import Scalar

if TYPE_CHECKING:
    import pandas as pd

_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*-\s*(-?\d+(?:\.\d+)?)\s*")


class MappedDataset(DatasetView):
    """A data set seen through a translation of labels, so that it can be joined with another.

    A class is translated to the name that ``mapping`` gives it, to unknown where that is null; one
    that is not named keeps its own. A number is put into classes: the keys are ranges of it, both
    ends included (``"20-29": twenties``), and one in no range is unknown.
    """

    mapping: dict[str, dict[str, str | None]]

    def options(self) -> dict[str, Any]:
        """Return the data set's options and the mapping."""
        return {**self.inner.options(), "map": self.mapping}

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks with their new vocabularies.

        Raises:
            UserError: The mapping names a task or class that is not there, or a task without
                names or numbers.
        """
        tasks = self.inner.tasks()
        for name in self.mapping:
            if name not in {task.name for task in tasks}:
                raise unknown_name("task", name, [t.name for t in tasks], f"map of {self.name}")
        return tuple(
            self._translated(task) if task.name in self.mapping else task for task in tasks
        )

    def _translated(self, task: Task) -> Task:
        names = self.mapping[task.name]
        if isinstance(task, Scalar):
            for key in names:
                if not _RANGE.fullmatch(key):
                    raise UserError(
                        f"map of {self.name}: {task.name}: '{key}' is no range of numbers; write "
                        f'"20-29": NAME.'
                    )
            given = [new for new in names.values() if new is not None]
            return Classes(task.name, tuple(dict.fromkeys(given)))
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
        renamed = [names.get(old, old) for old in task.classes]
        return Classes(task.name, tuple(dict.fromkeys(new for new in renamed if new is not None)))

    def index(self, root: Path | None) -> FaceIndex:
        """Return the data set's index with translated labels."""
        index = read_index(self.inner, root)
        frame = index.frame.copy()
        for task in self.inner.tasks():
            names = self.mapping.get(task.name)
            if names is not None:
                column = frame[task.name]
                frame[task.name] = (
                    _put_in_ranges(column, names)
                    if isinstance(task, Scalar)
                    else column.map({old: names.get(old, old) for old in column.dropna().unique()})
                )
        return FaceIndex(frame, index.points, index.notes)


def _put_in_ranges(column: pd.Series[Any], names: dict[str, str | None]) -> pd.Series[Any]:
    """Turn numbers into the names of the ranges that they are in."""
    import pandas as pd

    numbers = pd.to_numeric(column)
    result = pd.Series(pd.NA, index=column.index, dtype="string")
    for key, name in names.items():
        match = _RANGE.fullmatch(key)
        if match and name is not None:
            low, high = map(float, match.groups())
            result[numbers.between(low, high).fillna(False)] = name
    return result
