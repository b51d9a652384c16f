"""The record of a finished cell, read again: tasks, statistics and data set, as of any version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.store.atomic import check_format, read_json
from farbench.store.cells import CELL, SCHEMA
from farbench.store.shapes import CELL as CELL_SHAPE
from farbench.store.shapes import Shape, check_shape
from farbench.tasks.base import Task, TrainStatistics
from farbench.tasks.scalar import Scalar

AGAIN = "Run the cell again."
EXPORTED = "farbench.json"
"""In an exported folder: the record of the cell (under "cell") and what people want to know."""


NEEDED: Shape = {
    "row!": str,
    "seed!": int,
    "method!": {"name!": str, "options!": {...: object}},
    "protocol!": {...: object},
    "dataset!": {"name!": str, "title!": str, "options!": {...: object}, "images!": {...: int}},
    "identity!": {"key!": str, "recipe!": {"training!": {...: object}}},
    "statistics": {
        ...: {"prevalence!": [float], "mean!": [float], "std!": [float], "identities!": int}
    },
}
"""What of ``cell.json`` is needed to load its network, whichever version wrote it."""


def read_trained_record(folder: Path) -> dict[str, Any]:
    """Return the record of a finished cell, or of an exported one.

    Raises:
        UserError: The folder holds none, or the cell is not finished.
    """
    path = folder / (EXPORTED if (folder / EXPORTED).is_file() else CELL)
    if not path.is_file():
        raise UserError(f"{folder} is no folder of a cell: it has no {CELL}.")
    record = read_json(path)
    if path.name == EXPORTED and isinstance(record, dict):
        record = record.get("cell")
    if isinstance(record, dict):
        check_format(folder, record.get("schema"), SCHEMA)
    if not isinstance(record, dict) or "protocol" not in record:
        raise UserError(f"{folder} holds no record of a cell.")
    name = "cell" if path.name == EXPORTED else ""
    check_shape(path, record, CELL_SHAPE, AGAIN, name)
    if record.get("status") != "finished":
        why = f": {record['error']}" if record.get("error") else ""
        raise UserError(f"{folder} is not finished ({record.get('status')}{why}). Run it first.")
    check_shape(path, record, NEEDED, AGAIN, name)
    return record


def training_recipe(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe of the last stage."""
    training: dict[str, Any] = record["identity"]["recipe"]["training"]
    return training


def made_by(record: Mapping[str, Any]) -> str:
    """Say with which version the cell was made."""
    environment = record.get("environment") or {}
    version, commit = environment.get("farbench", "unknown"), environment.get("commit")
    return f"it was made by farbench {version}" + (f", commit {commit}" if commit else "")


def statistics_of(record: Mapping[str, Any], tasks: tuple[Task, ...]) -> dict[str, TrainStatistics]:
    """Return the train statistics; of earlier cells what is known of them, the rest neutral.

    A network is built with them, but only its initial weights depend on them.
    """
    stored = record.get("statistics") or {}
    shares = record.get("train_prevalence") or {}
    return {
        task.name: _read_statistics(stored[task.name])
        if task.name in stored
        else _neutral(task, shares.get(task.name))
        for task in tasks
    }


def _read_statistics(stored: Mapping[str, Any]) -> TrainStatistics:
    return TrainStatistics(
        tuple(stored["prevalence"]),
        tuple(stored["mean"]),
        tuple(stored["std"]),
        stored["identities"],
    )


def _neutral(task: Task, shares: list[float] | None) -> TrainStatistics:
    if isinstance(task, Scalar):
        return TrainStatistics()  # `check_decodes` tells; 0 and 1 would give wrong numbers
    return TrainStatistics(
        prevalence=tuple(shares or (0.5,) * task.outputs), mean=(0.5,) * task.outputs
    )


def entries_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the data set as a benchmark file has it; cells of earlier versions: its options."""
    dataset = record["dataset"]
    if dataset.get("entries"):
        return list(dataset["entries"])
    name, options = dataset["name"], dataset["options"]
    if "+" in name:
        return [{"name": part, **dict(options.get(part) or {})} for part in name.split("+")]
    return [{"name": name, **options}]


def alignment_of(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ``align:`` that all images of the cell went through, or None."""
    asked = [entry.get("align") for entry in entries_of(record)]
    return asked[0] if all(one == asked[0] for one in asked) else None


def counts(images: Mapping[str, int]) -> str:
    """Write the images of each split: ``4800 / 1200 / 2000``."""
    return " / ".join(str(count) for count in images.values())
