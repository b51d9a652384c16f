"""What rows reach and what they cost, as points of a figure, and which of them form the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farbench.errors import unknown_name
from farbench.scoring.catalogue import MetricInfo
from farbench.scoring.costs import COSTS
from farbench.tables.caption import dataset_title
from farbench.tables.costs import cost, masks_share
from farbench.tables.measures import Measure
from farbench.tables.results import PlannedRow, Results
from farbench.tables.values import average

USUAL = ("flops", "parameters", "train_speed")
"""Costs that are drawn where none is asked for: the first that two rows have."""


@dataclass(frozen=True)
class Point:
    """A row: means over its seeds, and their standard deviations where there are several.

    Attributes:
        label: The row's name.
        cost: Masks included.
        score: The metric, as it is printed.
        cost_std: Of the seeds; 0 of a single one.
        score_std: Likewise.
        masks: What of the cost is the mask network's.
    """

    label: str
    cost: float
    score: float
    cost_std: float = 0.0
    score_std: float = 0.0
    masks: float = 0.0


@dataclass(frozen=True)
class Panel:
    """A data set.

    Attributes:
        title: Its name, where there are several.
        measure: The metric.
        points: The rows that have both.
        unknown: Names of the rows that have the metric alone.
    """

    title: str
    measure: Measure
    points: tuple[Point, ...]
    unknown: tuple[str, ...]


def front(points: Sequence[Point], score: MetricInfo, cost: MetricInfo) -> list[Point]:
    """Return the points that no other is better than in one and as good as in both, by cost."""
    # Both as what is better below.
    pairs = [
        (
            p.cost * (-1 if cost.higher_is_better else 1),
            p.score * (-1 if score.higher_is_better else 1),
        )
        for p in points
    ]
    kept = [
        (pair, point)
        for pair, point in zip(pairs, points, strict=True)
        if not any(x <= pair[0] and y <= pair[1] and (x, y) != pair for x, y in pairs)
    ]
    return [point for _, point in sorted(kept, key=lambda one: one[0])]


def choose_cost(name: str | None, results: Results, rows: Sequence[PlannedRow]) -> MetricInfo:
    """Return the cost to draw.

    Raises:
        UserError: There is no such cost.
    """
    if name is not None and name not in COSTS:
        raise unknown_name("cost", name, COSTS, "--cost")
    ids = {row.id for row in rows}
    records = [(cell.row, cell.record) for cell in results.finished()]
    for one in USUAL if name is None else (name,):
        have = {row for row, record in records if cost(record, one) is not None}
        if len(have & ids) > 1:
            return COSTS[one]
    return COSTS[name or USUAL[0]]


def read_panel(
    results: Results,
    rows: Sequence[PlannedRow],
    dataset: str,
    measure: Measure,
    info: MetricInfo,
) -> Panel:
    """Return the rows of a data set as points of a metric and a cost."""
    points, unknown = [], []
    scale = 100 if measure.info.percent else 1
    for row in rows:
        cells = results.of(row.id, dataset)
        score = average(cells, measure.of)
        paid = average(cells, lambda cell: cost(cell.record, info.name))
        masks = average(cells, lambda cell: masks_share(cell.record, info.name))
        if score.value is None:
            continue
        if paid.value is None:
            unknown.append(row.label)
        else:
            points.append(
                Point(
                    row.label,
                    paid.value,
                    scale * score.value,
                    paid.std or 0.0,
                    scale * (score.std or 0.0),
                    masks.value or 0.0,
                )
            )
    title = dataset_title(results, dataset) if len(results.datasets) > 1 else ""
    return Panel(title, measure, tuple(points), tuple(unknown))
