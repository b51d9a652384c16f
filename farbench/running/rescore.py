"""Scores finished cells again from what they predicted; nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.scoring.predictions import load_predictions
from farbench.scoring.score import score
from farbench.store.atomic import read_json, write_json
from farbench.store.cells import (
    CELL,
    METRICS,
    PREDICTIONS,
    file_damage,
    read_record,
    write_scores_again,
)
from farbench.store.folders import locked
from farbench.store.shapes import CELL as CELL_SHAPE
from farbench.store.shapes import check_scores, check_shape
from farbench.tasks import recorded_tasks
from farbench.tasks.base import Task


@dataclass(frozen=True)
class Rescored:
    """What became of a cell's scores.

    Attributes:
        folder: The cell's folder.
        added: Numbers that were not there, as ``task.metric``.
        changed: Numbers that are others now. Of one metric version there are none, unless the
            predictions or the scores were edited.
        dropped: What could not be computed again and is of another metric version.
        reason: Why nothing was computed; empty where it was.
    """

    folder: Path
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    reason: str = ""

    @property
    def different(self) -> bool:
        """Whether the scores are others than before."""
        return bool(self.added or self.changed or self.dropped)


def finished_cells(folder: Path) -> list[Path]:
    """Return the folders of all finished cells in a folder: a cell's own, or some levels above.

    Raises:
        UserError: There is none.
    """
    cells = [
        path.parent
        for path in sorted(folder.rglob(CELL))
        if read_record(path.parent).get("status") == "finished"
    ]
    if not cells:
        raise UserError(
            f"no finished cell in {folder}. Give a results folder, the default is `runs`: "
            "`farbench rescore runs`."
        )
    return cells


def rescore(folder: Path, waiting: Callable[[], None] | None = None) -> Rescored:
    """Score a finished cell again and store its scores, whole or not at all.

    The constant predictor's scores are kept as they are, for they need train labels; where they
    are of another metric version they are dropped.

    Args:
        folder: The cell's folder.
        waiting: Called once if another process works in it.
    """
    with locked(folder, waiting):
        record = read_record(folder)
        path = folder / METRICS
        again = "Run the benchmark again (`farbench run`)"
        before: dict[str, Any] = {}
        try:
            check_shape(folder / CELL, record, CELL_SHAPE, again)
            if path.is_file():
                wrong = file_damage(folder, record, METRICS)
                if wrong is not None:
                    return Rescored(folder, reason=f"{wrong}. {again}")
                before = read_json(path)
                check_scores(path, before, again)
            after = {
                task.name: _scores(folder, task) for task in recorded_tasks(record, folder / CELL)
            }
        except (UserError, ValueError) as error:
            return Rescored(folder, reason=str(error))
        dropped = []
        for name, scores in after.items():
            old = before.get(name) or {}
            if "reference" not in old:
                continue
            if old.get("metric_version") == METRIC_VERSION:
                scores["reference"] = old["reference"]
            else:
                dropped.append(f"{name}.reference")
        if after != before:
            write_json(path, after)
        scored = {**record, "metric_version": METRIC_VERSION}
        if after != before or scored != record:
            write_scores_again(folder, scored)
    old, new = _numbers(before), _numbers(after)
    changed = [key for key, value in new.items() if key in old and not _same(value, old[key])]
    added = [key for key in new if key not in old]
    return Rescored(folder, tuple(added), tuple(changed), tuple(dropped))


def _scores(folder: Path, task: Task) -> dict[str, Any]:
    held = load_predictions(folder / PREDICTIONS["test"], task)
    return score(task, held.output, held.target, sizes=held.sizes)


def _numbers(metrics: dict[str, Any]) -> dict[str, float | None]:
    """Return the metrics of all tasks, details left out, as ``task.metric``."""
    return {
        f"{task}.{name}": value
        for task, scores in metrics.items()
        for name, value in scores.items()
        if (value is None or isinstance(value, float)) and name != "prevalence"
    }


def _same(a: float | None, b: float | None) -> bool:
    """Whether two numbers are the same, but for the last bits of another machine."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
