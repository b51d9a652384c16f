"""Adds the rows that papers print: blocks of their own, never ranked with measured ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.scoring.catalogue import METRICS
from farbench.tables.caption import dataset_title, table_title
from farbench.tables.measures import ATTRIBUTES, Measure, measures
from farbench.tables.model import Block, Cell, Column, Row, Table

if TYPE_CHECKING:
    from farbench.tables.published.rows import PublishedRow, PublishedTable
    from farbench.tables.results import Results

BACKBONE = Column("backbone", "Backbone", kind="text")
TITLES = {"celeba": "CelebA", "lfwa": "LFWA"}
"""Data sets of published rows as papers write them; others appear by their name."""


def published_tables(table: Table, results: Results) -> list[Table]:
    """Return the table with the published rows of the benchmark, one block a paper's table.

    Numbers stand under the data set that the paper names. If the benchmark measures at least one
    of those data sets, the blocks join the table, which gets columns for the others; else they
    are a table of their own, so no number is ever read as one of another data set.
    """
    sources = _load(table, results)
    if not sources:
        return [table]
    named = {dataset for source in sources for row in source.rows for dataset in row.values}
    if named.isdisjoint(results.datasets):
        marks = [column for column in table.columns if column.kind == "mark"]
        apart = Table(
            name=f"{table.name}-published",
            benchmark=table.benchmark,
            title=table_title(results, "published numbers"),
            caption=[
                "As the papers print them: their data, protocol and code. "
                "None of their data sets is measured here, so nothing above compares to them."
            ],
            columns=[table.columns[0], *marks],
            blocks=[],
        )
        _add_blocks(apart, results, sources)
        return [table, apart] if apart.blocks else [table]
    _add_blocks(table, results, sources)
    return [table]


def _load(table: Table, results: Results) -> list[PublishedTable]:
    """Load the published files; one that is gone is remarked, for a table must always print."""
    if not results.published:
        return []
    from farbench.tables.published.rows import load_published

    sources = []
    for name in results.published:
        try:
            sources.append(load_published(name))
        except UserError as error:
            table.remark(f"Published rows of {name} are left out: {error}")
    return sources


def _add_blocks(table: Table, results: Results, sources: list[PublishedTable]) -> None:
    _add_columns(table, results, [row for source in sources for row in source.rows])
    metrics = _metrics(results)
    shown = [c.key for c in table.columns if c.kind == "number" and c.metric in metrics]
    left_out = 0
    for source in sources:
        origins = dict.fromkeys(_origin(row) for row in source.rows)
        alone = len(origins) == 1
        block = Block("published", f"Published: {source.title}")
        for index, row in enumerate(source.rows):
            printed = _row(table, row, shown, f"published-{len(table.blocks)}-{index}", alone)
            if any(printed.cells[key].value is not None for key in shown):
                block.rows.append(printed)
            else:
                left_out += 1
        if block.rows:
            table.blocks.append(block)
            if alone:
                table.remark(f"{source.title}: {next(iter(origins))}.")
    if left_out:
        labels = ", ".join(METRICS[ATTRIBUTES][metric].label for metric in metrics)
        rows = "rows are" if left_out > 1 else "row is"
        table.remark(f"{left_out} published {rows} left out, for want of {labels}.")
    if any("backbone" in row.cells for row in table.rows()):
        _add_backbones(table, results)


def _metrics(results: Results) -> list[str]:
    """Return the attribute metrics that are shown: what the published tables print."""
    shown = [m for dataset in results.datasets for m in measures(results, dataset)]
    return list(dict.fromkeys(m.info.name for m in shown if m.task == ATTRIBUTES))


def _row(table: Table, row: PublishedRow, shown: list[str], id: str, alone: bool) -> Row:
    """Turn a published row into a row of the table; ``alone`` when a remark names its source."""
    cells = {key: Cell(missing="–") for key in shown}
    for dataset, values in row.values.items():
        for metric, percent in values.items():
            if (key := f"{dataset}/{metric}") in cells:
                cells[key] = Cell(value=round(percent / 100, 6), n=1)  # 0.923, not 0.92299
    remarks = [text for text in ("" if alone else _origin(row), row.note) if text]
    note = ", ".join(table.note(f"{text.rstrip('.')}.") for text in remarks)
    cells["label"] = Cell(text=row.label, note=note)
    if row.backbone not in ("", "-"):
        cells["backbone"] = Cell(text=row.backbone)
    cells |= {f"mark/{mark}": Cell(mark=True) for mark in row.marks}
    return Row(id, cells)


def _origin(row: PublishedRow) -> str:
    return ", ".join(part for part in (row.paper, row.table) if part)


def _add_columns(table: Table, results: Results, rows: list[PublishedRow]) -> None:
    """Add columns for data sets that only published rows have, and head all by data set."""
    reported = [
        (dataset, metric)
        for row in rows
        for dataset, values in row.values.items()
        for metric in _metrics(results)
        if dataset not in results.datasets and metric in values
    ]
    if not reported:
        return
    table.columns[:] = [
        replace(column, over=dataset_title(results, column.dataset)) if column.dataset else column
        for column in table.columns
    ]
    for dataset in dict.fromkeys(dataset for dataset, _ in reported):
        for metric in _metrics(results):
            if (dataset, metric) in reported:
                info = METRICS[ATTRIBUTES][metric]
                column = Measure(ATTRIBUTES, info, info.label).column(
                    dataset,
                    key=f"{dataset}/{metric}",
                    title=info.label,
                    over=TITLES.get(dataset, dataset),
                )
                table.columns.append(column)


def _add_backbones(table: Table, results: Results) -> None:
    """Name the trunk of each measured row, the stand-in where the protocol substitutes one."""
    table.columns.insert(1, BACKBONE)
    substitute = results.protocol.get("substitute") or {}
    for block in table.blocks:
        for row in block.rows if block.kind == "measured" else ():
            records = [c.record for c in results.cells if c.row == row.id and c.record]
            options = ((records[0].get("method") or {}) if records else {}).get("options") or {}
            name = str(options.get("backbone") or "")
            row.cells["backbone"] = Cell(text=substitute.get(name, name))
