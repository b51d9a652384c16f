"""The numbers that tables share: means over seeds, and what a constant predictor scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from farbench.scoring.attributes import majority_from_prevalence
from farbench.tables import costs
from farbench.tables.caption import dataset_title
from farbench.tables.cells import GONE, CellResult
from farbench.tables.measures import ATTRIBUTES, Measure
from farbench.tables.model import Block, Cell, Row, Table
from farbench.tables.results import PlannedRow, Results
from farbench.tasks.attributes import BinaryAttributes

MAJORITY = "every image is given the majority class of the train split."


def mean_over_seeds(
    table: Table, results: Results, row: PlannedRow, dataset: str, measure: Measure
) -> Cell:
    """Average a metric over seeds; say why where it is missing."""
    cells = results.of(row.id, dataset)
    cell = average(cells, measure.of)
    cell.folders = tuple(
        folder.name
        for one in cells
        if one.finished and measure.of(one) is not None
        for task, folder in one.folders.items()
        if task == measure.task or not measure.task
    )
    states = [one.missing for one in cells if not one.finished]
    if cell.value is None:
        cell.missing = next((s for s in GONE if s in states), "–")
    reasons = _reasons(cell, cells, measure, f"{row.label}, {dataset_title(results, dataset)}")
    if not measure.task:
        if cell.std == 0:  # what is counted, not measured, is the same with every seed
            cell.std = None
        reasons += costs.reasons([one.record for one in cells if one.finished], measure.info)
    if reasons:
        cell.note = table.note("; ".join(reasons))
    return cell


def _reasons(cell: Cell, cells: list[CellResult], measure: Measure, where: str) -> list[str]:
    """Say why a mean is missing or is of fewer seeds than were planned.

    Args:
        cell: The mean.
        cells: Of the row and data set, one a seed.
        measure: The metric.
        where: The row's label and the data set's title.
    """
    gone = [one for one in cells if not one.finished]
    unscored = [one for one in cells if measure.unscored(one)]
    reasons = [f"n = {cell.n} of {len(cells)} seeds"] if gone and cell.value is not None else []
    reasons += [
        f"{where}, seed {one.seed}: {one.missing}"
        + (f" ({' '.join(one.reason.split())})" if one.reason else "")
        for one in gone
        if one.reason or cell.value is not None
    ]
    scored = any(measure.task in one.scores for one in cells)
    if cell.value is None and scored and not (gone or unscored):
        reasons.append(f"{measure.info.label} is undefined on this split")
    if unscored:
        which = "" if len(unscored) == len(cells) else f" of {len(unscored)} of {len(cells)} seeds"
        reasons.append(
            f"these scores{which} are older than {measure.info.label}: `farbench rescore` adds it "
            "where predictions are stored"
        )
    return reasons


def average(cells: list[CellResult], pick: Callable[[CellResult], float | None]) -> Cell:
    """Return the mean and the sample standard deviation over the seeds that have a value."""
    used = [(value, c) for c in cells if c.finished and (value := pick(c)) is not None]
    if not used:
        return Cell()
    values = [value for value, _ in used]
    mean, std = math.fsum(values) / len(values), None
    if len(values) > 1:  # `statistics` calculates in fractions, fifty times slower
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    folders = tuple(name for _, c in used for name in c.folder_names)
    return Cell(mean, std, len(values), folders=folders)


def known_cell(value: float | None) -> Cell:
    """Return the cell of a number that no seed changes, a dash where there is none."""
    return Cell(missing="–") if value is None else Cell(value, n=1)


def majority(results: Results, dataset: str) -> dict[str, Any] | None:
    """Score the constant predictor from what any finished cell of the data set recorded."""
    for cell in results.finished(dataset):
        names = (cell.record.get("attributes") or {}).get(ATTRIBUTES) or []
        train = (cell.record.get("train_prevalence") or {}).get(ATTRIBUTES)
        test = (cell.scores.get(ATTRIBUTES) or {}).get("prevalence_per_attribute")
        if train and test and len(train) == len(names):
            return majority_from_prevalence(train, [test.get(name) for name in names], names)
    return None


def add_majority_row(table: Table, values: Mapping[str, float | None]) -> None:
    """Add the constant predictor's row below the measured ones.

    Args:
        table: The table.
        values: Key of a column to what it scores there; None is a dash.
    """
    cells = {key: known_cell(value) for key, value in values.items()}
    label = Cell(text="majority class (reference)")
    table.blocks.append(Block("reference", rows=[Row("majority", {"label": label, **cells})]))
    table.remark(f"Majority class: {MAJORITY}")


def constant_predictor(results: Results, dataset: str, measure: Measure) -> float | None:
    """Return what a predictor that sees no image scores; None where that says nothing."""
    if measure.task == ATTRIBUTES:
        scores = majority(results, dataset) or {}
        if measure.attributes:
            return measure.mean_of(scores.get(f"{measure.info.name}_per_attribute") or {})
        value = scores.get(measure.info.name)
        return value if isinstance(value, float) else None
    for cell in results.finished(dataset):
        reference = measure.detail(cell, "reference") or {}
        if reference.get(measure.info.name) is not None:
            return float(reference[measure.info.name])
    return None


def attribute_names(results: Results, dataset: str) -> list[str]:
    """Return the attributes of a data set in column order."""
    for task in results.tasks_of(dataset):
        if isinstance(task, BinaryAttributes):
            return list(task.attributes)
    return []
