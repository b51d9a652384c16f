"""Marks the gains over the compared row that hold, and says by what test."""

from __future__ import annotations

from collections.abc import Sequence

from farbench.scoring.paired import RESAMPLES
from farbench.tables.comparisons.evidence import Finding, Place
from farbench.tables.comparisons.find import NO_PREDICTIONS, TOO_LONG, Found, find
from farbench.tables.comparisons.lines import adjusted, verdict_of
from farbench.tables.comparisons.tested import is_tested
from farbench.tables.comparisons.wording import ALPHA, drawn_from
from farbench.tables.measures import measures
from farbench.tables.model import Row, Table
from farbench.tables.results import Results


def add_daggers(table: Table, results: Results, rows: Sequence[Row], *, patient: bool) -> None:
    """Flag each number that is better than the compared row's at 5%.

    A column's rows are one family for Holm's correction.

    Args:
        table: Gets remarks on the test.
        results: The benchmark's folder, with a row to compare to.
        rows: The measured rows of the table.
        patient: Whether to make comparisons that take more than seconds.
    """
    other = results.compare or ""
    columns = [
        (dataset, measure)
        for dataset in results.datasets
        for measure in measures(results, dataset)
        if is_tested(results, dataset, measure)
    ]
    places = {
        (dataset, measure.key): {
            row.id: Place(row.id, other, dataset, measure.task, measure.info.name)
            for row in rows
            if row.id != other
        }
        for dataset, measure in columns
    }
    wanted = [place for of in places.values() for place in of.values()]
    found = find(results, wanted, patient=patient)
    tested: list[Finding] = []
    for dataset, measure in columns:
        of = places[dataset, measure.key]
        findings = [found.findings[place] for place in of.values() if place in found.findings]
        p_of = adjusted(findings)
        tested += [one for one in findings if one.place in p_of]
        for row in rows:
            place = of.get(row.id)
            whole = found.findings[place].compared.whole if place in p_of else None
            if place is not None and whole is not None:
                better = measure.info.higher_is_better
                told = verdict_of(whole.difference, p_of[place], higher_is_better=better)
                row.cells[f"{dataset}/{measure.key}"].dagger = told > 0
    for remark in _remarks(results, rows, tested, found):
        table.remark(remark)


def _remarks(
    results: Results, rows: Sequence[Row], tested: Sequence[Finding], found: Found
) -> list[str]:
    """Say what a dagger is, and what is not tested, and why."""
    label = results.label(results.compare or "")
    remarks = []
    if tested:
        any_dagger = any(cell.dagger for row in rows for cell in row.cells.values())
        told = "† better than" if any_dagger else "No number is better than that of"
        remarks.append(
            f"{told} {label} at {ALPHA:.0%} after Holm's correction for the rows of its column: "
            f"paired bootstrap over {drawn_from(tested)}, {RESAMPLES:,} draws."
        )
    untested = dict.fromkeys(
        measure.title
        for dataset in results.datasets
        for measure in measures(results, dataset)
        if measure.task and not is_tested(results, dataset, measure)
    )
    if untested:
        remarks.append(
            f"Not tested against {label}, as no means over images: {', '.join(untested)}."
        )
    if found.lacking(TOO_LONG):
        remarks.append(
            f"Not tested against {label} yet: `farbench table --kind significance` does it in "
            f"about {found.seconds:.0f} s, and keeps it."
        )
    if lacking := found.lacking(NO_PREDICTIONS):
        which = dict.fromkeys(results.label(place.row) for place in lacking)
        of = f" of {', '.join(which)}" if tested else ""
        remarks.append(f"Not tested against {label}: no predictions{of} are stored.")
    return remarks
