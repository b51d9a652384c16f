"""Builds the tables of significance: each row against the compared one, attribute by attribute."""

from __future__ import annotations

from farbench.tables.comparisons.evidence import Place
from farbench.tables.comparisons.find import find, refuse_nothing
from farbench.tables.comparisons.lines import line_tables
from farbench.tables.comparisons.tested import places_of, tested
from farbench.tables.comparisons.wording import Wording
from farbench.tables.model import Table
from farbench.tables.options import TableOptions
from farbench.tables.results import Results


def significance_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set, task and metric; none where no row is compared to.

    What is compared again from stored predictions is kept in ``evidence.json``.

    Raises:
        NoPredictions: Neither predictions nor kept comparisons are there, of any row.
        UserError: Comparing takes more than seconds, and the options are not patient.
    """
    wanted = row_places(results)
    if results.compare is None or not wanted:
        return []
    found = find(results, wanted, patient=options.patient)
    refuse_nothing(results, found, "significance")
    label = results.label(results.compare)
    wording = Wording(
        kind="significance",
        own="Score",
        other="",
        only_own="Gained",
        only_other="Lost",
        verdict="Verdict",
        better="better",
        worse="worse",
        read=f"Δ is the row minus {label}{{points}}: {{better}} is better.",
        only=f"Gained: how often, over images and seeds, the row is right and {label} is not; "
        "lost: the reverse.",
        one_seed="With one seed a verdict is on two trainings, not yet on the methods.",
    )
    return line_tables(results, wanted, found, wording)


def row_places(results: Results) -> list[Place]:
    """Return the comparisons of each row with the one that the benchmark compares to."""
    rows = [row.id for row in results.rows]
    if results.compare not in rows:
        return []
    return [
        place
        for dataset in results.datasets
        for row in rows
        if row != results.compare
        for place in places_of(row, results.compare, dataset, tested(results, dataset))
    ]
