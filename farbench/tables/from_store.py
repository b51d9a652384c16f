"""Builds tables from a benchmark's folder, from cell.json and metrics.json alone."""

from __future__ import annotations

from pathlib import Path

from farbench.errors import unknown_name
from farbench.scoring.metrics import METRICS
from farbench.tables.caption import caption, dataset_title
from farbench.tables.details import attribute_tables, masks_table
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.published_block import published_tables
from farbench.tables.results import CellResult, Results, read_results
from farbench.tables.values import add_remarks, average, majority, mean_over_seeds

KINDS = ("main", "masks", "attributes")
LABEL = Column("label", "Method", kind="label")


def build(folder: Path, kind: str = "main", *, differences: bool = True) -> list[Table]:
    """Build the tables of one kind.

    Args:
        folder: The benchmark's folder (see ``results.find_benchmark``).
        kind: ``main`` (one table, or two: see ``published_block``), ``masks`` (F1 a group; no
            table where no row used masks) or ``attributes`` (one table a data set and metric).
        differences: Add columns of differences to the row ``benchmark.compare``, if it is set.

    Raises:
        UserError: The plan cannot be read, or names an unknown metric.
    """
    if kind not in KINDS:
        raise unknown_name("kind of table", kind, KINDS)
    results = read_results(folder)
    for metric in results.metrics:
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS, str(folder / "plan.json"))
    if kind == "masks":
        return masks_table(results)
    if kind == "attributes":
        return attribute_tables(results)
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
        for metric in results.metrics:
            column = _metric_column(results, dataset, metric, over=several)
            table.columns.append(column)
            for row, printed in zip(results.rows, measured.rows, strict=True):
                printed.cells[column.key] = mean_over_seeds(table, results, row, dataset, metric)
            rank((column, row.cells[column.key]) for row in measured.rows)
        if differences and results.compare:
            _add_differences(table, results, measured, dataset, over=several)
    table.blocks.append(measured)
    _add_majority(table, results)
    tables = published_tables(table, results)
    add_remarks(table, results)
    return tables


def _metric_column(results: Results, dataset: str, metric: str, *, over: bool) -> Column:
    info = METRICS[metric]
    return Column(
        key=f"{dataset}/{metric}",
        title=info.label,
        over=dataset_title(results, dataset) if over else "",
        higher_is_better=info.higher_is_better,
        percent=info.percent,
        dataset=dataset,
        metric=metric,
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
    for metric in results.metrics:
        info = METRICS[metric]
        column = Column(
            key=f"{dataset}/{metric}/difference",
            title=f"Δ {info.label}",
            over=dataset_title(results, dataset) if over else "",
            percent=info.percent,
            signed=True,
            dataset=dataset,
            metric=f"{metric}_difference",
        )
        table.columns.append(column)
        for row in measured.rows:
            if row.id == results.compare:
                continue

            def difference(cell: CellResult, metric: str = metric) -> float | None:
                base = reference[cell.seed].scores.get(metric) if cell.seed in reference else None
                own = cell.scores.get(metric)
                return None if own is None or base is None else own - base

            row.cells[column.key] = average(results.of(row.id, dataset), difference)
    table.remark(f"Δ is the difference to {label} in points, seed by seed.")


def _add_majority(table: Table, results: Results) -> None:
    row = Row("majority", {"label": Cell(text="majority class (reference)")})
    for dataset in results.datasets:
        scores = majority(results, dataset)
        for metric in results.metrics if scores else ():
            value = scores[metric] if scores else None
            if isinstance(value, float):
                row.cells[f"{dataset}/{metric}"] = Cell(value=value, n=1)
    if len(row.cells) > 1:
        table.remark("Majority class: every image is given the majority class of the train split.")
        table.blocks.append(Block("reference", rows=[row]))
