"""The gate: a benchmark's folder against a baseline file, or against another folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from farbench.errors import UserError, unknown_name
from farbench.gate.baseline import read_baseline
from farbench.gate.judge import PairedError, judge, no_predictions, notes
from farbench.gate.limits import parse_limits
from farbench.gate.outcome import Verdict
from farbench.gate.paired import PairedErrors
from farbench.gate.snapshot import Snapshot, snapshot
from farbench.store.cells import PLAN
from farbench.tables.measures import check_metrics
from farbench.tables.results import Results, find_benchmark, read_results


def take(folder: Path) -> Snapshot:
    """Return what is to be kept of a results root or a benchmark's folder in it.

    Raises:
        UserError: There are no results.
    """
    return snapshot(_read(folder), baseline=True)


def check(
    folder: Path,
    baseline: Path,
    tolerances: Sequence[str] = (),
    speed: float | None = None,
    *,
    rows: Sequence[str] = (),
    allow_missing: bool = False,
    all_comparable: bool = False,
) -> Verdict:
    """Compare results with a baseline.

    Args:
        folder: A results root, or a benchmark's folder in it.
        baseline: A file of ``farbench baseline``. A folder of results works too; then predictions
            of both sides, where they are, tell noise from change.
        tolerances: ``METRIC=POINTS`` or ``METRIC=Nsigma``.
        speed: How many times slower training may be; None: it is not judged.
        rows: Ids of the rows to judge; empty for all.
        allow_missing: What vanished passes.
        all_comparable: What cannot be compared fails.

    Raises:
        UserError: There are no results, the baseline cannot be read or is of another benchmark, or
            a tolerance or row is wrong.
    """
    paired: PairedError = no_predictions
    if baseline.is_dir():
        kept = _read(baseline)
        before = snapshot(kept, baseline=True)
        results = _read(folder, before.benchmark)
        paired = PairedErrors(kept, results)
    else:
        before = read_baseline(baseline)
        results = _read(folder, before.benchmark)
    if results.name != before.benchmark:
        raise UserError(
            f"baseline {baseline} is of benchmark '{before.benchmark}', {results.folder} of "
            f"'{results.name}'. Give the folder of '{before.benchmark}'."
        )
    after = snapshot(results)
    if rows:
        known = [*dict.fromkeys([*after.rows, *before.rows])]
        for row in rows:
            if row not in known:
                raise unknown_name("row", row, known, "--rows")
        before, after = _only(before, rows), _only(after, rows)
    measured = {
        (name, metric)
        for datasets in before.rows.values()
        for row in datasets.values()
        for name, task in row.tasks.items()
        for trained in task.seeds.values()
        for metric in trained.metrics
    }
    limits = parse_limits(tolerances, speed, measured)
    return Verdict(
        benchmark=before.benchmark,
        judgements=judge(before, after, limits, paired),
        notes=tuple(notes(before, after)),
        allow_missing=allow_missing,
        all_comparable=all_comparable,
    )


def _only(taken: Snapshot, rows: Sequence[str]) -> Snapshot:
    """Return a snapshot of some rows."""
    kept = {row: numbers for row, numbers in taken.rows.items() if row in rows}
    return taken.model_copy(update={"rows": kept})


def _read(folder: Path, benchmark: str = "") -> Results:
    """Read a benchmark's folder; of a root that holds several, that of a given name."""
    named = folder / benchmark
    found = named if benchmark and (named / PLAN).is_file() else find_benchmark(folder)
    results = read_results(found)
    check_metrics(results)
    return results
