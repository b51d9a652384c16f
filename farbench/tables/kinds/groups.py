"""Builds the tables of attribute groups: each row's mean over the attributes of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.kinds.attribute_cells import (
    attribute_measures,
    attribute_rows,
    mean_cell,
    shown_attributes,
)
from farbench.tables.measures import ATTRIBUTES, Measure
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.published.attributes import published_attributes
from farbench.tables.remarks import add_remarks
from farbench.tables.results import Results
from farbench.tables.values import add_majority_row, known_cell, majority, mean_over_seeds

MEAN = "mean"


@dataclass(frozen=True)
class _Grouping:
    """Attributes by group, and what the table says of where that is from."""

    name: str
    source: str
    groups: Mapping[str, tuple[str, ...]]


def group_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set, grouping and metric of attributes.

    The groupings are those that finished rows recorded, or the one that is asked for. Every row
    is shown under each, also those whose method knows no groups: a group is a question here, not
    a part of a network.
    """
    tables = []
    for dataset in results.datasets:
        names = shown_attributes(results, dataset)
        for grouping in _groupings(results, dataset, names, options):
            for measure in attribute_measures(results, dataset):
                tables.append(_table(results, dataset, grouping, names, measure))
    return tables


def _groupings(
    results: Results, dataset: str, names: Sequence[str], options: TableOptions
) -> list[_Grouping]:
    """Return the partitions to show, restricted to the shown attributes."""
    asked = options.grouping
    found: list[_Grouping] = []
    if asked is not None:
        found.append(_Grouping(asked.name, asked.source, asked.groups))
    else:
        users: dict[str, list[str]] = {}
        for row in results.rows:
            for cell in results.of(row.id, dataset):
                columns = cell.record.get("groups")
                every = (cell.record.get("attributes") or {}).get(ATTRIBUTES) or []
                # One group of all attributes is the mean.
                if not columns or len(columns) < 2:
                    continue
                recorded = (cell.record.get("method") or {}).get("options") or {}
                name = str(recorded.get("grouping") or "recorded")
                users.setdefault(name, []).append(row.label)
                groups = {g: tuple(every[i] for i in own) for g, own in columns.items()}
                if all(one.name != name for one in found):
                    found.append(_Grouping(name, "", groups))
        found = [
            replace(one, source=f"Used by {', '.join(dict.fromkeys(users[one.name]))}.")
            for one in found
        ]
    kept = []
    for one in found:
        own = {g: tuple(n for n in members if n in names) for g, members in one.groups.items()}
        kept.append(replace(one, groups={g: members for g, members in own.items() if members}))
    return [one for one in kept if one.groups]


def _table(
    results: Results, dataset: str, grouping: _Grouping, names: Sequence[str], measure: Measure
) -> Table:
    info = measure.info
    column = measure.column(dataset, key=MEAN, title=f"All ({len(names)})", arrow=False)
    columns = [
        replace(
            column,
            key=f"group/{group}",
            title=f"{group} ({len(members)})",
            metric=f"{info.name}@{group}",
        )
        for group, members in grouping.groups.items()
    ]
    table = Table(
        name=f"{results.name}-groups-{dataset}-{grouping.name}-{info.name}",
        benchmark=results.name,
        title=table_title(
            results, f"{info.label} by group of attributes, {dataset_title(results, dataset)}", info
        ),
        caption=[
            f"Grouping {grouping.name}; each number is the mean over the attributes of a group, "
            "whose number stands in brackets.",
            info.doc,
            *caption(results, [dataset]),
        ],
        columns=[Column("label", "Method", kind="label"), *columns, column],
        blocks=[Block("measured")],
    )
    parts = {
        f"group/{group}": replace(measure, attributes=members)
        for group, members in grouping.groups.items()
    }
    for row in attribute_rows(results, dataset):
        cells = {"label": Cell(text=row.label)}
        for key, part in parts.items():
            cells[key] = mean_cell(results, row, dataset, part.of)
        cells[MEAN] = mean_over_seeds(table, results, row, dataset, measure)
        table.blocks[0].rows.append(Row(row.id, cells))
    for placed in table.columns[1:]:
        rank((placed, row.cell(placed)) for row in table.blocks[0].rows)
    _add_majority(table, results, dataset, measure, parts)
    _add_published(table, results, dataset, measure, names, parts)
    table.remark(f"Grouping {grouping.name}: {grouping.source}")
    _remark_members(table, results, dataset, grouping, names, measure)
    add_remarks(table, results)
    return table


def _add_majority(
    table: Table, results: Results, dataset: str, measure: Measure, parts: Mapping[str, Measure]
) -> None:
    """Add the constant predictor's row; none where the metric says nothing of it."""
    scores = majority(results, dataset)
    if scores is None or scores.get(measure.info.name) is None:
        return
    values = scores[f"{measure.info.name}_per_attribute"]
    whole = measure.mean_of(values) if measure.attributes else scores[measure.info.name]
    means = {key: part.mean_of(values) for key, part in parts.items()}
    add_majority_row(table, {**means, MEAN: whole})


def _add_published(
    table: Table,
    results: Results,
    dataset: str,
    measure: Measure,
    names: Sequence[str],
    parts: Mapping[str, Measure],
) -> None:
    """Add the rows that papers print attribute by attribute, averaged here over the groups."""
    block = Block("published", "Published, averaged here over the groups")
    for index, one in enumerate(published_attributes(table, results, dataset, measure, names)):
        row = Row(f"published-{index}", {"label": Cell(text=one.label), MEAN: Cell(one.mean, n=1)})
        for key, part in parts.items():
            whole = all(name in one.values for name in part.attributes)
            row.cells[key] = known_cell(part.mean_of(one.values) if whole else None)
        block.rows.append(row)
    if block.rows:
        table.blocks.append(block)


def _remark_members(
    table: Table,
    results: Results,
    dataset: str,
    grouping: _Grouping,
    names: Sequence[str],
    measure: Measure,
) -> None:
    """Say which attributes are in no group, and which are undefined and left out of theirs."""
    grouped = {name for members in grouping.groups.values() for name in members}
    alone = [name for name in names if name not in grouped]
    if alone:
        table.remark(f"In no group, and in the mean of all alone: {', '.join(alone)}.")
    key = f"{measure.info.name}_per_attribute"
    details = [measure.detail(cell, key) for cell in results.finished(dataset)]
    left = [name for name in names if any(one and one.get(name) is None for one in details)]
    if left:
        undefined = ", ".join(left)
        table.remark(
            f"{measure.info.label} leaves out what this split does not define: {undefined}."
        )
