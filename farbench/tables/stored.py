"""The stored predictions behind a table, each file read once, or why there are none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from farbench.errors import UserError
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store.cells import CELL, PREDICTIONS
from farbench.tables.cells import GONE, CellResult
from farbench.tables.model import Cell, Table
from farbench.tables.results import PlannedRow, Results
from farbench.tables.values import average
from farbench.tasks import recorded_tasks
from farbench.tasks.base import Task

KEPT = 128
"""Files of one task that are held at once; of CelebA's test split they are 300 MB."""

T = TypeVar("T")


class NoPredictions(UserError):
    """A table is made from stored predictions, and no cell has them."""


def predictions_of(cell: CellResult, task: str) -> Predictions | None:
    """Return what a finished cell predicted of a task; None where it did not, or it is not stored.

    Raises:
        UserError: The file is damaged.
    """
    folder = cell.folders.get(task)
    path = folder / PREDICTIONS["test"] if folder else None
    if path is None or not path.is_file():
        return None
    recorded = recorded_tasks(cell.record, path.with_name(CELL))
    asked = next((one for one in recorded if one.name == task), None)
    return None if asked is None else _load(path, asked, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=KEPT)
def _load(path: Path, task: Task, changed: int) -> Predictions:
    """Read a file that was last changed then."""
    return load_predictions(path, task)


def from_predictions(
    cells: Sequence[CellResult], task: str, summarise: Callable[[Predictions], T]
) -> dict[int, T]:
    """Return seed to a summary of each finished cell whose predictions are stored."""
    held = {cell.seed: predictions_of(cell, task) for cell in cells if cell.finished}
    return {seed: summarise(one) for seed, one in held.items() if one is not None}


def check_stored(results: Results, tasks: Sequence[str], kind: str) -> None:
    """Refuse results none of whose finished cells has predictions.

    Args:
        results: The benchmark's folder.
        tasks: The tasks whose predictions a table needs.
        kind: The kind of table, for the error.

    Raises:
        NoPredictions: Cells are finished, and none of them has predictions.
    """
    folders = [
        cell.folders[task] for cell in results.finished() for task in tasks if task in cell.folders
    ]
    if folders and not any((folder / PREDICTIONS["test"]).is_file() for folder in folders):
        raise NoPredictions(
            f"a table of {kind} is made from stored predictions, and no cell in {results.folder} "
            "has them: committed results carry none. Run the benchmark again (`farbench run`) to "
            "have them."
        )


def first_stored(results: Results, dataset: str, task: str) -> Predictions | None:
    """Return the predictions of any finished cell, for the labels that all of them share."""
    held = (predictions_of(cell, task) for cell in results.finished(dataset))
    return next((one for one in held if one is not None), None)


def average_stored(cells: Sequence[CellResult], values: Mapping[int, float | None]) -> Cell:
    """Return the mean over the seeds that have a value.

    Args:
        cells: Of one row and data set.
        values: By seed; seeds without predictions are absent.
    """
    cell = average(list(cells), lambda one: values.get(one.seed))
    if cell.value is None:
        states = [one.missing for one in cells]
        cell.missing = next((s for s in GONE if s in states), "–" if values else "no predictions")
    return cell


def label_cell(
    table: Table, results: Results, row: PlannedRow, dataset: str, found: Mapping[int, T]
) -> Cell:
    """Return the cell of a row's label, with a note where seeds are without predictions."""
    cells = results.of(row.id, dataset)
    lacking = [cell for cell in cells if cell.finished and cell.seed not in found]
    cell = Cell(text=row.label)
    if lacking:
        seeds = ", ".join(str(one.seed) for one in lacking)
        cell.note = table.note(
            f"no predictions are stored of seed{'s' if len(lacking) > 1 else ''} {seeds}: "
            "`farbench run` makes them again"
        )
    return cell
