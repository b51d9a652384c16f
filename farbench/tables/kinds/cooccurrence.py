"""Builds the table of attributes that go together: in the labels, and in what a row answers."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from farbench.inspection.cooccurrence import attribute_pairs
from farbench.scoring.consistency import answers
from farbench.scoring.predictions import Predictions
from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.kinds.attribute_cells import attribute_rows, shown_attributes
from farbench.tables.measures import ATTRIBUTES
from farbench.tables.model import Block, Cell, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.remarks import add_remarks
from farbench.tables.results import PlannedRow, Results
from farbench.tables.stored import average_stored, check_stored, first_stored, from_predictions
from farbench.tables.values import attribute_names

PAIRS = 20
"""Pairs that are shown where no number is asked for."""

Pair = tuple[str, str]
Phis = Mapping[Pair, float]
"""The correlation of each pair of attributes that both vary."""


def cooccurrence_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set: the pairs whose answers go together otherwise than the labels.

    Raises:
        NoPredictions: Nothing is stored that the table could be made from.
    """
    tables = []
    for dataset in results.datasets:
        if len(shown_attributes(results, dataset)) < 2:
            continue
        check_stored(results, (ATTRIBUTES,), "cooccurrence")
        labels = _phis_of_labels(results, dataset)
        if labels:
            tables.append(_table(results, dataset, labels, options.pairs or PAIRS))
    return tables


def _phis_of_labels(results: Results, dataset: str) -> Phis:
    """Return phi of each pair of shown attributes in the test labels; of none that do not vary."""
    held = first_stored(results, dataset, ATTRIBUTES)
    if held is None:
        return {}
    shown = set(shown_attributes(results, dataset))
    every = _phis(held.target, attribute_names(results, dataset))
    return {pair: phi for pair, phi in every.items() if shown.issuperset(pair)}


def _table(results: Results, dataset: str, labels: Phis, count: int) -> Table:
    every = attribute_names(results, dataset)
    rows = attribute_rows(results, dataset)
    column = Column(
        "labels", "Labels", percent=False, decimals=3, signed=True, dataset=dataset, metric="phi"
    )
    columns = [replace(column, key=f"row/{row.id}", title=row.label) for row in rows]

    def answered(held: Predictions) -> Phis:
        return _phis(answers(held.output, held.target), every)

    found = {
        row.id: from_predictions(results.of(row.id, dataset), ATTRIBUTES, answered) for row in rows
    }
    order = sorted(labels, key=lambda pair: -_mean_distance(labels[pair], pair, found))[:count]
    block = Block("measured")
    for pair in order:
        printed = Row("+".join(pair), {"label": Cell(text=" + ".join(pair).replace("_", " "))})
        printed.cells["labels"] = Cell(labels[pair], n=1)
        for row, own in zip(rows, columns, strict=True):
            values = {seed: phis.get(pair) for seed, phis in found[row.id].items()}
            printed.cells[own.key] = average_stored(results.of(row.id, dataset), values)
        block.rows.append(printed)
    table = Table(
        name=f"{results.name}-cooccurrence-{dataset}",
        benchmark=results.name,
        title=table_title(
            results, f"attributes that go together, {dataset_title(results, dataset)}"
        ),
        caption=[
            "Correlation of two attributes over the test images (phi, -1 to 1), of the labels and "
            f"of the answers: the {len(order)} of {len(labels)} pairs whose answers are farthest "
            "from the labels, on average over rows.",
            *caption(results, [dataset]),
        ],
        columns=[Column("label", "Pair", kind="label"), column, *columns],
        blocks=[block, _summary(results, dataset, rows, labels, found)],
    )
    distance = table.blocks[1].rows[0]
    rank((replace(own, higher_is_better=False), distance.cell(own)) for own in columns)
    table.ranked = "row"
    table.remark(
        "Distance: the mean over all pairs of |answers - labels|. Exaggeration: the mean of how "
        "much stronger the answers' correlation is, in the labels' own direction; above 0 they say "
        "more than there is. An attribute that is answered alike for every image has no phi and "
        "counts as 0."
    )
    _remark_constant(table, rows, labels, found)
    add_remarks(table, results)
    return table


def _phis(values: NDArray[Any], names: Sequence[str]) -> Phis:
    """Return phi of each pair of columns of ``(N, A)`` answers or labels, 1, 0 or -1 (unknown)."""
    return {(one.first, one.second): one.phi for one in attribute_pairs(values, names)}


def _mean_distance(phi: float, pair: Pair, found: Mapping[str, Mapping[int, Phis]]) -> float:
    """Return how far the answers are from the labels' phi, on average over rows and seeds."""
    every = [abs(phis.get(pair, 0.0) - phi) for seeds in found.values() for phis in seeds.values()]
    return statistics.fmean(every) if every else 0.0


def _summary(
    results: Results,
    dataset: str,
    rows: Sequence[PlannedRow],
    labels: Phis,
    found: Mapping[str, Mapping[int, Phis]],
) -> Block:
    """Return the means over all pairs: distance, and exaggeration.

    Exaggeration is bias amplification (Zhao et al., Men Also Like Shopping, EMNLP 2017) of pairs
    of attributes; that it is measured by phi is this project's reading.
    """
    distance = Row("distance", {"label": Cell(text="Distance to the labels")})
    exaggeration = Row("exaggeration", {"label": Cell(text="Exaggeration of the labels")})
    for row in rows:
        apart: dict[int, float | None] = {}
        beyond: dict[int, float | None] = {}
        for seed, phis in found[row.id].items():
            gaps = [(phis.get(pair, 0.0) - phi, phi) for pair, phi in labels.items()]
            apart[seed] = statistics.fmean(abs(gap) for gap, _ in gaps)
            beyond[seed] = statistics.fmean(gap if phi >= 0 else -gap for gap, phi in gaps)
        cells = results.of(row.id, dataset)
        distance.cells[f"row/{row.id}"] = average_stored(cells, apart)
        exaggeration.cells[f"row/{row.id}"] = average_stored(cells, beyond)
    return Block("mean", "Mean over all pairs", [distance, exaggeration])


def _remark_constant(
    table: Table,
    rows: Sequence[PlannedRow],
    labels: Phis,
    found: Mapping[str, Mapping[int, Phis]],
) -> None:
    """Say which attributes a row answers alike for every image."""
    varying = {name for pair in labels for name in pair}
    said = []
    for row in rows:
        known = [{name for pair in phis for name in pair} for phis in found[row.id].values()]
        names = [name for name in sorted(varying) if any(name not in one for one in known)]
        if names:
            said.append(f"{row.label}: {', '.join(names).replace('_', ' ')}")
    if said:
        table.remark(f"Answered alike for every image, in at least one seed: {'; '.join(said)}.")
