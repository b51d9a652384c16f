"""Remarks on a whole table: what metrics leave out, notes of data sets and of the plan, costs."""

from __future__ import annotations

from farbench.scoring.catalogue import METRIC_VERSION
from farbench.tables import costs
from farbench.tables.caption import dataset_title
from farbench.tables.measures import measures
from farbench.tables.model import Table
from farbench.tables.results import Results
from farbench.tables.values import attribute_names


def add_remarks(table: Table, results: Results) -> None:
    """Add what concerns the whole table, whatever its kind."""
    for dataset in results.datasets:
        for remark in (
            *_left_out(results, dataset),
            *_versions(results, dataset),
            *_notes(results, dataset),
        ):
            table.remark(remark)
    every = [one for dataset in results.datasets for one in measures(results, dataset)]
    shown = dict.fromkeys(one.info for one in every if not one.task)
    for remark in costs.remarks([cell.record for cell in results.finished()], list(shown)):
        table.remark(remark)
    for row in results.rows:
        changed = [
            pair
            for key, value in row.protocol.items()
            if key != "name"
            for pair in _changes(key, value)
        ]
        if changed:
            table.remark(f"{row.label} changes the protocol: {', '.join(changed)}.")
    # The plan repeats what the data sets' own notes say, by their names.
    said = {
        f"{dataset}: {note}"
        for dataset in results.datasets
        for note in results.dataset_record(dataset).get("notes") or ()
    }
    for note in results.notes:
        if note not in said:
            table.remark(note)


def _left_out(results: Results, dataset: str) -> list[str]:
    """Say of how many attributes a mean is not."""
    found = []
    for measure in measures(results, dataset):
        left = max((measure.left_out(cell) for cell in results.finished(dataset)), default=0)
        total = len(measure.attributes) or len(attribute_names(results, dataset))
        if left:
            found.append(
                f"{measure.info.label} on {dataset_title(results, dataset)} leaves out {left} of "
                f"{total} attributes: undefined on this split."
            )
    return found


def _versions(results: Results, dataset: str) -> list[str]:
    """Warn of scores by other definitions than this farbench's."""
    versions = {
        scores.get("metric_version", METRIC_VERSION)
        for cell in results.finished(dataset)
        for scores in cell.scores.values()
    }
    if not versions - {METRIC_VERSION}:
        return []
    listed = ", ".join(map(str, sorted(versions)))
    return [
        f"{dataset_title(results, dataset)}: scored with metric version {listed}, "
        f"this farbench has {METRIC_VERSION}."
    ]


def _notes(results: Results, dataset: str) -> list[str]:
    notes = results.dataset_record(dataset).get("notes") or ()
    return [f"{dataset_title(results, dataset)}: {note}" for note in notes]


def _changes(key: str, value: object) -> list[str]:
    """Return what a row sets of the protocol: ``loss focal(gamma=2)``, ``images.train 0.1``."""
    if isinstance(value, dict) and value and "name" not in value:
        return [pair for inner, one in value.items() for pair in _changes(f"{key}.{inner}", one)]
    return [f"{key} {_in_words(value)}"]


def _in_words(value: object) -> str:
    """Return a value of a protocol: a plugin with options is ``"focal(gamma=2)"``."""
    if not isinstance(value, dict):
        return str(value)
    options = {key: one for key, one in value.items() if key != "name"}
    listed = ", ".join(f"{key}={_in_words(one)}" for key, one in options.items())
    return f"{value.get('name', '')}({listed})" if listed else str(value.get("name", "{}"))
