"""Finds comparisons of rows: kept ones, and others made from stored predictions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from farbench.errors import UserError
from farbench.scoring.paired import RESAMPLES
from farbench.store.cells import PREDICTIONS
from farbench.tables.cells import GONE, CellResult
from farbench.tables.comparisons.evidence import (
    FILE,
    Evidence,
    Finding,
    Place,
    cell_name,
    read_evidence,
    write_evidence,
)
from farbench.tables.comparisons.make import Waiting, absent, add_digest, make
from farbench.tables.results import Results
from farbench.tables.stored import NoPredictions
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task

QUICK = 500_000_000
"""Images times draws that are compared unasked: some five seconds on a free core."""

BATCH = 4
"""Pairs of rows that share the draws of one bootstrap; bounds the memory."""

TOO_LONG = "too long"
NO_PREDICTIONS = "no predictions"
SAME = "same training"


@dataclass(frozen=True)
class Missing:
    """Why there is no comparison.

    Attributes:
        state: "failed", "not run", ... of the cells, or one of the constants above; empty where
            there is nothing to say: a row does not predict the task.
        reason: One line; may be empty.
    """

    state: str
    reason: str = ""


@dataclass
class Found:
    """The comparisons that were asked for.

    Attributes:
        findings: Those that could be had.
        missing: Why the others could not.
        seconds: About how long it takes to make those that were left out as too long.
    """

    findings: dict[Place, Finding] = field(default_factory=dict)
    missing: dict[Place, Missing] = field(default_factory=dict)
    seconds: float = 0.0

    def lacking(self, state: str) -> list[Place]:
        """Return what is missing for one reason."""
        return [place for place, why in self.missing.items() if why.state == state]


def find(results: Results, places: Iterable[Place], *, patient: bool = False) -> Found:
    """Find comparisons, and keep those that are made now.

    With ``results.attributes`` they are of these attributes alone, and are not kept.

    Args:
        results: The benchmark's folder.
        places: What to compare.
        patient: Whether to make those that take more than seconds as well.
    """
    kept = read_evidence(results.folder)
    found = Found()
    waiting: list[Waiting] = []
    for place in dict.fromkeys(places):
        task = next(one for one in results.tasks_of(place.dataset) if one.name == place.task)
        pair = _pair(results, place, task)
        have = kept.findings.get(place) if _chosen(results, task) is None else None
        if isinstance(pair, Missing):
            found.missing[place] = pair
        elif have is not None and have.cells == pair.cells:
            found.findings[place] = have
        elif lacks := _without_predictions(pair):
            found.missing[place] = lacks
        else:
            waiting.append(pair)
    work = _work(results, waiting)
    if work > QUICK and not patient:
        found.missing |= {one.place: Missing(TOO_LONG) for one in waiting}
        found.seconds = 5 * work / QUICK
        return found
    for batch in _batches(waiting):
        chosen = _chosen(results, batch[0].task)
        made, failed = make(results, batch, chosen, kept.digests)
        found.findings |= made
        found.missing |= {place: Missing(NO_PREDICTIONS, why) for place, why in failed.items()}
        kept.findings |= made if chosen is None else {}
        save(results, kept)
    return found


def refuse_nothing(results: Results, found: Found, kind: str) -> None:
    """Refuse a table for which no comparison could be had.

    Raises:
        NoPredictions: Neither predictions nor kept comparisons are there.
        UserError: Making them takes more than seconds, and nobody asked for that.
    """
    if found.findings:
        return
    if lacking := found.lacking(NO_PREDICTIONS):
        reason = found.missing[lacking[0]].reason
        raise NoPredictions(f"{FILE} holds nothing of these cells, and {reason}")
    if found.lacking(TOO_LONG):
        raise UserError(
            f"comparing these rows takes about {found.seconds:.0f} s: "
            f"`farbench table {results.folder} --kind {kind}` does it, and keeps the outcome."
        )


def note_predictions(results: Results) -> None:
    """Keep a digest of what each finished cell predicted, to find rows that are alike."""
    kept = read_evidence(results.folder)
    before = sum(map(len, kept.digests.values()))
    for cell in results.finished():
        for task in cell.folders:
            with contextlib.suppress(UserError):  # a damaged file has none
                add_digest(kept.digests, cell_name(results, cell, task), cell, task)
    if sum(map(len, kept.digests.values())) > before:
        save(results, kept)


def save(results: Results, evidence: Evidence) -> None:
    """Keep evidence in the benchmark's folder, also that of rows that are not shown."""
    current = {
        cell_name(results, cell, task) for cell in results.planned.values() for task in cell.folders
    }
    write_evidence(results.folder, evidence, current)


def _chosen(results: Results, task: Task) -> tuple[str, ...] | None:
    """Return the attributes that are compared alone; None where all are."""
    if not (results.attributes and isinstance(task, BinaryAttributes)):
        return None
    return tuple(name for name in results.attributes if name in task.attributes)


def _pair(results: Results, place: Place, task: Task) -> Waiting | Missing:
    """Return the cells to compare: of the seeds that both rows finished."""
    rows = (place.row, place.other)
    both = [
        {c.seed: c for c in results.of(row, place.dataset) if task.name in c.folders}
        for row in rows
    ]
    seeds = [seed for seed in both[0] if seed in both[1]]
    if not seeds:
        return _why(results, place)
    own, other = (tuple(cells[seed] for seed in seeds) for cells in both)
    names = [tuple(cell_name(results, cell, task.name) for cell in cells) for cells in (own, other)]
    keys = [[key_of(results, cell, task.name) for cell in cells] for cells in (own, other)]
    if keys[0] == keys[1]:
        return Missing(SAME)
    if _chosen(results, task) == ():
        return Missing("")
    return Waiting(place, task, own, other, (*names[0], *names[1]))


def key_of(results: Results, cell: CellResult, task: str) -> str:
    """Return the key of the training that predicted a task."""
    folder = cell.folders[task].name
    identity = results.planned[folder].record.get("identity") or {}
    return str(identity.get("key") or folder)


def _why(results: Results, place: Place) -> Missing:
    """Say why two rows have no finished cells in common."""
    cells = [c for row in (place.row, place.other) for c in results.of(row, place.dataset)]
    gone = [cell for cell in cells if not cell.finished]
    if not gone:
        both = all(
            any(place.task in cell.folders for cell in results.of(row, place.dataset))
            for row in (place.row, place.other)
        )
        return Missing("no common seed" if both else "")
    states = [cell.missing for cell in gone]
    state = next(s for s in GONE if s in states)
    reason = next((cell.reason for cell in gone if cell.missing == state), "")
    return Missing(state, " ".join(reason.split()))


def _without_predictions(pair: Waiting) -> Missing | None:
    """Say that a cell has no predictions, where one has none."""
    for cell in (*pair.own, *pair.other):
        folder = cell.folders[pair.task.name]
        if not (folder / PREDICTIONS["test"]).is_file():
            return Missing(NO_PREDICTIONS, absent(folder))
    return None


def _work(results: Results, waiting: Sequence[Waiting]) -> int:
    """Return images times draws: those that pairs share, and half as many for each pair."""
    images = {
        dataset: int((results.dataset_record(dataset).get("images") or {}).get("test") or 0)
        for dataset in {one.place.dataset for one in waiting}
    }
    own = sum(images[one.place.dataset] for one in waiting)
    shared = sum(images[batch[0].place.dataset] for batch in _batches(waiting))
    return RESAMPLES * (shared + own // 2)


def _batches(waiting: Sequence[Waiting]) -> list[list[Waiting]]:
    """Put together what shares images: pairs of one data set and task, some at a time."""
    groups: dict[tuple[str, str], dict[tuple[str, str], list[Waiting]]] = {}
    for one in waiting:
        pairs = groups.setdefault((one.place.dataset, one.place.task), {})
        pairs.setdefault((one.place.row, one.place.other), []).append(one)
    batches = []
    for pairs in groups.values():
        every = list(pairs.values())
        for start in range(0, len(every), BATCH):
            batches.append([one for pair in every[start : start + BATCH] for one in pair])
    return batches
