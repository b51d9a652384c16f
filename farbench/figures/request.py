"""What a figure is asked for: whose results, and which part of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import unknown_name
from farbench.tables.results import PlannedRow, Results

if TYPE_CHECKING:
    from farbench.plugins.manager import Registry


@dataclass(frozen=True)
class FigureRequest:
    """What ``farbench figure`` was told. A figure names the wishes that it reads in ``FIGURES``.

    Attributes:
        folder: The benchmark's folder.
        registry: The plugins, of figures that look at images or run a trained network.
        data_root: Where the data sets are, of the same figures.
        rows: Ids of the rows to draw; empty for all.
        dataset: The data set to draw; None where there is one, or for all.
        metric: The metric to draw ("mA", "age.mae"); None for the table's first.
        attributes: Names of the attributes to draw; empty for the figure's own choice.
        images: How many images to draw; None for the figure's own choice.
        smooth: Steps that a running mean is over; None for the figure's own choice.
    """

    folder: Path
    registry: Registry | None = None
    data_root: Path | None = None
    rows: tuple[str, ...] = ()
    dataset: str | None = None
    metric: str | None = None
    attributes: tuple[str, ...] = ()
    images: int | None = None
    smooth: int | None = None

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
