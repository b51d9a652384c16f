"""The numbers of a benchmark's folder and what they were made of, without anything large."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from farbench.benchmark.identity import digest
from farbench.errors import UserError
from farbench.gate.keys import Flat, Stages, flat, manifest_of, stages_of
from farbench.gate.noise import counted_error, jackknife_errors
from farbench.scoring.catalogue import HEADLINE, METRICS
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store.atomic import read_json
from farbench.store.cells import CELL, PREDICTIONS
from farbench.tables.cells import CellResult
from farbench.tables.measures import measures
from farbench.tables.results import Results
from farbench.tasks.base import Task

DECIMALS = 6
"""Digits that are kept of a number: more than any table prints."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Trained(_Part):
    """A task of a finished cell."""

    recipe: str = Field(description="Names one of the snapshot's recipes.")
    data: str = Field(description="Digest of the data manifest.")
    code: str = Field(description="Digest of the sources and libraries.")
    machine: str = Field(description="Names one of the snapshot's machines.")
    metric_version: int | None
    metrics: dict[str, float | None]
    images_per_second: float | None = Field(description="Of the last stage's training.")


class TaskNumbers(_Part):
    """A task of a row on a data set, over the seeds."""

    kind: str
    images: int = Field(description="Test images that carry the task.")
    seeds: dict[int, Trained]
    spread: dict[str, float] = Field(
        {}, description="Sample standard deviation over two or more seeds."
    )
    error: dict[str, float] = Field(
        {}, description="Standard error over the test images, where there is one seed."
    )


class RowNumbers(_Part):
    """A row on a data set."""

    tasks: dict[str, TaskNumbers] = {}
    missing: dict[int, str] = Field({}, description="Seed to what became of it instead.")
    reasons: dict[int, str] = Field({}, exclude=True, description="Why; it may hold paths.")


class Snapshot(_Part):
    """A benchmark's numbers. A baseline is one that was kept; a check makes another."""

    benchmark: str
    farbench: str
    made: dict[str, Any] = Field({}, description="For people: protocol, commits, last cell.")
    rows: dict[str, dict[str, RowNumbers]]
    recipes: dict[str, Stages]
    machines: dict[str, Flat]
    left_out: tuple[str, ...] = Field(
        (), exclude=True, description="Rows of the benchmark that the last run left out."
    )


def snapshot(results: Results, *, baseline: bool = False) -> Snapshot:
    """Take the numbers of all planned cells.

    Args:
        results: The benchmark's folder.
        baseline: Whether others are to be compared with it: then it has the usual metrics and
            those of the table, and how uncertain they are (where a task has a single finished
            seed its stored predictions are read for that, if they are there). Else it has every
            metric.

    Raises:
        UserError: A cell's files are damaged.
    """
    recipes: dict[str, Stages] = {}
    machines: dict[str, Flat] = {}
    rows: dict[str, dict[str, RowNumbers]] = {}
    for row in results.rows:
        for dataset in results.datasets:
            cells = results.of(row.id, dataset)
            if cells:
                numbers = _row(results, cells, recipes, machines, baseline)
                rows.setdefault(row.id, {})[dataset] = numbers
    records = [cell.record for cell in results.finished()]
    commits = {str((record.get("environment") or {}).get("commit") or "") for record in records}
    made = {
        "protocol": str(results.protocol.get("name", "")),
        "commits": sorted(commits - {""}),
        "finished": max((str(record.get("finished") or "") for record in records), default=""),
    }
    return Snapshot(
        benchmark=results.name,
        farbench=results.version,
        made=made,
        rows=rows,
        recipes=recipes,
        machines=machines,
        left_out=results.left_out,
    )


def _row(
    results: Results,
    cells: Sequence[CellResult],
    recipes: dict[str, Stages],
    machines: dict[str, Flat],
    baseline: bool,
) -> RowNumbers:
    """Take the numbers of a row's cells; what they refer to is added to the two mappings."""
    tasks = {}
    for task in results.tasks_of(cells[0].dataset):
        have = [cell for cell in cells if cell.finished and task.name in cell.folders]
        if have:
            tasks[task.name] = _task(results, task, have, recipes, machines, baseline)
    # What was not run says nothing to a later run; what failed may be mended.
    gone = [c for c in cells if not c.finished and (not baseline or c.missing == "failed")]
    return RowNumbers(
        tasks=tasks,
        missing={cell.seed: cell.missing for cell in gone},
        reasons={cell.seed: cell.reason for cell in gone},
    )


def _task(
    results: Results,
    task: Task,
    cells: Sequence[CellResult],
    recipes: dict[str, Stages],
    machines: dict[str, Flat],
    baseline: bool,
) -> TaskNumbers:
    shown = [m.info.name for m in measures(results, cells[0].dataset) if m.task == task.name]
    names = dict.fromkeys([*HEADLINE[task.kind], *shown] if baseline else METRICS[task.kind])
    seeds = {cell.seed: _trained(cell, task.name, names, recipes, machines) for cell in cells}
    test = (results.dataset_record(cells[0].dataset).get("images") or {}).get("test")
    numbers = TaskNumbers(
        kind=task.kind,
        images=int(cells[0].scores[task.name].get("images") or test or 0),
        seeds=seeds,
    )
    if not baseline:
        return numbers
    if len(cells) == 1:
        return numbers.model_copy(update={"error": _errors(task, cells[0], numbers)})
    return numbers.model_copy(update={"spread": _spread(seeds.values(), names)})


def _spread(seeds: Iterable[Trained], metrics: Iterable[str]) -> dict[str, float]:
    """Return the sample standard deviation over seeds of each metric that two of them have."""
    known = {
        name: [value for one in seeds if (value := one.metrics[name]) is not None]
        for name in metrics
    }
    return {
        name: round(statistics.stdev(values), DECIMALS)
        for name, values in known.items()
        if len(values) > 1
    }


def _errors(task: Task, cell: CellResult, numbers: TaskNumbers) -> dict[str, float]:
    """Return the standard errors over test images: from predictions, else from their number."""
    known = {n: v for n, v in numbers.seeds[cell.seed].metrics.items() if v is not None}
    errors = {}
    if numbers.images:
        errors = {name: counted_error(name, known[name], numbers.images) for name in known}
    predictions = _predictions(cell, task)
    if predictions is not None:
        errors |= jackknife_errors(task, predictions, list(known))
    return {name: round(value, DECIMALS) for name, value in errors.items()}


def _trained(
    cell: CellResult,
    task: str,
    metrics: Iterable[str],
    recipes: dict[str, Stages],
    machines: dict[str, Flat],
) -> Trained:
    """Return a task of a finished cell. Tasks that are trained alone have records of their own."""
    record = read_json(cell.folders[task] / CELL)
    identity = record.get("identity") or {}
    stages = stages_of(identity.get("recipe") or {})
    recipe = digest(stages)[:12]
    recipes[recipe] = stages
    code = identity.get("code") or {}
    libraries = code.get("libraries") or {}
    processor = (record.get("environment") or {}).get("processor")
    machine = flat({**(identity.get("numerics") or {}), "processor": processor, **libraries})
    named = digest(machine)[:12]
    machines[named] = machine
    stage = (record.get("stages") or [{}])[-1]
    scores = cell.scores[task]
    return Trained(
        recipe=recipe,
        data=(manifest_of(identity.get("recipe") or {}) or "")[:12],
        code=digest(code)[:12],
        machine=named,
        metric_version=scores.get("metric_version"),
        metrics={name: _number(scores.get(name)) for name in metrics},
        images_per_second=_number(stage.get("images_per_second")),
    )


def _number(value: Any) -> float | None:
    """Return a number as it is kept; None for what is none, NaN and the infinite among them."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return round(float(value), DECIMALS)


def _predictions(cell: CellResult, task: Task) -> Predictions | None:
    """Return the stored predictions, None where there are none (committed results)."""
    try:
        return load_predictions(cell.folders[task.name] / PREDICTIONS["test"], task)
    except UserError:
        return None
