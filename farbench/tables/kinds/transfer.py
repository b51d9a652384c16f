"""Builds the tables of transfer: what a task gains or loses where it shares a network."""

from __future__ import annotations

from farbench.tables.comparisons.evidence import Place
from farbench.tables.comparisons.find import Found, Missing, find, refuse_nothing
from farbench.tables.comparisons.lines import line_tables
from farbench.tables.comparisons.tested import places_of, tested
from farbench.tables.comparisons.wording import Wording
from farbench.tables.model import Table
from farbench.tables.options import TableOptions
from farbench.tables.results import PlannedRow, Results

TWIN = "-single"
"""What the id of a row whose tasks are trained alone ends in."""

WORDING = Wording(
    kind="transfer",
    own="Together",
    other="Alone",
    only_own="",
    only_other="",
    only="",
    verdict="Transfer",
    better="positive",
    worse="negative",
    read="Together: one network for all tasks; alone: a network for this task. Δ is together minus "
    "alone{points}: {better} is positive transfer.",
    one_seed="With one seed a verdict is on two trainings, not yet on sharing.",
)


def transfer_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set, task and metric; none where no row is compared with a twin.

    What is compared again from stored predictions is kept in ``evidence.json``.

    Raises:
        NoPredictions: Neither predictions nor kept comparisons are there, of any pair.
        UserError: Comparing takes more than seconds, and the options are not patient.
    """
    wanted = transfer_places(results)
    if not wanted:
        return []
    found = find(results, wanted, patient=options.patient)
    _leave_out_unshared(results, found)
    refuse_nothing(results, found, "transfer")
    return line_tables(results, wanted, found, WORDING)


def transfer_places(results: Results) -> list[Place]:
    """Return the comparisons of rows with their tasks trained alone."""
    return [
        place
        for dataset in results.datasets
        for row, twin in _twins(results)
        for place in places_of(row.id, twin.id, dataset, tested(results, dataset))
    ]


def _twins(results: Results) -> list[tuple[PlannedRow, PlannedRow]]:
    """Return each row that has one with the row of its tasks trained alone."""
    rows = {row.id: row for row in results.rows}
    return [
        (rows[twin.id.removesuffix(TWIN)], twin)
        for twin in results.rows
        if twin.alone and twin.id.removesuffix(TWIN) in rows
    ]


def _leave_out_unshared(results: Results, found: Found) -> None:
    """Say nothing of rows that have a single task: they share with nothing."""
    for place in [*found.findings, *found.missing]:
        cells = [cell for cell in results.of(place.row, place.dataset) if cell.finished]
        if cells and all(len(cell.folders) == 1 for cell in cells):
            found.findings.pop(place, None)
            found.missing[place] = Missing("")
