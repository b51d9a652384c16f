"""Builds the benchmark's own table: rows by check marks and metrics, differences and daggers."""

from __future__ import annotations

from dataclasses import replace

from farbench.tables.caption import caption, dataset_title
from farbench.tables.cells import CellResult
from farbench.tables.comparisons.daggers import add_daggers
from farbench.tables.kinds.cautions import add_cautions
from farbench.tables.measures import Measure, measures
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.published.blocks import published_tables
from farbench.tables.remarks import add_remarks
from farbench.tables.results import Results
from farbench.tables.values import MAJORITY, average, constant_predictor, mean_over_seeds

LABEL = Column("label", "Method", kind="label")


def main_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build the benchmark's table: rows by check marks and metrics per data set.

    A second table follows if published rows speak of other data sets alone.
    """
    marks = [Column(f"mark/{mark}", mark, kind="mark") for mark in results.marks]
    table = Table(
        name=results.name,
        benchmark=results.name,
        title=f"{results.title.rstrip('.')}.",
        caption=caption(results),
        columns=[LABEL, *marks],
        blocks=[],
    )
    label = compared_label(results)
    several = len(results.datasets) > 1
    measured = Block("measured")
    for row in results.rows:
        cells = {"label": Cell(text=row.label)}
        cells |= {f"mark/{mark}": Cell(mark=True) for mark in row.marks}
        measured.rows.append(Row(row.id, cells))
    for dataset in results.datasets:
        for measure in measures(results, dataset):
            column = _metric_column(results, dataset, measure, over=several)
            table.columns.append(column)
            for row, printed in zip(results.rows, measured.rows, strict=True):
                printed.cells[column.key] = mean_over_seeds(table, results, row, dataset, measure)
            rank((column, row.cells[column.key]) for row in measured.rows)
        if options.differences and label is not None:
            _add_differences(
                table, results, measured, dataset, relative=options.relative, over=several
            )
    table.blocks.append(measured)
    if label is not None:
        if options.differences:
            table.remark(_differences_remark(results, label, relative=options.relative))
        add_daggers(table, results, measured.rows, patient=options.patient)
    add_cautions(table, results)
    _add_constant_predictor(table, results)
    tables = [table]
    if not results.attributes:
        tables = published_tables(table, results)
    elif results.published:
        table.remark("Published rows are left out: they are means over all attributes.")
    add_remarks(table, results)
    return tables


def compared_label(results: Results) -> str | None:
    """Return the label of the row that the others are compared to.

    None where the benchmark names none, or it is not shown (``--rows``), or there is no other.
    """
    if results.compare not in {row.id for row in results.rows} or len(results.rows) < 2:
        return None
    return results.label(results.compare)


def _metric_column(results: Results, dataset: str, measure: Measure, *, over: bool) -> Column:
    return measure.column(
        dataset,
        key=f"{dataset}/{measure.key}",
        title=measure.title,
        over=dataset_title(results, dataset) if over else "",
    )


def _add_differences(
    table: Table, results: Results, measured: Block, dataset: str, *, relative: bool, over: bool
) -> None:
    """Add each metric's difference to the compared row, seed by seed, then averaged."""
    finished = [c for c in results.cells if c.row == results.compare and c.finished]
    reference = {c.seed: c for c in finished if c.dataset == dataset}
    for measure in measures(results, dataset):
        column = replace(
            _metric_column(results, dataset, measure, over=over),
            key=f"{dataset}/{measure.key}/difference",
            title=f"Δ {measure.title}" if not relative else f"Δ {measure.info.label} (%)",
            higher_is_better=None,
            signed=True,
            metric=f"{measure.key}_{'relative_' if relative else ''}difference",
        )
        if relative:
            column = replace(column, percent=True, decimals=2)
        table.columns.append(column)
        for row in measured.rows:
            if row.id == results.compare:
                continue

            def difference(cell: CellResult, measure: Measure = measure) -> float | None:
                base = measure.of(reference[cell.seed]) if cell.seed in reference else None
                own = measure.of(cell)
                if own is None or base is None or (relative and not base):
                    return None
                return (own - base) / abs(base) if relative else own - base

            cell = average(results.of(row.id, dataset), difference)
            if cell.value is not None and cell.std is not None and abs(cell.value) < cell.std:
                cell.note = table.note("less than the seeds differ among themselves on it")
            row.cells[column.key] = cell


def _differences_remark(results: Results, label: str, *, relative: bool) -> str:
    """Say what the differences are to, and in what unit."""
    if relative:
        return f"Δ is the difference to {label} in % of {label}'s number, seed by seed."
    shown = [measure for name in results.datasets for measure in measures(results, name)]
    points = " in points" if all(measure.info.percent for measure in shown) else ""
    return f"Δ is the difference to {label}{points}, seed by seed."


def _add_constant_predictor(table: Table, results: Results) -> None:
    row = Row("majority", {"label": Cell(text="majority class (reference)")})
    kinds: set[str] = set()
    for dataset in results.datasets:
        kind_of = {task.name: task.kind for task in results.tasks_of(dataset)}
        for measure in measures(results, dataset):
            value = constant_predictor(results, dataset, measure)
            if value is not None:
                row.cells[f"{dataset}/{measure.key}"] = Cell(value=value, n=1)
                kinds.add(kind_of[measure.task])
    if len(row.cells) == 1:
        return
    said = {
        "attributes": "the majority class of each attribute",
        "classes": "the majority class",
        "scalar": "the mean",
        "landmarks": "the mean shape",
    }
    if kinds <= {"attributes", "classes"}:
        remark = f"Majority class: {MAJORITY}"
    else:
        row.cells["label"] = Cell(text="constant (reference)")
        given = ", ".join(text for kind, text in said.items() if kind in kinds)
        remark = f"Constant: every image is given the train split's own answer ({given})."
    table.remark(remark)
    table.blocks.append(Block("reference", rows=[row]))
