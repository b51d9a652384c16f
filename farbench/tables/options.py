"""What a user asks of a table beyond its kind: rows to compare to, metrics, attributes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farbench.errors import UserError, unknown_name
from farbench.tables.measures import known_metrics, measures
from farbench.tables.results import Results
from farbench.tasks.attributes import BinaryAttributes

if TYPE_CHECKING:
    from farbench.plugins.grouping import Grouping


@dataclass(frozen=True)
class TableOptions:
    """The options of ``farbench table``; the defaults are what the benchmark says.

    Attributes:
        rows: Ids of the rows to show; empty for all.
        compare: Id of the row that the others are compared to, in place of ``benchmark.compare``.
        metrics: In place of ``benchmark.metrics``; also those that it does not name.
        attributes: Metrics of attributes are means over these alone; empty for all.
        differences: Whether there are columns of differences to the compared row.
        relative: Whether those are relative: (a - b) / b.
        slices: What ``slices`` parts the test images by, in place of the usual labels.
        grouping: What ``groups`` shows, in place of the groupings that the rows recorded.
        rules: What ``consistency`` counts: a file, or a shipped one's name.
        pairs: How many pairs ``cooccurrence`` shows; None for its own number.
        patient: Whether to compute comparisons that take more than seconds; else they are left
            out, and the table says so.
    """

    rows: tuple[str, ...] = ()
    compare: str | None = None
    metrics: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    differences: bool = True
    relative: bool = False
    slices: tuple[str, ...] = ()
    grouping: Grouping | None = None
    rules: str | None = None
    pairs: int | None = None
    patient: bool = False


def apply(results: Results, options: TableOptions) -> Results:
    """Return the results as the options want them seen.

    Raises:
        UserError: A row, metric or attribute is not there; the message names those that are.
    """
    if options.rows:
        known_rows = [row.id for row in results.rows]
        for name in options.rows:
            if name not in known_rows:
                raise unknown_name("row", name, known_rows, "--rows")
        results = replace(
            results,
            rows=tuple(row for row in results.rows if row.id in options.rows),
            cells=tuple(cell for cell in results.cells if cell.row in options.rows),
        )
    if options.compare is not None:
        rows = [row.id for row in results.rows]
        if options.compare not in rows:
            raise unknown_name("row", options.compare, rows, "--compare")
        results = replace(results, compare=options.compare)
    if options.metrics:
        known = known_metrics()
        for written in options.metrics:
            if written.rpartition(".")[2] not in known:
                raise unknown_name("metric", written, known, "--metrics")
            one = replace(results, metrics=(written,))
            if not any(measures(one, dataset) for dataset in results.datasets):
                raise UserError(
                    f"--metrics: no task of these results has the metric '{written}'. "
                    f"Their tasks: {_tasks(results)}."
                )
        results = replace(results, metrics=options.metrics)
    if options.attributes:
        known_names = _attributes(results)
        for name in options.attributes:
            if name not in known_names:
                raise unknown_name("attribute", name, known_names, "--attributes")
        results = replace(results, attributes=tuple(dict.fromkeys(options.attributes)))
    return results


def _tasks(results: Results) -> str:
    every = [task for dataset in results.datasets for task in results.tasks_of(dataset)]
    return ", ".join(dict.fromkeys(f"{task.name} ({task.kind})" for task in every))


def _attributes(results: Results) -> list[str]:
    """Return the attributes of all data sets, each once."""
    every = [task for dataset in results.datasets for task in results.tasks_of(dataset)]
    return list(
        dict.fromkeys(
            name for task in every if isinstance(task, BinaryAttributes) for name in task.attributes
        )
    )
