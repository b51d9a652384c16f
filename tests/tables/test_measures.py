"""Tables of several tasks: which columns, rows whose tasks are trained alone, what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from farbench.errors import UserError
from farbench.tables.from_store import build
from farbench.tables.measures import measures
from farbench.tables.results import read_results
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import FIVE_EYES, FIVE_MIRROR, Landmarks
from farbench.tasks.scalar import Scalar

TASKS = (
    Scalar("age", "years", 0, 116),
    Classes("race", ("A", "B")),
    Landmarks("points", "landmarks5", 5, FIVE_MIRROR, FIVE_EYES),
)
SCORES: dict[str, dict[str, Any]] = {
    "age": {"mae": 6.5, "rmse": 8.0, "reference": {"mae": 14.25}},
    "race": {"accuracy": 0.7, "balanced_accuracy": 0.6, "reference": {"accuracy": 0.4}},
    "points": {"nme": 0.051, "mae": 0.0081, "reference": {"nme": 0.11}},
}


def write(root: Path, cells: list[tuple[str, tuple[str, ...], str]], **benchmark: Any) -> Path:
    """Write a folder with cells ``(row, tasks, status)``."""
    folder = root / "bench"
    folder.mkdir()
    planned = []
    for number, (row, tasks, status) in enumerate(cells):
        place = folder / f"{row}{number}-utkface-s0-{number:08x}"
        planned.append({"row": row, "dataset": "utkface", "seed": 0, "folder": place.name,
                        "key": place.name[-8:], "tasks": list(tasks)})  # fmt: skip
        if status == "absent":
            continue
        place.mkdir()
        record = {
            "status": status, "error": None if status == "finished" else "it broke",
            "identity": {"key": place.name[-8:]}, "parameters": 1_500_000, "minutes": 2.0,
            "dataset": {"name": "utkface", "title": "UTKFace"},
        }  # fmt: skip
        (place / "cell.json").write_text(json.dumps(record))
        metrics = {task: SCORES[task] for task in tasks}
        (place / "metrics.json").write_text(json.dumps(metrics))
    rows = [{"id": row, "label": row} for row in dict.fromkeys(row for row, _, _ in cells)]
    plan = {
        "schema": 1,
        "benchmark": {"name": "bench", "title": "Tasks", "rows": rows, **benchmark},
        "cells": planned,
        "tasks": {"utkface": [task.record() for task in TASKS]},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


ALL = ("age", "race", "points")
TOGETHER = ("together", ALL, "finished")
ALONE = [("alone", (task,), "finished") for task in ALL]


def test_without_metrics_each_task_shows_its_usual_ones(tmp_path: Path) -> None:
    (table,) = build(write(tmp_path, [TOGETHER]))
    titles = [column.title for column in table.columns[1:]]
    assert titles[0] == "age MAE (years)"
    assert "race Accuracy" in titles
    assert "points NME" in titles
    column = table.columns[1]
    assert (column.direction, column.percent) == ("↓", False)
    (row,) = table.blocks[0].rows
    assert column.shown(row.cell(column).value or 0) == "6.50"


def test_a_bare_metric_is_that_of_every_task_that_has_it(tmp_path: Path) -> None:
    folder = write(tmp_path, [TOGETHER], metrics=["mae", "race.accuracy", "parameters"])
    found = measures(read_results(folder), "utkface")
    assert [measure.key for measure in found] == [
        "age.mae", "points.mae", "race.accuracy", "parameters",
    ]  # fmt: skip
    (table,) = build(folder)
    (row,) = table.blocks[0].rows
    assert [row.cells[f"utkface/{measure.key}"].value for measure in found] == [
        6.5, 0.0081, 0.7, 1.5,
    ]  # fmt: skip


def test_tasks_trained_alone_are_one_row_with_summed_cost(tmp_path: Path) -> None:
    metrics = ["age.mae", "race.accuracy", "points.nme", "parameters"]
    folder = write(tmp_path, [TOGETHER, *ALONE], metrics=metrics, compare="alone")
    (table,) = build(folder)
    alone = table.blocks[0].rows[1]
    values = [alone.cells[f"utkface/{key}"].value for key in metrics]
    assert values == [6.5, 0.7, 0.051, 4.5]
    together = table.blocks[0].rows[0]
    assert together.cells["utkface/parameters/difference"].value == pytest.approx(-3.0)


@pytest.mark.parametrize("status", ["failed", "absent"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_half_of_a_row_is_no_result(tmp_path: Path, status: str, which: int) -> None:
    cells = [*ALONE]
    cells[which] = (*cells[which][:2], status)
    (table,) = build(write(tmp_path, [TOGETHER, *cells], metrics=["age.mae", "race.accuracy"]))
    alone = table.blocks[0].rows[1]
    for key in ("age.mae", "race.accuracy"):
        cell = alone.cells[f"utkface/{key}"]
        assert cell.value is None
        assert cell.missing == {"failed": "failed", "absent": "not run"}[status]


def test_the_constant_predictor_stands_below(tmp_path: Path) -> None:
    folder = write(tmp_path, [TOGETHER], metrics=["age.mae", "race.accuracy", "points.nme"])
    (table,) = build(folder)
    reference = table.blocks[1]
    assert reference.kind == "reference"
    (row,) = reference.rows
    assert row.cell(table.columns[0]).text == "constant (reference)"
    assert row.cells["utkface/age.mae"].value == 14.25
    assert row.cells["utkface/race.accuracy"].value == 0.4
    remarks = " ".join(text for _, text in table.notes())
    assert "the majority class, the mean, the mean shape" in remarks


def test_a_metric_that_no_task_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown metric 'age\.mea'"):
        build(write(tmp_path, [TOGETHER], metrics=["age.mea"]))
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="no task of data set 'utkface' has the metrics"):
        build(write(tmp_path / "other", [TOGETHER], metrics=["mA"]))
