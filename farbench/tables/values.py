"""The cells that tables share: means over seeds, the majority reference, and remarks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from farbench.scoring.attributes import majority_from_prevalence
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.tables import costs
from farbench.tables.caption import dataset_title
from farbench.tables.measures import ATTRIBUTES, Measure, measures
from farbench.tables.model import Cell, Table
from farbench.tables.results import CellResult, PlannedRow, Results
from farbench.tasks.attributes import BinaryAttributes


def mean_over_seeds(
    table: Table, results: Results, row: PlannedRow, dataset: str, measure: Measure
) -> Cell:
    """Average a metric over seeds; say why where it is missing."""
    cells = results.of(row.id, dataset)
    cell = average(cells, measure.of)
    cell.folders = tuple(
        folder.name
        for one in cells
        if one.finished and measure.of(one) is not None
        for task, folder in one.folders.items()
        if task == measure.task or not measure.task
    )
    gone = [c for c in cells if not c.finished]
    unscored = [c for c in cells if measure.unscored(c)]
    reasons = [
        f"{row.label}, {dataset_title(results, dataset)}, seed {c.seed}: {c.missing}"
        + (f" ({_one_line(c.reason)})" if c.reason else "")
        for c in gone
        if c.reason or cell.value is not None
    ]
    if cell.value is not None and gone:
        reasons.insert(0, f"n = {cell.n} of {len(cells)} seeds")
    if cell.value is None:
        states = [c.missing for c in gone]
        cell.missing = next((s for s in ("failed", "unreadable", "not run") if s in states), "–")
        if not (gone or unscored) and any(measure.task in c.scores for c in cells):
            reasons.append(f"{measure.info.label} is undefined on this split")
    if unscored:
        which = "" if len(unscored) == len(cells) else f" of {len(unscored)} of {len(cells)} seeds"
        reasons.append(
            f"these scores{which} are older than {measure.info.label}: `farbench rescore` adds it "
            "where predictions are stored"
        )
    if not measure.task:
        if cell.std == 0:  # what is counted, not measured, is the same with every seed
            cell.std = None
        reasons += costs.reasons([c.record for c in cells if c.finished], measure.info)
    if reasons:
        cell.note = table.note("; ".join(reasons))
    return cell


def average(cells: list[CellResult], pick: Callable[[CellResult], float | None]) -> Cell:
    """Return the mean and the sample standard deviation over the seeds that have a value."""
    used = [(value, c) for c in cells if c.finished and (value := pick(c)) is not None]
    if not used:
        return Cell()
    values = [value for value, _ in used]
    mean, std = math.fsum(values) / len(values), None
    if len(values) > 1:  # `statistics` calculates in fractions, fifty times slower
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    folders = tuple(name for _, c in used for name in c.folder_names)
    return Cell(mean, std, len(values), folders=folders)


def majority(results: Results, dataset: str) -> dict[str, Any] | None:
    """Score the constant predictor from what any finished cell of the data set recorded."""
    for cell in results.finished(dataset):
        names = (cell.record.get("attributes") or {}).get("attributes") or []
        train = (cell.record.get("train_prevalence") or {}).get("attributes")
        test = (cell.scores.get(ATTRIBUTES) or {}).get("prevalence_per_attribute")
        if train and test and len(train) == len(names):
            return majority_from_prevalence(train, [test.get(name) for name in names], names)
    return None


def constant_predictor(results: Results, dataset: str, measure: Measure) -> float | None:
    """Return what a predictor that sees no image scores; None where that says nothing."""
    if measure.task == ATTRIBUTES:
        scores = majority(results, dataset) or {}
        if measure.attributes:
            return measure.mean_of(scores.get(f"{measure.info.name}_per_attribute") or {})
        value = scores.get(measure.info.name)
        return value if isinstance(value, float) else None
    for cell in results.finished(dataset):
        reference = measure.detail(cell, "reference") or {}
        if reference.get(measure.info.name) is not None:
            return float(reference[measure.info.name])
    return None


def attribute_names(results: Results, dataset: str) -> list[str]:
    """Return the attributes of a data set in column order."""
    for task in results.tasks_of(dataset):
        if isinstance(task, BinaryAttributes):
            return list(task.attributes)
    return []


def add_remarks(table: Table, results: Results) -> None:
    """Add what concerns the whole table: attributes left out, versions, notes of data sets."""
    for dataset in results.datasets:
        title = dataset_title(results, dataset)
        finished = results.finished(dataset)
        for measure in measures(results, dataset):
            left = max((measure.left_out(cell) for cell in finished), default=0)
            total = len(measure.attributes) or len(attribute_names(results, dataset))
            if left:
                table.remark(
                    f"{measure.info.label} on {title} leaves out {left} of {total} attributes: "
                    "undefined on this split."
                )
        versions = {
            scores.get("metric_version", METRIC_VERSION)
            for c in finished
            for scores in c.scores.values()
        }
        if versions - {METRIC_VERSION}:
            table.remark(
                f"{title}: scored with metric version {', '.join(map(str, sorted(versions)))}, "
                f"this farbench has {METRIC_VERSION}."
            )
        for note in results.dataset_record(dataset).get("notes") or ():
            table.remark(f"{title}: {note}")
    records = [cell.record for cell in results.finished()]
    every = [one for dataset in results.datasets for one in measures(results, dataset)]
    shown = dict.fromkeys(one.info for one in every if not one.task)
    for remark in costs.remarks(records, list(shown)):
        table.remark(remark)
    for row in results.rows:
        changed = {key: value for key, value in row.protocol.items() if key != "name"}
        if changed:
            pairs = ", ".join(f"{key} {_in_words(value)}" for key, value in changed.items())
            table.remark(f"{row.label} changes the protocol: {pairs}.")
    said = {
        f"{dataset}: {note}"
        for dataset in results.datasets
        for note in results.dataset_record(dataset).get("notes") or ()
    }
    for note in results.notes:
        if note not in said:
            table.remark(note)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _in_words(value: object) -> str:
    """Return a value of a protocol: a plugin with options is ``"focal(gamma=2)"``."""
    if not isinstance(value, dict):
        return str(value)
    options = {key: one for key, one in value.items() if key != "name"}
    listed = ", ".join(f"{key}={_in_words(one)}" for key, one in options.items())
    return f"{value.get('name', '')}({listed})" if listed else str(value.get("name", "{}"))
