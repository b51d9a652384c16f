"""Builds the tables of slices: a metric on parts of the test split, and the gap between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farbench.scoring.attributes import majority_reference
from farbench.scoring.numbers import nanmean, number
from farbench.scoring.predictions import Predictions
from farbench.scoring.slices import SideScores, comparable, ranked_sides, side_scores
from farbench.tables.caption import caption, dataset_title, table_title
from farbench.tables.kinds.slice_sides import Slice, SliceLabels, check_slices, slices_of
from farbench.tables.measures import Measure, measures
from farbench.tables.model import Block, Column, Row, Table, rank
from farbench.tables.options import TableOptions
from farbench.tables.remarks import add_remarks
from farbench.tables.results import Results
from farbench.tables.stored import (
    average_stored,
    check_stored,
    first_stored,
    from_predictions,
    label_cell,
)
from farbench.tables.values import add_majority_row
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes

WORST, GAP = "worst", "gap"
OVER_CLASSES = ("balanced_accuracy", "f1", "precision", "recall")
FEWEST = 50
"""Images below which a side is marked: a percentage of fewer moves by two points an image."""


@dataclass(frozen=True)
class _Plan:
    """A slice as a table shows it.

    Attributes:
        slice: What images are parted by.
        counts: Labelled images on each side.
        sides: The numbers of the sides that have images.
        attributes: Columns of the attributes that the mean is over; empty for other tasks.
        undefined: Attributes that are left out because a side does not define their metric.
    """

    slice: Slice
    counts: tuple[int, ...]
    sides: tuple[int, ...]
    attributes: tuple[int, ...]
    undefined: tuple[str, ...]

    @property
    def keys(self) -> dict[str, str]:
        """Key to title of each column; of two sides it is plain which is the worst."""
        every = self.slice.sides
        titles = {f"side/{n}": f"{every[n]} ({self.counts[n]:,})" for n in self.sides}
        return titles | ({WORST: WORST} if len(self.sides) > 2 else {}) | {GAP: GAP}

    def value(self, key: str) -> str:
        """Return what a column is of, for machine-readable formats: a side, "worst" or "gap"."""
        every = {f"side/{n}": side for n, side in enumerate(self.slice.sides)}
        return every.get(key, key)

    def pick(self, scores: SideScores, key: str) -> float | None:
        """Return the number of a column."""
        if key in (WORST, GAP):
            return scores.worst if key == WORST else scores.gap
        return scores.sides[list(self.keys).index(key)]

    def masks(self, labels: SliceLabels, held: Predictions) -> list[NDArray[np.bool_]]:
        """Return the images of each side that has some."""
        every = self.slice.masks(labels, held.image)
        return [every[n] for n in self.sides]


def slice_tables(results: Results, options: TableOptions) -> list[Table]:
    """Build one table a data set and metric.

    Raises:
        NoPredictions: Nothing is stored that the table could be made from.
        UserError: No data set has a label that is to be sliced by.
    """
    check_slices(results, options.slices)
    tables = []
    for dataset in results.datasets:
        slices = slices_of(results, dataset, options.slices)
        if not slices:
            continue
        tasks = {task.name: task for task in results.tasks_of(dataset)}
        check_stored(results, tuple(tasks), "slices")
        labels = SliceLabels(results, dataset)
        for measure in measures(results, dataset):
            if not measure.task:
                continue  # a cost is the same for everybody
            task = tasks[measure.task]
            held = first_stored(results, dataset, task.name)
            if held is None:
                continue
            # A task of classes parted by its own classes is the recall of each.
            own = [one for one in slices if not one.of_classes(task.name)]
            plans = [_plan(one, labels, task, held, measure, results.attributes) for one in own]
            plans = [plan for plan in plans if len(plan.sides) > 1]
            if plans:
                tables.append(_table(results, dataset, task, measure, plans, labels))
    return tables


def _plan(
    one: Slice,
    labels: SliceLabels,
    task: Task,
    held: Predictions,
    measure: Measure,
    chosen: Sequence[str],
) -> _Plan:
    """Find the sides that have images, and the attributes that all of them define."""
    known = task.known(held.target)
    masks = [mask & known for mask in one.masks(labels, held.image)]
    counts = tuple(int(mask.sum()) for mask in masks)
    sides = tuple(n for n, count in enumerate(counts) if count)
    if not isinstance(task, BinaryAttributes):
        return _Plan(one, counts, sides, (), ())
    cutting = {part.name for part in one.parts if part.task == task.name}
    wanted = [n for n, name in enumerate(task.attributes) if name not in cutting]
    if chosen:
        wanted = [n for n in wanted if task.attributes[n] in chosen]
    defined = comparable(held.target, [masks[n] for n in sides], measure.info.name)
    left = tuple(task.attributes[n] for n in wanted if not defined[n])
    return _Plan(one, counts, sides, tuple(n for n in wanted if defined[n]), left)


def _table(
    results: Results,
    dataset: str,
    task: Task,
    measure: Measure,
    plans: Sequence[_Plan],
    labels: SliceLabels,
) -> Table:
    info = measure.info
    table = Table(
        name=f"{results.name}-slices-{dataset}-{measure.key.replace('.', '-')}",
        benchmark=results.name,
        title=table_title(
            results, f"{measure.title} by slices, {dataset_title(results, dataset)}", info
        ),
        caption=[
            "Test images parted by their labels; in brackets, how many there are. The gap is that "
            "between the best and the worst side (smaller is better), in each seed.",
            info.doc,
            *caption(results, [dataset]),
        ],
        columns=[Column("label", "Method", kind="label"), *_columns(plans, dataset, measure)],
        blocks=[Block("measured")],
    )

    def scored(held: Predictions) -> list[SideScores]:
        return [
            side_scores(
                task,
                held,
                plan.masks(labels, held),
                info.name,
                info.higher_is_better,
                plan.attributes,
            )
            for plan in plans
        ]

    for row in results.rows:
        if not results.predicts(row.id, dataset, task.name):
            continue
        cells = results.of(row.id, dataset)
        found = from_predictions(cells, task.name, scored)
        printed = {"label": label_cell(table, results, row, dataset, found)}
        for index, plan in enumerate(plans):
            for key in plan.keys:
                values = {seed: plan.pick(scores[index], key) for seed, scores in found.items()}
                printed[f"{plan.slice.name}/{key}"] = average_stored(cells, values)
        table.blocks[0].rows.append(Row(row.id, printed))
    for column in table.columns[1:]:
        rank((column, row.cell(column)) for row in table.blocks[0].rows)
    if isinstance(task, BinaryAttributes):
        _add_majority(table, results, dataset, task, measure, plans, labels)
        _remark_attributes(table, plans)
    if isinstance(task, Classes) and info.name in OVER_CLASSES:
        table.remark("On each side the mean is over the classes that occur there.")
    _mark_small_sides(table, plans)
    add_remarks(table, results)
    return table


def _columns(plans: Sequence[_Plan], dataset: str, measure: Measure) -> list[Column]:
    return [
        measure.column(
            dataset,
            key=f"{plan.slice.name}/{key}",
            title=plan.keys[key],
            over=plan.slice.title,
            higher_is_better=measure.info.higher_is_better if key != GAP else False,
            arrow=False,
            metric=f"{measure.key}@{plan.slice.name}={plan.value(key)}",
        )
        for plan in plans
        for key in plan.keys
    ]


def _add_majority(
    table: Table,
    results: Results,
    dataset: str,
    task: BinaryAttributes,
    measure: Measure,
    plans: Sequence[_Plan],
    labels: SliceLabels,
) -> None:
    """Add the constant predictor's row: how unlike the sides are before anything is learned."""
    train = next(
        (
            shares
            for cell in results.finished(dataset)
            if (shares := (cell.record.get("train_prevalence") or {}).get(task.name))
        ),
        None,
    )
    held = first_stored(results, dataset, task.name)
    if train is None or held is None:
        return
    found: dict[str, float | None] = {}
    for plan in plans:
        values = []
        for mask in plan.masks(labels, held):
            scores = majority_reference(train, held.target[mask], task.attributes)
            every = scores[f"{measure.info.name}_per_attribute"].values()
            column = np.array([np.nan if value is None else value for value in every])
            values.append(number(nanmean(column[list(plan.attributes)], axis=0)))
        ranked = ranked_sides(values, measure.info.higher_is_better)
        for key in plan.keys:
            found[f"{plan.slice.name}/{key}"] = plan.pick(ranked, key)
    if any(value is not None for value in found.values()):
        add_majority_row(table, found)


def _mark_small_sides(table: Table, plans: Sequence[_Plan]) -> None:
    """Mark the numbers of sides with few images, and the gaps to them."""
    for plan in plans:
        small = [f"side/{n}" for n in plan.sides if plan.counts[n] < FEWEST]
        for key in [*small, *(key for key in (WORST, GAP) if small)]:
            for row in table.rows():
                cell = row.cells.get(f"{plan.slice.name}/{key}")
                if cell is not None and cell.value is not None:
                    cell.note = table.note(f"of a side with fewer than {FEWEST} images")


def _remark_attributes(table: Table, plans: Sequence[_Plan]) -> None:
    """Say which attributes the means leave out."""
    table.remark("Means leave out the attributes that images are parted by.")
    for plan in plans:
        if plan.undefined:
            names = ", ".join(name.replace("_", " ") for name in plan.undefined)
            table.remark(
                f"By {plan.slice.title} they leave out on all sides what one of them does not "
                f"define: {names}."
            )
