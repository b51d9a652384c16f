"""What the numbers of a table are: a metric of a task, or a cost of the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError, unknown_name
from farbench.scoring.catalogue import HEADLINE, METRICS, MetricInfo
from farbench.tables.results import CellResult, Results
from farbench.tasks.base import Task

ATTRIBUTES = "attributes"
"""The task whose metrics need no name before them: ``accuracy`` is ``attributes.accuracy``."""

PARAMETERS = MetricInfo(
    "parameters",
    "Parameters",
    False,
    "Trained and frozen parameters of the network; of tasks trained alone, their sum.",
    percent=False,
    unit="M",
)


@dataclass(frozen=True)
class Measure:
    """One number of a cell.

    Attributes:
        task: The task's name; empty for a cost.
        info: The metric.
        title: The heading.
    """

    task: str
    info: MetricInfo
    title: str

    @property
    def key(self) -> str:
        """What names it in a table and in machine-readable formats: ``mA``, ``age.mae``."""
        bare = self.task in ("", ATTRIBUTES)
        return self.info.name if bare else f"{self.task}.{self.info.name}"

    def of(self, cell: CellResult) -> float | None:
        """Return the number of a cell, None where it has none."""
        if not self.task:
            count = cell.record.get("parameters")
            return None if count is None else count / 1e6
        value: float | None = self.detail(cell, self.info.name)
        return value

    def detail(self, cell: CellResult, key: str) -> Any:
        """Return something else that the task's scores hold (``accuracy_per_attribute``)."""
        return (cell.scores.get(self.task) or {}).get(key)


def measures(results: Results, dataset: str) -> list[Measure]:
    """Return what a table shows of a data set, in the order of tasks and written metrics.

    A metric without a task is one of every task that has it; without any, each task shows its
    usual ones.
    """
    tasks = results.tasks_of(dataset)
    found: dict[str, Measure] = {}
    for written in results.metrics or ("",):
        for task in tasks:
            for name in _names(written, task):
                measure = Measure(task.name, METRICS[task.kind][name], _title(task, name, tasks))
                found.setdefault(measure.key, measure)
        if written == PARAMETERS.name:
            found[written] = Measure("", PARAMETERS, f"{PARAMETERS.label} ({PARAMETERS.unit})")
    return list(found.values())


def check_metrics(results: Results, plan: Path) -> None:
    """Refuse a plan with metrics that nobody knows.

    Raises:
        UserError: Names the metric and the plan.
    """
    known = {name for kind in METRICS.values() for name in kind} | {PARAMETERS.name}
    for written in results.metrics:
        if written.rpartition(".")[2] not in known:
            raise unknown_name("metric", written, known, str(plan))
    for dataset in results.datasets:
        if not measures(results, dataset):
            raise UserError(f"{plan}: no task of data set '{dataset}' has the metrics it asks for.")


def _names(written: str, task: Task) -> Sequence[str]:
    """Return the metrics of a task that one written name asks for."""
    if not written:
        return HEADLINE[task.kind]
    name, dot, metric = written.rpartition(".")
    if dot and name != task.name:
        return ()
    return (metric,) if metric in METRICS[task.kind] else ()


def _title(task: Task, metric: str, tasks: Sequence[Task]) -> str:
    info = METRICS[task.kind][metric]
    unit = info.unit.format(unit=getattr(task, "unit", ""))
    title = info.label + (f" ({unit})" if unit else "")
    return f"{task.name} {title}" if len(tasks) > 1 else title
