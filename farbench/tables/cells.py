"""What became of each planned cell: reads its folder, and joins tasks that were trained alone."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.store.atomic import check_format, read_json
from farbench.store.cells import CELL, METRICS, SCHEMA, file_damage
from farbench.store.shapes import CELL as CELL_SHAPE
from farbench.store.shapes import check_scores, check_shape
from farbench.tables import costs
from farbench.tasks import recorded_tasks

GONE = ("failed", "unreadable", "not run")
"""What a table prints instead of a number, the worst first; any of them says that a cell lacks."""


@dataclass(frozen=True)
class CellResult:
    """What became of a planned cell, or of all cells of a row whose tasks are trained alone.

    Attributes:
        row: The row's id.
        dataset: The data set's name.
        seed: The seed.
        missing: Empty when finished; else what a table prints instead, one of ``GONE``.
        reason: Why it is missing, one line; may be empty.
        record: The contents of cell.json ({} where there is none).
        scores: Task to metrics and details: the contents of metrics.json.
        folders: Task to the folder of the cell that predicted it.
    """

    row: str
    dataset: str
    seed: int
    missing: str = ""
    reason: str = ""
    record: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether there are scores."""
        return not self.missing

    @functools.cached_property
    def folder_names(self) -> tuple[str, ...]:
        """The names of its folders, each once."""
        return tuple(dict.fromkeys(folder.name for folder in self.folders.values()))


def read_cell(folder: Path, planned: dict[str, Any]) -> CellResult:
    """Read one planned cell; whatever is wrong with it becomes the reason why it is missing.

    Args:
        folder: The benchmark's folder.
        planned: The cell's entry in the plan.
    """
    row, dataset, seed = planned["row"], planned["dataset"], planned["seed"]

    def missing(what: str, why: str = "", record: dict[str, Any] | None = None) -> CellResult:
        return CellResult(row, dataset, seed, what, why, record or {})

    place = folder / planned["folder"]
    if not (place / CELL).is_file():
        reason = planned.get("reason") or ("it was begun, not finished" if place.is_dir() else "")
        return missing("not run", reason)
    try:
        record = read_object(place / CELL)
        check_format(place / CELL, record.get("schema"), SCHEMA)
        check_shape(place / CELL, record, CELL_SHAPE)
        recorded_tasks(record, place / CELL)  # else whoever asks for them fails
    except UserError as error:
        return missing("unreadable", str(error).replace(f"{folder}/", ""))
    if record.get("status") != "finished":
        return missing("failed", str(record.get("error") or "no reason was recorded"), record)
    key, expected = (record.get("identity") or {}).get("key"), planned.get("key")
    if key and expected and not (key.startswith(expected) or expected.startswith(key)):
        return missing("not run", f"{place.name} holds the result of another identity", record)
    try:
        scores = read_object(place / METRICS)
        check_scores(place / METRICS, scores)
    except UserError as error:
        return missing("unreadable", str(error).replace(f"{folder}/", ""), record)
    wrong = file_damage(place, record, METRICS)
    if wrong is not None:
        return missing("unreadable", f"{place.name}/{wrong}", record)
    if not scores:
        return missing("unreadable", f"{place.name}/{METRICS} has no scores", record)
    folders = dict.fromkeys(scores, place)
    return CellResult(row, dataset, seed, record=record, scores=scores, folders=folders)


def joined(cells: Iterable[CellResult]) -> tuple[CellResult, ...]:
    """Join the cells of one row, data set and seed: each carries tasks of its own.

    Where one of them is missing, the whole is: half of a row is no result.
    """
    together: dict[tuple[str, str, int], CellResult] = {}
    for cell in cells:
        place = (cell.row, cell.dataset, cell.seed)
        first = together.get(place)
        if first is None:
            together[place] = cell
        elif first.finished:
            together[place] = _both(first, cell) if cell.finished else cell
    return tuple(together.values())


def _both(first: CellResult, second: CellResult) -> CellResult:
    """Return two finished cells as one, whose costs are those of both."""
    record = dict(first.record)
    for key in ("parameters", "minutes"):
        record[key] = sum(one.record.get(key) or 0 for one in (first, second))
    record["costs"] = costs.together(first.record, second.record)
    if "tasks" in first.record:
        record["tasks"] = [*first.record["tasks"], *(second.record.get("tasks") or ())]
    for key in ("attributes", "train_prevalence"):
        record[key] = {**(first.record.get(key) or {}), **(second.record.get(key) or {})}
    scores = {**first.scores, **second.scores}
    folders = {**first.folders, **second.folders}
    return replace(first, record=record, scores=scores, folders=folders)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        UserError: It is absent, damaged, or holds something else.
    """
    try:
        held = read_json(path)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not isinstance(held, dict):
        raise UserError(f"{path} holds no JSON object.")
    return held
