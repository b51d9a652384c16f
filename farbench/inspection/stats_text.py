"""Statistics of a data set as text: a block a task, then what goes together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from farbench.inspection.cooccurrence import (
    RARE,
    AttributePair,
    nearly_exclusive,
    strongest,
)
from farbench.inspection.findings import percent
from farbench.inspection.stats import ClassTable, DatasetStatistics
from farbench.inspection.task_stats import TaskStatistics
from farbench.inspection.text import aligned, wrapped
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar

_BAR = 30
"""Characters of the longest bar of a histogram."""


def statistics_lines(result: DatasetStatistics, top: int) -> Iterator[str]:
    """Yield the lines of a report; lists of pairs have at most ``top`` rows."""
    dataset = result.source.dataset
    splits = ", ".join(f"{split} {count:,}" for split, count in result.images.items())
    yield f"{dataset.name}: {dataset.info.title}, {sum(result.images.values()):,} images ({splits})"
    for note in (*result.source.index.notes, *dataset.refused_tasks().values()):
        yield from wrapped(note, "note: ")
    for one in result.tasks:
        yield ""
        yield from _task(one, result)
    for task, pairs in result.pairs.items():
        yield from _pairs(task, pairs, top)
    for table in result.tables:
        yield ""
        yield from _table(table)


def _task(one: TaskStatistics, result: DatasetStatistics) -> Iterator[str]:
    """Yield what is known of a task: gaps, then a column a split."""
    missing = {s: total - one.known[s] for s, total in result.images.items()}
    gaps = ", ".join(
        f"{split} {count:,} ({percent(count, result.images[split])})"
        for split, count in missing.items()
        if count
    )
    labelled = f"without a label: {gaps}" if gaps else "all labelled"
    if one.unknown_single:
        labelled = f"without any label: {gaps}" if gaps else "each image has a label"
        labelled += f"; {one.unknown_single:.1%} of single labels are unknown"
        labelled += " in the others" if gaps else ""
    yield from wrapped(f"{one.task.name}: {_kind(one)}; {labelled}", "", "  ")
    if not one.splits:
        return
    task, splits = one.task, list(one.splits)
    names = list(next(iter(one.splits.values())))
    rows = [["", *splits]]
    if isinstance(task, Classes):
        rows = [["", *(part for split in splits for part in (split, "share"))]]
        for name in names:
            numbers = [(int(one.splits[s][name]), one.known[s]) for s in splits]
            cells = [part for n, total in numbers for part in (f"{n:,}", percent(n, total))]
            rows.append([name, *cells])
    else:
        for name in names:
            is_share = isinstance(task, BinaryAttributes) or name == "known points"
            written = _share if is_share else _number
            rows.append([name, *(written(one.splits[split][name]) for split in splits)])
    yield from aligned(rows)
    if one.histogram:
        yield from aligned(_histogram(one), left=1)


def _kind(one: TaskStatistics) -> str:
    """Say what is counted."""
    task = one.task
    if isinstance(task, BinaryAttributes):
        return f"{task.outputs} attributes, share of yes among the known"
    if isinstance(task, Classes):
        return f"{task.outputs} classes, images and share"
    if isinstance(task, Scalar):
        return f"a number in {task.unit}"
    if isinstance(task, Landmarks):
        return f"{task.count} points"
    return task.kind


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _number(value: float) -> str:
    """Write counts whole, and other numbers with three digits or more."""
    if math.isnan(value):
        return "-"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.1f}"


def _histogram(one: TaskStatistics) -> Iterator[list[str]]:
    """Yield a row a bin: its range, the images of each split, a bar of their sum."""
    totals = [sum(counts.values()) for _, _, counts in one.histogram]
    whole = all(edge == int(edge) for low, high, _ in one.histogram for edge in (low, high))
    for (low, high, counts), total in zip(one.histogram, totals, strict=True):
        # Whole years: 20-29; other numbers: 0.2-0.4, the upper edge left out.
        name = f"{low:.0f}-{high - 1:.0f}" if whole and high - low > 1 else f"{low:g}-{high:g}"
        cells = [f"{counts[split]:,}" for split in one.splits]
        bar = "#" * math.ceil(_BAR * total / max(totals))
        yield [name, *cells, bar.ljust(_BAR)]


def _pairs(task: str, pairs: list[AttributePair], top: int) -> Iterator[str]:
    """Yield the strongest correlations and the combinations that hardly occur."""
    lists = (
        (f"{task}: strongest correlations (phi), over all splits", strongest(pairs)),
        (
            f"{task}: nearly exclusive (together in under {RARE:.0%} of the images expected by "
            "chance)",
            nearly_exclusive(pairs),
        ),
    )
    for title, found in lists:
        if not found or not top:
            continue
        yield ""
        yield f"{title}; {min(top, len(found))} of {len(found):,}"
        rows = [["", "", "phi", "both", "expected"]]
        rows += [
            [p.first, p.second, f"{p.phi:+.2f}", f"{p.both:,}", f"{p.expected:,.0f}"]
            for p in found[:top]
        ]
        yield from aligned(rows, left=2)


def _table(table: ClassTable) -> Iterator[str]:
    """Yield a contingency table with its sums; the task with fewer classes has the columns."""
    rows, columns, counts = table.rows, table.columns, table.counts
    if columns.outputs > rows.outputs:
        rows, columns, counts = columns, rows, counts.T
    yield f"{rows.name} by {columns.name}, images (Cramer's V {_number(table.v)})"
    lines = [["", *columns.classes, "all"]]
    for name, row in zip(rows.classes, counts, strict=True):
        lines.append([name, *(f"{n:,}" for n in row), f"{row.sum():,}"])
    lines.append(["all", *(f"{n:,}" for n in counts.sum(0)), f"{counts.sum():,}"])
    yield from aligned(lines)
