"""Which rows are compared with their own tasks alone, and what is known of each comparison."""

from __future__ import annotations

from dataclasses import dataclass, replace

from farbench.errors import UserError
from farbench.scoring.per_image import PAIRED
from farbench.tables.measures import Measure, measures
from farbench.tables.results import CellResult, PlannedRow, Results
from farbench.tables.transfer_summary import (
    RESAMPLES,
    Place,
    Summary,
    cells_of,
    read_summaries,
    summarise,
)
from farbench.tasks.base import Task
from farbench.tasks.identity import Identity

TWIN = "-single"
"""What the id of a row whose tasks are trained alone ends in."""

QUICK = 500_000_000
"""Images times draws that are compared unasked, after a run: about five seconds on a free core."""


@dataclass(frozen=True)
class _Pair:
    """The finished cells of a row and of its twin, of the same seeds, that predicted a task."""

    together: tuple[CellResult, ...]
    alone: tuple[CellResult, ...]


@dataclass(frozen=True)
class Found:
    """What is known of the comparisons.

    Attributes:
        summaries: Those that could be had.
        missing: State and reason of the others; the state is empty where the row does not predict
            the task, or nothing beside it.
        new: Whether a summary was made now.
    """

    summaries: dict[Place, Summary]
    missing: dict[Place, tuple[str, str]]
    new: bool


def twins(results: Results) -> list[tuple[PlannedRow, PlannedRow]]:
    """Return each row that has one with the row of its tasks trained alone."""
    rows = {row.id: row for row in results.rows}
    return [
        (rows[twin.id.removesuffix(TWIN)], twin)
        for twin in results.rows
        if twin.alone and twin.id.removesuffix(TWIN) in rows
    ]


def tested(results: Results, dataset: str) -> list[tuple[Task, Measure]]:
    """Return the metrics to compare: of those shown, the means over images, else the usual one."""
    every = measures(results, dataset)
    tasks = {task.name: task for task in results.tasks_of(dataset)}
    wanted: list[str] = []
    for task in tasks.values():
        paired = PAIRED.get(task.kind, ())
        own = [m.info.name for m in every if m.task == task.name and m.info.name in paired]
        wanted += [f"{task.name}.{metric}" for metric in own or paired[:1]]
    if not wanted:
        return []
    found = measures(replace(results, metrics=tuple(wanted)), dataset)
    return [(tasks[measure.task], measure) for measure in found]


def find(
    results: Results,
    pairs: list[tuple[PlannedRow, PlannedRow]],
    shown: dict[str, list[tuple[Task, Measure]]],
    quick: bool,
) -> Found | None:
    """Find kept summaries, and make the others from stored predictions.

    Args:
        results: The benchmark's folder.
        pairs: Rows and their twins.
        shown: Data set to tasks and the metrics to compare.
        quick: Return None where making them would take more than seconds.
    """
    kept = read_summaries(results.folder)
    found = Found({}, {}, False)
    waiting: list[tuple[Place, _Pair, Task]] = []
    draws = 0
    for dataset, chosen in shown.items():
        images = (results.dataset_record(dataset).get("images") or {}).get("test") or 0
        for row, twin in pairs:
            for task, measure in chosen:
                place = (row.id, dataset, task.name, measure.info.name)
                pair = _pair(results, row, twin, dataset, task.name)
                if not pair.together:
                    found.missing[place] = _why(results, row, twin, dataset)
                elif all(len(cell.folders) == 1 for cell in pair.together):
                    found.missing[place] = ("", "")  # it shares with nothing: the same training
                elif place in kept and list(kept[place].cells) == cells_of(
                    pair.together, pair.alone, task.name
                ):
                    found.summaries[place] = kept[place]
                else:
                    waiting.append((place, pair, task))
                    draws += images * RESAMPLES
    if quick and draws > QUICK:
        return None
    for place, pair, task in waiting:
        identity = next(
            (
                one.name
                for one in results.tasks_of(place[1])
                if isinstance(one, Identity) and all(one.name in c.folders for c in pair.together)
            ),
            "",
        )
        try:
            summary = summarise(pair.together, pair.alone, task, place[3], identity)
        except UserError as error:
            found.missing[place] = ("no predictions", str(error))
        else:
            found.summaries[place] = summary
    return replace(found, new=any(place in found.summaries for place, _, _ in waiting))


def _pair(results: Results, row: PlannedRow, twin: PlannedRow, dataset: str, task: str) -> _Pair:
    """Return the cells to compare: of the seeds that both rows finished."""
    both = [
        {c.seed: c for c in results.of(one.id, dataset) if task in c.folders} for one in (row, twin)
    ]
    seeds = [seed for seed in both[0] if seed in both[1]]
    together, alone = (tuple(cells[seed] for seed in seeds) for cells in both)
    return _Pair(together, alone)


def _why(results: Results, row: PlannedRow, twin: PlannedRow, dataset: str) -> tuple[str, str]:
    """Say why a row and its twin have no finished cells in common: state, and reason."""
    gone = [c for one in (row, twin) for c in results.of(one.id, dataset) if not c.finished]
    if not gone:
        return "", ""
    states = [cell.missing for cell in gone]
    state = next(s for s in ("failed", "unreadable", "not run", *states) if s in states)
    return state, next((" ".join(c.reason.split()) for c in gone if c.missing == state), "")
