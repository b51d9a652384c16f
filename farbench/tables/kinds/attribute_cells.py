"""What the tables of attributes share: which are shown, of which rows, and a cell of each."""

from __future__ import annotations

from collections.abc import Callable

from farbench.tables.cells import CellResult
from farbench.tables.measures import ATTRIBUTES, Measure, measures
from farbench.tables.model import Cell
from farbench.tables.results import PlannedRow, Results
from farbench.tables.values import attribute_names, average


def attribute_measures(results: Results, dataset: str) -> list[Measure]:
    """Return the metrics of attributes that are shown."""
    return [measure for measure in measures(results, dataset) if measure.task == ATTRIBUTES]


def shown_attributes(results: Results, dataset: str) -> list[str]:
    """Return the attributes of a data set, or those of them that were asked for."""
    names = attribute_names(results, dataset)
    return [name for name in results.attributes if name in names] if results.attributes else names


def attribute_rows(results: Results, dataset: str) -> list[PlannedRow]:
    """Return the rows that predict attributes, or may do so once they are finished."""
    return [row for row in results.rows if results.predicts(row.id, dataset, ATTRIBUTES)]


def attribute_cell(
    results: Results, row: PlannedRow, dataset: str, measure: Measure, name: str
) -> Cell:
    """Return the mean over seeds of one attribute's metric."""
    return mean_cell(results, row, dataset, reader(measure, name))


def reader(measure: Measure, name: str) -> Callable[[CellResult], float | None]:
    """Return what takes one attribute's metric from a cell."""
    key = f"{measure.info.name}_per_attribute"
    return lambda cell: (measure.detail(cell, key) or {}).get(name)


def mean_cell(
    results: Results, row: PlannedRow, dataset: str, pick: Callable[[CellResult], float | None]
) -> Cell:
    """Return the mean over the seeds of a row, a dash where none has a value."""
    cell = average(results.of(row.id, dataset), pick)
    cell.missing = "" if cell.value is not None else "–"
    return cell
