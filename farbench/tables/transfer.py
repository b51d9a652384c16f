"""Builds the tables of transfer: what a task gains or loses where it shares a network."""

from __future__ import annotations

import functools

from farbench.errors import UserError
from farbench.scoring.paired import holm
from farbench.scoring.per_detail import DETAILS
from farbench.scoring.per_image import PAIRED
from farbench.tables.caption import caption, dataset_title
from farbench.tables.measures import Measure, measures
from farbench.tables.model import Block, Cell, Column, Row, Table
from farbench.tables.results import PlannedRow, Results
from farbench.tables.transfer_pairs import Found, find, tested, twins
from farbench.tables.transfer_summary import (
    FEWEST,
    FILE,
    RESAMPLES,
    Line,
    Place,
    Summary,
    write_summaries,
)
from farbench.tables.values import add_remarks
from farbench.tasks.base import Task

NONE_SHOWN = "none shown"
TOO_FEW = "too few"

LEVEL = 0.05
"""A verdict is given where the adjusted p is below this."""

PLURALS = {
    "attribute": "attributes",
    "class": "classes",
    "decade": "decades",
    "point": "points",
}


def transfer_tables(results: Results, *, quick: bool = False) -> list[Table]:
    """Build one table a data set, task and metric; none where no row is compared with a twin.

    What is compared anew from stored predictions is kept in ``tables/transfer.json``.

    Args:
        results: The benchmark's folder.
        quick: Return nothing where comparing would take more than seconds.

    Raises:
        UserError: Neither predictions nor a kept summary are there, of any pair.
    """
    pairs = twins(results)
    if not pairs:
        return []
    shown = {dataset: tested(results, dataset) for dataset in results.datasets}
    found = find(results, pairs, shown, quick)
    if found is None:
        return []
    reasons = [reason for state, reason in found.missing.values() if state == "no predictions"]
    if reasons and not found.summaries:
        raise UserError(f"{FILE} holds nothing of these cells, and {reasons[0]}")
    if found.new:
        write_summaries(results.folder, found.summaries.values())
    tables = []
    for dataset, chosen in shown.items():
        adjusted = _adjusted(found.summaries, dataset)
        for task, measure in chosen:
            # Each class is in the table of balanced accuracy, which is their mean.
            short = measure.info.name == "accuracy" and _balanced(task, chosen)
            tables.append(
                _table(results, pairs, dataset, task, measure, found, adjusted, short=short)
            )
    return [table for table in tables if table.rows()]


def _balanced(task: Task, tested: list[tuple[Task, Measure]]) -> bool:
    return any(one == task and measure.info.name == "balanced_accuracy" for one, measure in tested)


def _adjusted(summaries: dict[Place, Summary], dataset: str) -> dict[Place, float]:
    """Adjust the p of all whole tasks of a data set by Holm's procedure."""
    lines = {
        place: summary.whole.p
        for place, summary in summaries.items()
        if place[1] == dataset and summary.whole is not None and summary.whole.p is not None
    }
    return dict(zip(lines, holm(list(lines.values())), strict=True))


def _table(
    results: Results,
    pairs: list[tuple[PlannedRow, PlannedRow]],
    dataset: str,
    task: Task,
    measure: Measure,
    found: Found,
    adjusted: dict[Place, float],
    *,
    short: bool,
) -> Table:
    """Build one table: whole tasks, then, unless it is ``short``, the details of each row."""
    detail = DETAILS[task.kind]
    info = measure.info
    table = Table(
        name=f"{results.name}-transfer-{dataset}-{measure.key}",
        benchmark=results.name,
        title=f"{results.title.rstrip('.')}: transfer, {measure.title} on "
        f"{dataset_title(results, dataset)}.",
        caption=[],
        columns=_columns(dataset, measure, detail),
        blocks=[],
    )
    whole = Block("measured", "The whole task")
    table.blocks.append(whole)
    shown: list[Summary] = []
    for row, _ in pairs:
        place = (row.id, dataset, task.name, info.name)
        summary = found.summaries.get(place)
        label = Cell(text=row.label)
        if summary is None:
            state, reason = found.missing[place]
            if not state:
                continue
            label.note = table.note(f"{row.label}: {state} ({reason})") if reason else ""
            whole.rows.append(Row(row.id, {"label": label, "difference": Cell(missing=state)}))
            continue
        shown.append(summary)
        planned = len(results.of(row.id, dataset))
        if len(summary.seeds) < planned:
            seeds = ", ".join(map(str, summary.seeds))
            label.note = table.note(
                f"{row.label}: of {planned} seeds, those both finished: {seeds}"
            )
        line = functools.partial(
            _row, table, seeds=len(summary.seeds), higher_is_better=info.higher_is_better
        )
        whole.rows.append(line(row.id, label, summary.whole, adjusted.get(place)))
        if short or not summary.details:
            continue
        block = Block("measured", f"{row.label}: each {detail}")
        for name, one in summary.details.items():
            text = name.replace("_", " ") if task.kind in ("attributes", "classes") else name
            text = f"point {name}" if task.kind == "landmarks" else text
            block.rows.append(
                line(f"{row.id}/{name}", Cell(text=text), one, one.adjusted_p if one else None)
            )
        table.blocks.append(block)
        table.remark(_counted(row, block, PLURALS[detail]))
    table.caption = [
        info.doc,
        *_how_to_read(shown, measure, detail, len(adjusted)),
        *caption(results, [dataset]),
    ]
    _add_untested(table, results, dataset, task)
    add_remarks(table, results)
    return table


def _columns(dataset: str, measure: Measure, detail: str) -> list[Column]:
    info = measure.info

    def number(key: str, title: str, *, over: str = "", signed: bool = False) -> Column:
        return Column(
            key=key,
            title=title,
            over=over,
            higher_is_better=info.higher_is_better,
            arrow=not over,
            percent=info.percent,
            decimals=info.decimals,
            signed=signed,
            dataset=dataset,
            metric=f"{measure.key}_{key}",
        )

    return [
        Column("label", f"Method, {detail}", kind="label"),
        Column(
            key="units",
            title="n",
            percent=False,
            decimals=0,
            dataset=dataset,
            metric=f"{measure.key}_units",
        ),
        number("alone", "Alone"),
        number("together", "Together"),
        number("difference", "Δ", signed=True),
        number("low", "from", over="95% interval", signed=True),
        number("high", "to", over="95% interval", signed=True),
        Column(
            key="p",
            title="p (Holm)",
            percent=False,
            decimals=4,
            dataset=dataset,
            metric=f"{measure.key}_p",
        ),
        Column("transfer", "Transfer", kind="text"),
    ]


def _row(
    table: Table,
    id: str,
    label: Cell,
    line: Line | None,
    p: float | None,
    *,
    seeds: int,
    higher_is_better: bool,
) -> Row:
    """Return one line of the table, its verdict by the adjusted ``p``."""
    if line is None:
        return Row(id, {"label": label, "difference": Cell(missing="–")})
    values = {
        "units": line.units,
        "alone": line.alone,
        "together": line.together,
        "difference": line.difference,
        "low": line.low,
        "high": line.high,
        "p": p,
    }
    cells = {key: Cell(value=value, n=seeds) for key, value in values.items()}
    for cell in cells.values():
        cell.missing = "–" if cell.value is None else ""
    cells["difference"].std = line.std
    verdict = Cell(text=TOO_FEW)
    if p is not None:
        verdict.text = verdict_of(line.difference, p, higher_is_better=higher_is_better)
    told = verdict.text in ("positive", "negative")
    if told and line.std is not None and abs(line.difference) < line.std:
        verdict.note = table.note("The seeds differ among themselves by more than this.")
    return Row(id, {"label": label, **cells, "transfer": verdict})


def verdict_of(difference: float, p: float, *, higher_is_better: bool) -> str:
    """Return ``positive``, ``negative`` or ``none shown``.

    Args:
        difference: Together - alone.
        p: After adjustment.
        higher_is_better: The metric's direction.
    """
    if p >= LEVEL or not difference:
        return NONE_SHOWN
    return "positive" if (difference > 0) == higher_is_better else "negative"


def _counted(row: PlannedRow, block: Block, plural: str) -> str:
    verdicts = [printed.cell(Column("transfer", "")).text for printed in block.rows]
    words = ["positive", "negative", NONE_SHOWN, *([TOO_FEW] if TOO_FEW in verdicts else [])]
    counts = [f"{word} {verdicts.count(word)}" for word in words]
    counts += [f"undefined {verdicts.count('')}"] if "" in verdicts else []
    return f"{row.label}: of {len(verdicts)} {plural}, {', '.join(counts)}."


def _how_to_read(shown: list[Summary], measure: Measure, detail: str, wholes: int) -> list[str]:
    """Return the caption's sentences on what was compared, and how."""
    if not shown:
        return []
    better = "above 0" if measure.info.higher_is_better else "below 0"
    points = " in points" if measure.info.percent else ""
    images = sorted({summary.images for summary in shown})
    counted = " or ".join(f"{count:,}" for count in images)
    drawn = f"{counted} test images"
    clustered = any(summary.clustered and summary.units < summary.images for summary in shown)
    if clustered:
        units = " or ".join(f"{count:,}" for count in sorted({s.units for s in shown}))
        drawn = f"{units} identities of {drawn}"
    things = "identities" if clustered else "images"
    luck = "It holds the luck of these images, not that of training: "
    if all(len(summary.seeds) > 1 for summary in shown):
        luck += "for that see ±, of the seeds' own Δ; each image is averaged over the seeds first"
    else:
        luck += "with one seed a verdict is on two trainings, not yet on sharing"
    return [
        f"Together: one network for all tasks; alone: a network for this task. Δ is together minus "
        f"alone{points}: {better} is positive transfer.",
        f"95% interval: paired bootstrap over {drawn}, {RESAMPLES:,} draws. {luck}.",
        f"p is adjusted by Holm's procedure, the intervals are not: whole tasks for all of this "
        f"data set ({wholes}), each {detail} for those of its row. A verdict is given where it is "
        f"below {LEVEL:.0%}; none where n, of {things}, is below {FEWEST}.",
    ]


def _add_untested(table: Table, results: Results, dataset: str, task: Task) -> None:
    """Say which metrics of this task, or of tasks without a table, are not compared, and why."""
    kinds = {one.name: one.kind for one in results.tasks_of(dataset)}
    left = [
        measure.title
        for measure in measures(results, dataset)
        if measure.task == task.name or (measure.task and kinds[measure.task] not in PAIRED)
        if measure.info.name not in PAIRED.get(kinds[measure.task], ())
    ]
    if left:
        table.remark(f"No means over images, so not compared here: {', '.join(left)}.")
