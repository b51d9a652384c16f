"""What the numbers of a table are: a metric of a task, or a cost of the cell."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from farbench.errors import UserError, unknown_name
from farbench.scoring.catalogue import HEADLINE, METRICS, MetricInfo
from farbench.scoring.costs import COSTS
from farbench.store.cells import PLAN
from farbench.tables.cells import CellResult
from farbench.tables.costs import cost
from farbench.tables.model import Column
from farbench.tables.results import Results
from farbench.tasks.base import Task

ATTRIBUTES = "attributes"
"""The task whose metrics need no name before them: ``accuracy`` is ``attributes.accuracy``."""


@dataclass(frozen=True)
class Measure:
    """One number of a cell.

    Attributes:
        task: The task's name; empty for a cost.
        info: The metric.
        title: The heading.
        attributes: The attributes that a metric of attributes is the mean over; empty for all.
    """

    task: str
    info: MetricInfo
    title: str
    attributes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What names it in a table and in machine-readable formats: ``mA``, ``age.mae``."""
        bare = self.task in ("", ATTRIBUTES)
        return self.info.name if bare else f"{self.task}.{self.info.name}"

    def of(self, cell: CellResult) -> float | None:
        """Return the number of a cell, None where it has none."""
        if not self.task:
            return cost(cell.record, self.info.name)
        if self.attributes:
            return self.mean_of(self.detail(cell, f"{self.info.name}_per_attribute") or {})
        value: float | None = self.detail(cell, self.info.name)
        return value

    def mean_of(self, per_attribute: Mapping[str, float | None]) -> float | None:
        """Return the mean over the chosen attributes that have a value, None if none has."""
        known = [v for name in self.attributes if (v := per_attribute.get(name)) is not None]
        return statistics.fmean(known) if known else None

    def detail(self, cell: CellResult, key: str) -> Any:
        """Return something else that the task's scores hold (``accuracy_per_attribute``)."""
        return (cell.scores.get(self.task) or {}).get(key)

    def column(self, dataset: str, *, key: str, title: str, **other: Any) -> Column:
        """Return the column of a table that its numbers stand in.

        Args:
            dataset: The data set's name.
            key: Of the column.
            title: Its heading.
            other: More fields of a column; they win over what the metric says.
        """
        of_metric: dict[str, Any] = {
            "higher_is_better": self.info.higher_is_better,
            "percent": self.info.percent,
            "decimals": self.info.decimals,
            "dataset": dataset,
            "metric": self.key,
        }
        return Column(key, title, **(of_metric | other))

    def left_out(self, cell: CellResult) -> int:
        """Return how many attributes the mean leaves out, as it is undefined for them."""
        if not self.attributes:
            return int(self.detail(cell, f"{self.info.name}_left_out") or 0)
        held = self.detail(cell, f"{self.info.name}_per_attribute") or {}
        return sum(name in held and held[name] is None for name in self.attributes)

    def unscored(self, cell: CellResult) -> bool:
        """Whether a cell was scored before farbench had the metric."""
        scores = cell.scores.get(self.task)
        return scores is not None and self.info.name not in scores


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
                info, title = METRICS[task.kind][name], _title(task, name, tasks)
                chosen = results.attributes if task.kind == ATTRIBUTES else ()
                measure = Measure(task.name, info, title, chosen)
                found.setdefault(measure.key, measure)
        if written in COSTS:
            found[written] = Measure("", COSTS[written], _heading(COSTS[written], ""))
    return list(found.values())


def known_metrics() -> set[str]:
    """Return the names of all metrics and costs, without their tasks."""
    return {name for kind in METRICS.values() for name in kind} | COSTS.keys()


def check_metrics(results: Results) -> None:
    """Refuse a plan with metrics that nobody knows.

    Raises:
        UserError: Names the metric and the plan.
    """
    plan = results.folder / PLAN
    known = known_metrics()
    for written in results.metrics:
        if written.rpartition(".")[2] not in known:
            raise unknown_name("metric", written, known, str(plan))
    if results.datasets and not any(measures(results, dataset) for dataset in results.datasets):
        named = ", ".join(f"'{dataset}'" for dataset in results.datasets)
        raise UserError(f"{plan}: no task of data set {named} has the metrics it asks for.")


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
    title = _heading(info, getattr(task, "unit", ""))
    return f"{task.name} {title}" if len(tasks) > 1 else title


def _heading(info: MetricInfo, task_unit: str) -> str:
    """Return the label, with its unit if it has one."""
    unit = info.unit.format(unit=task_unit)
    return info.label + (f" ({unit})" if unit else "")
