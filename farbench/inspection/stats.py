"""What is in a data set: how often each label occurs, and which labels occur together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.errors import UserError
from farbench.inspection.cooccurrence import (
    AttributePair,
    attribute_pairs,
    contingency,
    cramers_v,
    nearly_exclusive,
    strongest,
)
from farbench.inspection.label_checks import read_labels
from farbench.inspection.task_stats import TaskStatistics, task_statistics
from farbench.plugins.dataset import SPLITS
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes


@dataclass(frozen=True)
class ClassTable:
    """Images by the classes of two tasks.

    Attributes:
        rows: The one task.
        columns: The other.
        counts: int64 ``(C rows, C columns)``.
        v: Cramer's V.
    """

    rows: Classes
    columns: Classes
    counts: NDArray[np.int64]
    v: float


@dataclass(frozen=True)
class DatasetStatistics:
    """What `farbench data stats` tells.

    Attributes:
        source: The data set.
        images: Images of each split.
        tasks: One each.
        pairs: All pairs of attributes of each task of attributes, by its name.
        tables: All pairs of tasks of classes.
    """

    source: Source
    images: Mapping[str, int]
    tasks: tuple[TaskStatistics, ...]
    pairs: Mapping[str, list[AttributePair]]
    tables: tuple[ClassTable, ...]

    def as_json(self, top: int) -> dict[str, Any]:
        """Return everything as JSON-able values, of the pairs the first ``top`` of each list."""
        dataset = self.source.dataset
        return {
            "dataset": dataset.name,
            "title": dataset.info.title,
            "options": dataset.options(),
            "manifest": self.source.manifest,
            "images": dict(self.images),
            "refused_tasks": dataset.refused_tasks(),
            "tasks": {
                one.task.name: {
                    "kind": one.task.kind,
                    "known": dict(one.known),
                    **({"unknown_single": one.unknown_single} if one.unknown_single else {}),
                    "splits": {
                        split: {name: _no_nan(value) for name, value in values.items()}
                        for split, values in one.splits.items()
                    },
                    **(
                        {
                            "histogram": [
                                {"from": low, "below": high, "images": dict(counts)}
                                for low, high, counts in one.histogram
                            ]
                        }
                        if one.histogram
                        else {}
                    ),
                }
                for one in self.tasks
            },
            "correlations": {
                task: [asdict(pair) for pair in strongest(pairs)[:top]]
                for task, pairs in self.pairs.items()
            },
            "nearly_exclusive": {
                task: [asdict(pair) for pair in nearly_exclusive(pairs)[:top]]
                for task, pairs in self.pairs.items()
            },
            "class_tables": [
                {
                    "rows": {"task": table.rows.name, "classes": list(table.rows.classes)},
                    "columns": {"task": table.columns.name, "classes": list(table.columns.classes)},
                    "counts": table.counts.tolist(),
                    "cramers_v": _no_nan(table.v),
                }
                for table in self.tables
            ],
        }


def collect(source: Source) -> DatasetStatistics:
    """Read the labels of all images, and open a few images where points need their width.

    Raises:
        UserError: A label is not allowed.
    """
    name = source.dataset.name
    labels: dict[Task, NDArray[Any]] = {}
    for task, values in read_labels(source).items():
        if isinstance(values, UserError):
            raise UserError(
                f"data set '{name}': {values} For all checks type: farbench data verify {name}"
            )
        labels[task] = values
    classes = [task for task in labels if isinstance(task, Classes)]
    return DatasetStatistics(
        source=source,
        images={split: len(source.positions(split)) for split in SPLITS},
        tasks=tuple(task_statistics(source, task, values) for task, values in labels.items()),
        pairs={
            task.name: attribute_pairs(values, task.attributes)
            for task, values in labels.items()
            if isinstance(task, BinaryAttributes)
        },
        tables=tuple(
            _table(one, other, labels)
            for position, one in enumerate(classes)
            for other in classes[position + 1 :]
        ),
    )


def _table(one: Classes, other: Classes, labels: Mapping[Task, NDArray[Any]]) -> ClassTable:
    counts = contingency(labels[one], labels[other], (one.outputs, other.outputs))
    return ClassTable(one, other, counts, cramers_v(counts))


def _no_nan(value: float) -> float | None:
    """Return a number as JSON has it: there is no NaN."""
    return None if math.isnan(value) else value
