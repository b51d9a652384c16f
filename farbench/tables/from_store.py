"""Builds tables from a benchmark's folder, from cell.json and metrics.json alone."""

from __future__ import annotations

from pathlib import Path

from farbench.errors import unknown_name
from farbench.tables.caption import caption, dataset_title
from farbench.tables.details import attribute_tables, masks_table
from farbench.tables.measures import Measure, check_metrics, measures
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.published_block import published_tables
from farbench.tables.results import CellResult, Results, read_results
from farbench.tables.transfer import transfer_tables
from farbench.tables.values import add_remarks, average, constant_predictor, mean_over_seeds

KINDS = ("main", "masks", "attributes", "transfer")
LABEL = Column("label", "Method", kind="label")


def build(folder: Path, kind: str = "main", *, differences: bool = True) -> list[Table]:
    """Build the tables of one kind.

    Args:
        folder: The benchmark's folder (see ``results.find_benchmark``).
        kind: ``main`` (one table, or two: see ``published_block``), ``masks`` (F1 a group; no
            table where no row used masks), ``attributes`` (one table a data set and metric) or
            ``transfer`` (together against alone; no table where no row is ``single_task``).
        differences: Add columns of differences to the row ``benchmark.compare``, if it is set.

    Raises:
        UserError: The plan cannot be read, or names an unknown metric; of transfer, there are no
            predictions to compare.
    """
    if kind not in KINDS:
        raise unknown_name("kind of table", kind, KINDS)
    results = read_results(folder)
    check_metrics(results, folder / "plan.json")
    if kind == "masks":
        return masks_table(results)
    if kind == "attributes":
        return attribute_tables(results)
    if kind == "transfer":
        return transfer_tables(results)
    return main_tables(results, differences=differences)


def main_tables(results: Results, *, differences: bool = True) -> list[Table]:
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
        if differences and results.compare:
            _add_differences(table, results, measured, dataset, over=several)
    table.blocks.append(measured)
    _add_constant_predictor(table, results)
    tables = published_tables(table, results)
    add_remarks(table, results)
    return tables


def _metric_column(results: Results, dataset: str, measure: Measure, *, over: bool) -> Column:
    return Column(
        key=f"{dataset}/{measure.key}",
        title=measure.title,
        over=dataset_title(results, dataset) if over else "",
        higher_is_better=measure.info.higher_is_better,
        percent=measure.info.percent,
        decimals=measure.info.decimals,
        dataset=dataset,
        metric=measure.key,
    )


def _add_differences(
    table: Table, results: Results, measured: Block, dataset: str, *, over: bool
) -> None:
    """Add each metric's difference to the compared row, seed by seed, then averaged.

    A plan of some rows only (``--rows``) may lack the compared one: then there is nothing to add.
    """
    label = next((row.label for row in results.rows if row.id == results.compare), None)
    if results.compare is None or label is None or len(results.rows) < 2:
        return
    reference = {c.seed: c for c in results.of(results.compare, dataset) if c.finished}
    for measure in measures(results, dataset):
        column = Column(
            key=f"{dataset}/{measure.key}/difference",
            title=f"Δ {measure.title}",
            over=dataset_title(results, dataset) if over else "",
            percent=measure.info.percent,
            decimals=measure.info.decimals,
            signed=True,
            dataset=dataset,
            metric=f"{measure.key}_difference",
        )
        table.columns.append(column)
        for row in measured.rows:
            if row.id == results.compare:
                continue

            def difference(cell: CellResult, measure: Measure = measure) -> float | None:
                base = measure.of(reference[cell.seed]) if cell.seed in reference else None
                own = measure.of(cell)
                return None if own is None or base is None else own - base

            row.cells[column.key] = average(results.of(row.id, dataset), difference)
    shown = [measure for name in results.datasets for measure in measures(results, name)]
    points = " in points" if all(measure.info.percent for measure in shown) else ""
    table.remark(f"Δ is the difference to {label}{points}, seed by seed.")


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
        remark = "Majority class: every image is given the majority class of the train split."
    else:
        row.cells["label"] = Cell(text="constant (reference)")
        given = ", ".join(text for kind, text in said.items() if kind in kinds)
        remark = f"Constant: every image is given the train split's own answer ({given})."
    table.remark(remark)
    table.blocks.append(Block("reference", rows=[row]))
