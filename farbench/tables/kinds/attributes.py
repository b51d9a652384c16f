"""Builds the tables of single attributes: row against row by one metric, or of a single row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.cells import CellResult
from farbench.tables.kinds.attribute_cells import (
    attribute_cell,
    attribute_measures,
    attribute_rows,
    mean_cell,
    reader,
    shown_attributes,
)
from farbench.tables.kinds.attribute_profile import profile
from farbench.tables.measures import Measure
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.published.attributes import published_attributes
from farbench.tables.remarks import add_remarks
from farbench.tables.results import PlannedRow, Results
from farbench.tables.values import MAJORITY, known_cell, majority, mean_over_seeds


@dataclass(frozen=True)
class _Line:
    """The numbers of one method, attribute by attribute: a column, or where those are few a row.

    Attributes:
        key: Of its column, or its row's id.
        title: Its heading.
        kind: Where the numbers are from.
        cells: By attribute.
        mean: Over the attributes.
    """

    key: str
    title: str
    kind: Literal["measured", "reference", "published"]
    cells: dict[str, Cell]
    mean: Cell


def attribute_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set and metric, or, of a single row, one a data set.

    The longer of the two lists, attributes and rows, goes down.

    Args:
        results: The benchmark's folder; its ``attributes``, if any, are the ones that are shown.
        options: ``differences`` adds a column of them where there are two rows.
    """
    tables = []
    for dataset in results.datasets:
        names = shown_attributes(results, dataset)
        rows = attribute_rows(results, dataset)
        found = attribute_measures(results, dataset)
        if not names or not rows or (options.metrics and not found):
            continue
        if len(rows) == 1 and len(options.metrics) != 1:
            tables.append(profile(results, rows[0], dataset, names, options))
            continue
        for measure in found:
            tables.append(_comparison(results, rows, dataset, names, measure, options))
    return tables


def _comparison(
    results: Results,
    rows: Sequence[PlannedRow],
    dataset: str,
    names: Sequence[str],
    measure: Measure,
    options: TableOptions,
) -> Table:
    """Build the table of one metric: rows against each other, and against published ones."""
    info = measure.info
    table = Table(
        name=f"{results.name}-attributes-{dataset}-{info.name}",
        benchmark=results.name,
        title=table_title(
            results, f"{info.label} of each attribute, {dataset_title(results, dataset)}", info
        ),
        caption=[info.doc, *caption(results, [dataset])],
        columns=[],
        blocks=[],
    )
    lines = [
        _Line(
            row.id,
            row.label,
            "measured",
            {name: attribute_cell(results, row, dataset, measure, name) for name in names},
            mean_over_seeds(table, results, row, dataset, measure),
        )
        for row in rows
    ]
    lines += _majority(table, results, dataset, measure, names)
    lines += [
        _Line(f"published-{index}", one.label, "published", one.cells(names), Cell(one.mean, n=1))
        for index, one in enumerate(published_attributes(table, results, dataset, measure, names))
    ]
    column = measure.column(dataset, key="", title="", arrow=False)
    if len(names) < len(rows):
        _across(table, lines, names, column)
    else:
        _down(table, lines, names, column)
        if options.differences and len(rows) == 2:
            _add_differences(table, results, rows, dataset, names, measure)
    add_remarks(table, results)
    return table


def _down(table: Table, lines: Sequence[_Line], names: Sequence[str], column: Column) -> None:
    """Lay the attributes down and the methods across; each attribute is ranked."""
    table.ranked = "row"
    table.columns = [Column("label", "Attribute", kind="label")]
    published = any(line.kind == "published" for line in lines)
    over = {"measured": "Measured", "published": "Published"} if published else {}
    block, means = Block("measured"), Row("mean", {"label": Cell(text="Mean")})
    block.rows = [Row(name, {"label": Cell(text=name.replace("_", " "))}) for name in names]
    table.blocks = [block, Block("mean", rows=[means])]
    for line in lines:
        measured = line.kind == "measured"
        placed = replace(
            column,
            key=f"row/{line.key}" if measured else line.key,
            title=line.title,
            over=over.get(line.kind, ""),
            higher_is_better=column.higher_is_better if measured else None,
        )
        table.columns.append(placed)
        for row in block.rows:
            row.cells[placed.key] = line.cells[row.id]
        means.cells[placed.key] = line.mean
    for row in (*block.rows, means):
        rank((placed, row.cell(placed)) for placed in table.columns[1:])


def _across(table: Table, lines: Sequence[_Line], names: Sequence[str], column: Column) -> None:
    """Lay the methods down and the attributes across; each attribute is ranked."""
    table.columns = [
        Column("label", "Method", kind="label"),
        *(replace(column, key=name, title=name.replace("_", " ")) for name in names),
        replace(column, key="mean", title="Mean"),
    ]
    for kind, title in (("measured", ""), ("reference", ""), ("published", "Published")):
        rows = [
            Row(line.key, {"label": Cell(text=line.title), **line.cells, "mean": line.mean})
            for line in lines
            if line.kind == kind
        ]
        if rows:
            table.blocks.append(Block(kind, title, rows))  # type: ignore[arg-type]
    for placed in table.columns[1:]:
        rank((placed, row.cell(placed)) for row in table.blocks[0].rows)


def _add_differences(
    table: Table,
    results: Results,
    rows: Sequence[PlannedRow],
    dataset: str,
    names: Sequence[str],
    measure: Measure,
) -> None:
    """Add the difference of two rows, seed by seed, behind them."""
    base = next((row for row in rows if row.id == results.compare), rows[0])
    other = next(row for row in rows if row is not base)
    reference = {c.seed: c for c in results.of(base.id, dataset) if c.finished}
    column = replace(
        table.columns[1],
        key="difference",
        title="Δ",
        higher_is_better=None,
        signed=True,
        metric=f"{measure.info.name}_difference",
    )
    table.columns.insert(3, column)
    picks = {name: reader(measure, name) for name in names} | {"mean": measure.of}
    for row in table.rows():

        def difference(
            cell: CellResult, pick: Callable[[CellResult], float | None] = picks[row.id]
        ) -> float | None:
            first = pick(reference[cell.seed]) if cell.seed in reference else None
            own = pick(cell)
            return None if own is None or first is None else own - first

        row.cells["difference"] = mean_cell(results, other, dataset, difference)
    points = " in points" if measure.info.percent else ""
    table.remark(f"Δ is the difference of {other.label} to {base.label}{points}, seed by seed.")


def _majority(
    table: Table, results: Results, dataset: str, measure: Measure, names: Sequence[str]
) -> list[_Line]:
    """Return the constant predictor's line; none where the metric says nothing of it."""
    scores = majority(results, dataset)
    metric = measure.info.name
    if scores is None or scores.get(metric) is None:
        return []
    values = scores[f"{metric}_per_attribute"]
    cells = {name: known_cell(values.get(name)) for name in names}
    mean = measure.mean_of(values) if measure.attributes else scores[metric]
    table.remark(f"Majority: {MAJORITY}")
    return [_Line("majority", "majority", "reference", cells, known_cell(mean))]
