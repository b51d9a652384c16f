"""Builds the table of one row's attributes: their prevalence, and several metrics of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.kinds.attribute_cells import (
    attribute_cell,
    attribute_measures,
    mean_cell,
)
from farbench.tables.measures import ATTRIBUTES, Measure
from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.options import TableOptions
from farbench.tables.remarks import add_remarks
from farbench.tables.results import PlannedRow, Results
from farbench.tables.values import MAJORITY, known_cell, majority, mean_over_seeds

PROFILE = ("accuracy", "mA", "f1", "average_precision", "ece")
"""What is shown where no metric is asked for."""


def profile(
    results: Results, row: PlannedRow, dataset: str, names: Sequence[str], options: TableOptions
) -> Table:
    """Build the table of one row: each attribute's prevalence, and several metrics of it."""
    metrics = results.metrics if options.metrics else tuple(f"{ATTRIBUTES}.{m}" for m in PROFILE)
    shown = attribute_measures(replace(results, metrics=metrics), dataset)
    table = Table(
        name=f"{results.name}-attributes-{dataset}-{row.id}",
        benchmark=results.name,
        title=table_title(
            results, f"each attribute of {row.label}, {dataset_title(results, dataset)}"
        ),
        caption=caption(results, [dataset]),
        columns=[
            Column("label", "Attribute", kind="label"),
            Column("prevalence", "Prevalence", dataset=dataset, metric="prevalence"),
        ],
        blocks=[],
    )
    block, means = Block("measured"), Row("mean", {"label": Cell(text="Mean")})
    block.rows = [Row(name, {"label": Cell(text=name.replace("_", " "))}) for name in names]
    table.blocks = [block, Block("mean", rows=[means])]
    share = Measure(ATTRIBUTES, replace(shown[0].info, name="prevalence"), "", results.attributes)
    means.cells["prevalence"] = replace(mean_cell(results, row, dataset, share.of), std=None)
    for printed in block.rows:
        # The share of yes in the test labels is the same in every seed.
        yes = attribute_cell(results, row, dataset, share, printed.id)
        printed.cells["prevalence"] = replace(yes, std=None)
    constant = majority(results, dataset)
    for measure in shown:
        info = measure.info
        column = measure.column(dataset, key=info.name, title=info.label)
        # A constant answer has half of mA, no F1, and its prevalence as AP.
        if constant is not None and info.name == "accuracy":
            table.columns.append(replace(column, key="majority", title="Majority", arrow=False))
            values = constant["accuracy_per_attribute"]
            for printed in block.rows:
                printed.cells["majority"] = known_cell(values.get(printed.id))
            whole = measure.mean_of(values) if measure.attributes else constant["accuracy"]
            means.cells["majority"] = known_cell(whole)
            table.remark(f"Majority: {MAJORITY}")
        table.columns.append(column)
        for printed in block.rows:
            cell = attribute_cell(results, row, dataset, measure, printed.id)
            printed.cells[column.key] = cell
        means.cells[column.key] = mean_over_seeds(table, results, row, dataset, measure)
    table.caption = [f"{m.info.label}: {m.info.doc}" for m in shown] + table.caption
    add_remarks(table, results)
    return table
