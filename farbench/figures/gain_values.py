"""What each row gains over the compared one, attribute by attribute, from the stored scores."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.request import FigureRequest
from farbench.scoring.per_detail import DETAILS
from farbench.tables.caption import dataset_title
from farbench.tables.cells import CellResult
from farbench.tables.comparisons.evidence import Place
from farbench.tables.comparisons.find import find
from farbench.tables.comparisons.lines import adjusted, adjusted_details
from farbench.tables.comparisons.tested import is_tested
from farbench.tables.comparisons.wording import ALPHA
from farbench.tables.measures import ATTRIBUTES, Measure
from farbench.tables.results import PlannedRow, Results


@dataclass(frozen=True)
class Panel:
    """The gains on one data set.

    Attributes:
        title: The data set.
        measure: The metric.
        names: K attributes, those of a group together.
        groups: Name and number of attributes of each group; empty without groups.
        rows: Labels of R rows.
        gains: ``(K + 1, R)``, in the unit of tables, above 0 where the number grew, NaN where it
            is unknown; the last line is that of the mean of the attributes, and for other tasks
            that of the metric itself.
        seeds: How many seeds the gains are means of, at most.
        holds: ``(K + 1, R)``, whether a gain or loss holds at 5% as in the tables of significance;
            None where nothing was tested.
    """

    title: str
    measure: Measure
    names: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    rows: tuple[str, ...]
    gains: NDArray[np.float64]
    seeds: int
    holds: NDArray[np.bool_] | None


def read_panels(results: Results, request: FigureRequest, compared: str) -> list[Panel]:
    """Read the gains of the rows that are asked for over a row, data set by data set.

    Raises:
        UserError: There are no other rows, or no values for each attribute.
    """
    rows = [row for row in request.rows_of(results) if row.id != compared]
    if not rows:
        raise UserError(
            f"gains are differences to the row '{compared}', and no other row of {results.folder} "
            "is asked for. Choose others with --rows, or run a benchmark of several rows."
        )
    chosen = request.measures_of(results)
    every = {dataset: _first(results, dataset, found) for dataset, found in chosen.items()}
    measured = {dataset: one for dataset, one in every.items() if one is not None}
    if not measured:
        asked = request.metric or ", ".join(m.key for found in chosen.values() for m in found)
        stored = {
            key
            for cell in results.finished()
            for task, scores in cell.scores.items()
            for key in _detailed(task, scores)
        }
        raise UserError(
            f"no cell of {results.folder} stores {asked} for each attribute, class or point; "
            f"stored so are: {', '.join(sorted(stored)) or 'none'}. Choose one with --metric."
        )
    names = {d: _names(results, d, measure) for d, measure in measured.items()}
    request.attributes_of(tuple(dict.fromkeys(name for own in names.values() for name in own)))
    panels = []
    for dataset, measure in measured.items():
        shown = [name for name in names[dataset] if name in (request.attributes or names[dataset])]
        panel = _panel(results, dataset, measure, shown, rows, compared)
        if not request.attributes:  # a family of tests is all attributes
            panel = replace(panel, holds=_holds(results, dataset, panel, rows, compared))
        if shown and np.isfinite(panel.gains).any():
            panels.append(panel)
    if not panels:
        raise UserError(
            f"no row that is asked for and '{compared}' are finished with the same seed on the "
            f"same data set: `farbench table {results.folder}` says what is missing."
        )
    return panels


def _detailed(task: str, scores: dict[str, Any]) -> list[str]:
    """Return the metrics of a task that are stored for each attribute, class, point or decade."""
    found = [key.rpartition("_per_") for key in scores if isinstance(scores[key], dict)]
    bare = task == ATTRIBUTES
    metrics = [metric for metric, _, what in found if what in DETAILS.values()]
    return [metric if bare else f"{task}.{metric}" for metric in metrics]


def _first(results: Results, dataset: str, found: Sequence[Measure]) -> Measure | None:
    """Return the first metric that is stored for each attribute."""
    for measure in found:
        if any(_details(cell, measure) for cell in results.finished(dataset)):
            return measure
    return None


def _details(cell: CellResult, measure: Measure) -> dict[str, float | None]:
    for what in DETAILS.values():
        held = measure.detail(cell, f"{measure.info.name}_per_{what}")
        if isinstance(held, dict):
            return held
    return {}


def _names(results: Results, dataset: str, measure: Measure) -> list[str]:
    found: dict[str, None] = {}
    for cell in results.finished(dataset):
        found |= dict.fromkeys(_details(cell, measure))
    return list(found)


def _panel(
    results: Results,
    dataset: str,
    measure: Measure,
    names: Sequence[str],
    rows: Sequence[PlannedRow],
    compared: str,
) -> Panel:
    groups = _groups(results, dataset, rows) if measure.task == ATTRIBUTES else {}
    ordered = [name for members in groups.values() for name in members if name in names]
    counts = [(group, sum(name in names for name in own)) for group, own in groups.items()]
    rest = [name for name in names if name not in ordered]
    if groups and rest:
        counts.append(("no group", len(rest)))
    shown = [*ordered, *rest]
    bases = {cell.seed: cell for cell in results.of(compared, dataset) if cell.finished}
    attributes = tuple(shown) if measure.task == ATTRIBUTES else ()
    whole = replace(measure, attributes=attributes)
    gains = np.full((len(shown) + 1, len(rows)), np.nan)
    seeds = 0
    for column, row in enumerate(rows):
        cells = [c for c in results.of(row.id, dataset) if c.finished and c.seed in bases]
        pairs = [(cell, bases[cell.seed]) for cell in cells]
        seeds = max(seeds, len(pairs))
        for line, name in enumerate(shown):
            gains[line, column] = _gain(
                [tuple(_details(cell, measure).get(name) for cell in pair) for pair in pairs]
            )
        gains[-1, column] = _gain([tuple(whole.of(cell) for cell in pair) for pair in pairs])
    return Panel(
        dataset_title(results, dataset) if len(results.datasets) > 1 else "",
        measure,
        tuple(shown),
        tuple((group, count) for group, count in counts if count),
        tuple(row.label for row in rows),
        gains * (100 if measure.info.percent else 1),
        seeds,
        None,
    )


def _holds(
    results: Results, dataset: str, panel: Panel, rows: Sequence[PlannedRow], compared: str
) -> NDArray[np.bool_] | None:
    """Return which gains hold; None where none is tested, or that takes more than seconds."""
    measure = panel.measure
    if not is_tested(results, dataset, measure):
        return None
    task, metric = measure.task, measure.info.name
    places = [Place(row.id, compared, dataset, task, metric) for row in rows]
    found = find(results, places).findings
    findings = list(found.values())
    whole, details = adjusted(findings), adjusted_details(findings)
    if not whole and not details:
        return None
    p = [
        [*(details.get((place, name), 1.0) for name in panel.names), whole.get(place, 1.0)]
        for place in places
    ]
    return np.array(p).T < ALPHA


def _gain(pairs: Sequence[tuple[float | None, ...]]) -> float:
    """Return the mean difference of the pairs of which both are known; NaN where none is."""
    known = [own - base for own, base in pairs if own is not None and base is not None]
    return statistics.fmean(known) if known else float("nan")


def _groups(
    results: Results, dataset: str, rows: Sequence[PlannedRow]
) -> dict[str, tuple[str, ...]]:
    """Return the grouping that most rows recorded, the first of equals; {} where none did."""
    recorded: list[tuple[tuple[str, tuple[str, ...]], ...]] = []
    for row in rows:
        for cell in results.of(row.id, dataset)[:1]:
            every = (cell.record.get("attributes") or {}).get(ATTRIBUTES) or []
            columns = cell.record.get("groups") or {}
            if every and len(columns) > 1:
                recorded.append(
                    tuple((group, tuple(every[i] for i in own)) for group, own in columns.items())
                )
    most = Counter(recorded).most_common(1)
    return dict(most[0][0]) if most else {}
