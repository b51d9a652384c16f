"""Which metrics are compared from stored predictions: those that are means over images."""

from __future__ import annotations

from dataclasses import replace

from farbench.scoring.per_image import PAIRED
from farbench.tables.comparisons.evidence import Place
from farbench.tables.measures import Measure, measures
from farbench.tables.results import Results
from farbench.tasks.base import Task


def is_tested(results: Results, dataset: str, measure: Measure) -> bool:
    """Whether a metric is a mean over images, so that rows can be compared on it."""
    kinds = {task.name: task.kind for task in results.tasks_of(dataset)}
    return measure.info.name in PAIRED.get(kinds.get(measure.task, ""), ())


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


def places_of(
    row: str, other: str, dataset: str, chosen: list[tuple[Task, Measure]]
) -> list[Place]:
    """Return the comparisons of two rows."""
    return [Place(row, other, dataset, task.name, m.info.name) for task, m in chosen]


def details_elsewhere(measure: Measure, task: Task, chosen: list[tuple[Task, Measure]]) -> bool:
    """Whether another metric's table has the same details.

    Each class stands in the table of balanced accuracy, which is their mean, not in accuracy's.
    """
    balanced = any(one == task and m.info.name == "balanced_accuracy" for one, m in chosen)
    return measure.info.name == "accuracy" and balanced


def untested_remark(results: Results, dataset: str, task: Task) -> str:
    """Say which metrics of this task, or of tasks without a table, are not compared, and why."""
    kinds = {one.name: one.kind for one in results.tasks_of(dataset)}
    left = [
        measure.title
        for measure in measures(results, dataset)
        if measure.task == task.name or (measure.task and kinds[measure.task] not in PAIRED)
        if not is_tested(results, dataset, measure)
    ]
    return f"No means over images, so not compared here: {', '.join(left)}." if left else ""
