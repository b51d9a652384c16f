"""What a figure is asked for: whose results, and which part of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import unknown_name
from farbench.scoring.catalogue import METRICS
from farbench.tables.measures import ATTRIBUTES, Measure, measures
from farbench.tables.results import PlannedRow, Results

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry


@dataclass(frozen=True)
class FigureRequest:
    """What ``farbench figure`` was told. A figure names the wishes that it reads in ``FIGURES``.

    Attributes:
        folder: The benchmark's folder.
        registry: The plugins, of figures that look at images or run a trained network.
        data_root: Where the data sets are, of the same figures.
        rows: Ids of the rows to draw; empty for all.
        compare: Id of the row that others are compared to; None for the benchmark's.
        dataset: The data set to draw; None where there is one, or for all.
        metric: The metric to draw ("mA", "age.mae"); None for the table's first.
        attributes: Names of the attributes to draw; empty for the figure's own choice.
        images: How many images to draw; None for the figure's own choice.
        smooth: Steps that a running mean is over; None for the figure's own choice.
        cost: The cost to draw against ("flops"); None for the first that the rows have.
    """

    folder: Path
    registry: Registry | None = None
    data_root: Path | None = None
    rows: tuple[str, ...] = ()
    compare: str | None = None
    dataset: str | None = None
    metric: str | None = None
    attributes: tuple[str, ...] = ()
    images: int | None = None
    smooth: int | None = None
    cost: str | None = None

    def rows_of(self, results: Results) -> tuple[PlannedRow, ...]:
        """Return the rows to draw, in the benchmark's order.

        Raises:
            UserError: There is no such row.
        """
        known = {row.id: row for row in results.rows}
        for name in self.rows:
            if name not in known:
                raise unknown_name("row", name, known, "--rows")
        return tuple(row for row in results.rows if not self.rows or row.id in self.rows)

    def datasets_of(self, results: Results) -> tuple[str, ...]:
        """Return the names of the data sets to draw, in the plan's order.

        Raises:
            UserError: There is no such data set.
        """
        if self.dataset is None:
            return results.datasets
        if self.dataset not in results.datasets:
            raise unknown_name("data set", self.dataset, results.datasets, "--dataset")
        return (self.dataset,)

    def compared_of(self, results: Results) -> str | None:
        """Return the id of the row that others are compared to; None where there is none.

        Raises:
            UserError: There is no such row.
        """
        known = [row.id for row in results.rows]
        if self.compare is not None and self.compare not in known:
            raise unknown_name("row", self.compare, known, "--compare")
        wanted = self.compare or results.compare
        return wanted if wanted in known else None

    def measures_of(self, results: Results) -> dict[str, list[Measure]]:
        """Return what to draw of each data set: the metric asked for, else those of the table.

        A metric without a task is one of every task that has it, as in a benchmark file. Data
        sets without any are left out.

        Raises:
            UserError: No data set has the metric.
        """
        wanted = replace(results, metrics=(self.metric,)) if self.metric else results
        datasets = self.datasets_of(results)
        every = {dataset: measures(wanted, dataset) for dataset in datasets}
        found = {dataset: measured for dataset, measured in every.items() if measured}
        if self.metric and not found:
            known = {
                metric if task.name == ATTRIBUTES else f"{task.name}.{metric}"
                for dataset in datasets
                for task in results.tasks_of(dataset)
                for metric in METRICS[task.kind]
            }
            raise unknown_name("metric", self.metric, known, "--metric")
        return found

    def attributes_of(self, known: Sequence[str]) -> tuple[str, ...]:
        """Return the attributes asked for, as they are written there; all where none are.

        Raises:
            UserError: There is no such attribute.
        """
        for name in self.attributes:
            if name not in known:
                raise unknown_name("attribute", name, known, "--attributes")
        return self.attributes or tuple(known)
