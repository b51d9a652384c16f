"""Writes tables as long CSV: one line a number, raw fractions, standard deviation and n."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from farbench.tables.model import Table

FIELDS = (
    "table",
    "block",
    "row",
    "label",
    "marks",
    "column",
    "dataset",
    "metric",
    "value",
    "std",
    "n",
    "dagger",
    "missing",
    "note",
)


def write(tables: Sequence[Table]) -> str:
    """Return all tables below one header; empty cells that nothing explains are left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for table in tables:
        marks = [column for column in table.columns if column.kind == "mark"]
        notes = {letter: text for letter, text in table.footnotes if letter}
        for block in table.blocks:
            for row in block.rows:
                ticked = "+".join(column.title for column in marks if row.cell(column).mark)
                for column in table.columns:
                    cell = row.cell(column)
                    if column.kind != "number" or (cell.value is None and not cell.missing):
                        continue
                    writer.writerow(
                        (
                            table.name,
                            block.kind,
                            row.id,
                            row.cells["label"].text,
                            ticked,
                            column.title,
                            column.dataset,
                            column.metric,
                            "" if cell.value is None else repr(cell.value),
                            "" if cell.std is None else repr(cell.std),
                            cell.n,
                            "yes" if cell.dagger else "",
                            cell.missing if cell.value is None else "",
                            " ".join(
                                notes[letter]
                                for held in (row.cells["label"].note, cell.note)
                                for letter in held.split(", ")
                                if letter
                            ),
                        )
                    )
    return out.getvalue()
