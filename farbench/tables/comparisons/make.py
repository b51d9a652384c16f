"""Makes comparisons of rows from their stored predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from farbench.errors import UserError
from farbench.scoring.compare import Sides, aligned, compare
from farbench.scoring.predictions import Predictions
from farbench.tables.cells import CellResult
from farbench.tables.comparisons.evidence import Finding, Place, cell_name, rounded
from farbench.tables.results import Results
from farbench.tables.stored import predictions_of
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.identity import Identity


@dataclass(frozen=True)
class Waiting:
    """A comparison to be made: the finished cells of both rows, of the same seeds."""

    place: Place
    task: Task
    own: tuple[CellResult, ...]
    other: tuple[CellResult, ...]
    cells: tuple[str, ...]


def make(
    results: Results,
    batch: Sequence[Waiting],
    chosen: tuple[str, ...] | None,
    digests: dict[str, dict[str, str]],
) -> tuple[dict[Place, Finding], dict[Place, str]]:
    """Make comparisons of one data set and task, with the same draws.

    Args:
        results: The benchmark's folder.
        batch: What to compare.
        chosen: Attributes to compare alone; None for all.
        digests: Cell to task to a digest of what it predicted; those of the batch are added.

    Returns:
        The findings, and why others could not be made.
    """
    pairs: dict[tuple[str, str], list[Waiting]] = {}
    for one in batch:
        pairs.setdefault((one.place.row, one.place.other), []).append(one)
    task = batch[0].task
    sides: list[Sides] = []
    ready: list[list[Waiting]] = []
    failed: dict[Place, str] = {}
    for waiting in pairs.values():
        try:
            sides.append(_sides(results, waiting[0], digests))
        except UserError as error:
            failed |= {one.place: str(error) for one in waiting}
        else:
            ready.append(waiting)
    if chosen is not None and isinstance(task, BinaryAttributes):
        task, sides = _only(task, chosen, sides)
    metrics = list(dict.fromkeys(one.place.metric for waiting in ready for one in waiting))
    made = {}
    for waiting, side, outcome in zip(ready, sides, compare(task, sides, metrics), strict=True):
        for one in waiting:
            seeds = tuple(cell.seed for cell in one.own)
            compared = outcome[one.place.metric]
            # Images of a task may all be of people whom nobody knows.
            clustered = side.clustered and compared.units < compared.images
            finding = Finding(one.place, seeds, one.cells, clustered, compared)
            made[one.place] = rounded(finding)
    return made, failed


def _sides(results: Results, waiting: Waiting, digests: dict[str, dict[str, str]]) -> Sides:
    """Read the predictions of a pair; note what they are.

    Raises:
        UserError: They are absent, damaged, or of other labels.
    """
    task = waiting.task.name
    held: list[Predictions] = []
    for cell in (*waiting.own, *waiting.other):
        one = predictions_of(cell, task)
        if one is None:
            raise UserError(absent(cell.folders[task]))
        held.append(_with_identity(results, cell, one))
        add_digest(digests, cell_name(results, cell, task), cell, task)
    seeds = len(waiting.own)
    sides = aligned(held[:seeds], held[seeds:])
    if sides is None:
        raise UserError(
            f"{waiting.own[0].folders[task].name} and {waiting.other[0].folders[task].name} hold "
            f"other labels of '{task}' for the same images. Run the benchmark again (`farbench "
            "run`) to have both from the same data."
        )
    return sides


def _with_identity(results: Results, cell: CellResult, held: Predictions) -> Predictions:
    """Say who is on the images, where the cell has it as a task; earlier versions kept no more."""
    if held.identity is not None:
        return held
    for task in results.tasks_of(cell.dataset):
        who = predictions_of(cell, task.name) if isinstance(task, Identity) else None
        if who is not None and np.array_equal(who.image, held.image):
            return replace(held, identity=who.target)
    return held


def _only(
    task: BinaryAttributes, names: tuple[str, ...], sides: Sequence[Sides]
) -> tuple[Task, list[Sides]]:
    """Return the task and predictions of some attributes alone."""
    columns = [task.attributes.index(name) for name in names]

    def only(held: Predictions) -> Predictions:
        return replace(held, output=held.output[:, columns], target=held.target[:, columns])

    return BinaryAttributes(task.name, names), [
        Sides(tuple(map(only, one.own)), tuple(map(only, one.other)), one.clusters) for one in sides
    ]


def absent(folder: Path) -> str:
    """Return what is said of a cell whose predictions are not stored."""
    return (
        f"{folder.name} has none stored: committed results carry no predictions. Run the benchmark "
        "again (`farbench run`) to have them."
    )


def add_digest(digests: dict[str, dict[str, str]], name: str, cell: CellResult, task: str) -> None:
    """Add a digest of what a cell predicted for which images, if it is stored and not there."""
    if task in digests.get(name, {}):
        return
    held = predictions_of(cell, task)
    if held is not None:
        made = hashlib.sha256(np.ascontiguousarray(held.image).tobytes())
        made.update(np.ascontiguousarray(held.output).tobytes())
        digests.setdefault(name, {})[task] = made.hexdigest()[:16]
