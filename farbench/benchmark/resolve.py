"""Turns the names in a benchmark into plugins with validated options."""

from __future__ import annotations

from dataclasses import dataclass

from farbench.benchmark.datasets import refuse_twice, resolve_dataset
from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.methods import check_method_options
from farbench.benchmark.places import KeyPath
from farbench.benchmark.resolved_row import ResolvedRow, resolve_row
from farbench.benchmark.robustness import (
    AskedCorruptions,
    check_weights_kept,
    resolve_robustness,
)
from farbench.benchmark.schema import Row
from farbench.benchmark.tasks import check_method, check_metrics, choose_tasks
from farbench.errors import UserError
from farbench.plugins.dataset import Dataset
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.registry import Registry
from farbench.tasks.base import Task


@dataclass(frozen=True)
class ResolvedBenchmark:
    """A benchmark whose every name stands for a plugin."""

    loaded: LoadedBenchmark
    rows: tuple[ResolvedRow, ...]
    datasets: tuple[Dataset, ...]
    robustness: AskedCorruptions | None = None

    def tasks(self, row: Row, dataset: Dataset) -> tuple[Task, ...]:
        """Return what a row predicts on a data set: its own choice, or the benchmark's."""
        key: KeyPath = ("rows", row.id, "tasks") if row.tasks else ("tasks",)
        names = row.tasks or self.loaded.benchmark.tasks
        return choose_tasks(dataset, names, self.loaded.places.at(key))


def resolve_benchmark(loaded: LoadedBenchmark, registry: Registry) -> ResolvedBenchmark:
    """Find and check every method, loss, keypoint model and data set of a benchmark.

    Raises:
        UserError: A name or option is unknown, or an option's value is wrong; with file and line.
    """
    check_method_options(loaded, registry)
    rows = tuple(resolve_row(row, loaded, registry) for row in loaded.benchmark.rows)
    if loaded.unfilled_labels:
        raise UserError("\n".join(loaded.unfilled_labels))
    datasets = _resolve_datasets(loaded, registry)
    settings, robustness = loaded.benchmark.robustness, None
    if settings is not None:
        robustness = resolve_robustness(settings, registry, loaded.places)
        check_weights_kept({row.row.id: row.protocol for row in rows}, loaded.places)
    resolved = ResolvedBenchmark(loaded, rows, tuple(datasets), robustness)
    _check_tasks(resolved)
    return resolved


def _resolve_datasets(loaded: LoadedBenchmark, registry: Registry) -> list[Dataset]:
    """Return the data sets, or the one that they are joined to.

    Raises:
        UserError: One cannot be had, there is nothing to join, or two have the same name.
    """
    places = loaded.places
    datasets = [
        resolve_dataset(spec, registry, places, ("datasets", index))
        for index, spec in enumerate(loaded.benchmark.datasets)
    ]
    names = [dataset.name for dataset in datasets]
    if loaded.benchmark.join:
        if len(datasets) < 2:
            message = "there is one data set; name two or more to join."
            raise UserError(places.error(("join",), message))
        refuse_twice(names, places.at(("datasets",)))
        return [JoinedDataset(parts=tuple(datasets))]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = (
                f"'{name}' is given twice, and tables tell data sets apart by their names. Write a "
                "benchmark for each: one may extend the other"
            )
            raise UserError(places.error(("datasets", index), message))
    return datasets


def _check_tasks(benchmark: ResolvedBenchmark) -> None:
    """Refuse tasks that a data set lacks, a method or loss cannot serve, or a metric is not of."""
    places = benchmark.loaded.places
    every: dict[Task, None] = {}
    for row in benchmark.rows:
        for dataset in benchmark.datasets:
            tasks = benchmark.tasks(row.row, dataset)
            every |= dict.fromkeys(tasks)
            check_method(row.method, tasks, places.at(("rows", row.row.id)))
            for task in tasks:
                row.loss_of(task)
    check_metrics(benchmark.loaded.benchmark.metrics, list(every), places)
