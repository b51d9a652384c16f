"""Builds the table of impossible combinations: how often a row's answers contradict themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from farbench.errors import unknown_name
from farbench.scoring.consistency import Violations, answers, violations
from farbench.scoring.predictions import Predictions
from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.kinds.attribute_cells import attribute_rows
from farbench.tables.measures import ATTRIBUTES
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.remarks import add_remarks
from farbench.tables.results import Results
from farbench.tables.stored import (
    average_stored,
    check_stored,
    first_stored,
    from_predictions,
    label_cell,
)
from farbench.tables.values import attribute_names, known_cell

if TYPE_CHECKING:
    from farbench.tables.kinds.consistency_rules import Rule


def consistency_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set that has all attributes of at least one rule.

    Raises:
        NoPredictions: Nothing is stored that the table could be made from.
        UserError: The rules that were asked for cannot be used.
    """
    from farbench.tables.kinds.consistency_rules import SHIPPED, load_rules

    loaded = load_rules(options.rules or SHIPPED)
    if options.rules:
        known = {name for one in results.datasets for name in attribute_names(results, one)}
        for name in (name for rule in loaded.rules for name in rule.at_most_one):
            if name not in known:
                raise unknown_name("attribute", name, known, options.rules)
    tables = []
    for dataset in results.datasets:
        names = attribute_names(results, dataset)
        rules = [rule for rule in loaded.rules if set(rule.at_most_one) <= set(names)]
        if rules:
            check_stored(results, (ATTRIBUTES,), "consistency")
            tables.append(_table(results, dataset, loaded.title, rules, names))
    return tables


def _table(
    results: Results, dataset: str, rules_title: str, rules: Sequence[Rule], names: Sequence[str]
) -> Table:
    columns = [
        Column(
            key,
            title,
            higher_is_better=False,
            arrow=False,
            dataset=dataset,
            metric="violations",
        )
        for key, title in [
            *((f"rule/{index}", rule.name) for index, rule in enumerate(rules)),
            ("any", "any of them"),
        ]
    ]
    table = Table(
        name=f"{results.name}-consistency-{dataset}",
        benchmark=results.name,
        title=table_title(
            results,
            f"impossible combinations, {dataset_title(results, dataset)} (lower is better)",
        ),
        caption=[
            f"{rules_title.rstrip('.')}: percentage of test images that are given more than one "
            "of the attributes.",
            *caption(results, [dataset]),
        ],
        columns=[Column("label", "Method", kind="label"), *columns],
        blocks=[Block("measured")],
    )
    wanted = [[names.index(name) for name in rule.at_most_one] for rule in rules]

    def broken(held: Predictions) -> Violations:
        return violations(answers(held.output, held.target), wanted)

    for row in attribute_rows(results, dataset):
        cells = results.of(row.id, dataset)
        found = from_predictions(cells, ATTRIBUTES, broken)
        printed = {"label": label_cell(table, results, row, dataset, found)}
        for index, column in enumerate(columns):
            shares = {seed: (*one.each, one.any)[index] for seed, one in found.items()}
            printed[column.key] = average_stored(cells, shares)
        table.blocks[0].rows.append(Row(row.id, printed))
    for column in columns:
        rank((column, row.cell(column)) for row in table.blocks[0].rows)
    held = first_stored(results, dataset, ATTRIBUTES)
    if held is not None:
        _add_labels(table, violations(held.target, wanted), columns)
    for source in dict.fromkeys(rule.source for rule in rules if rule.source):
        table.remark(f"{', '.join(r.name for r in rules if r.source == source)}: {source}.")
    add_remarks(table, results)
    return table


def _add_labels(table: Table, own: Violations, columns: Sequence[Column]) -> None:
    """Add how often the labels break the rules: who meets all labels is there."""
    row = Row("labels", {"label": Cell(text="labels (reference)")})
    for column, value in zip(columns, (*own.each, own.any), strict=True):
        row.cells[column.key] = known_cell(value)
    table.blocks.append(Block("reference", rows=[row]))
    table.remark(
        "Labels: how often the test labels break the rule themselves. A method that hardly ever "
        "says yes breaks none."
    )
