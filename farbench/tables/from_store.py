"""Builds tables from a benchmark's folder: which kinds there are, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from farbench.errors import unknown_name
from farbench.tables.kinds.attributes import attribute_tables
from farbench.tables.kinds.consistency import consistency_tables
from farbench.tables.kinds.cooccurrence import cooccurrence_tables
from farbench.tables.kinds.costs import cost_tables
from farbench.tables.kinds.groups import group_tables
from farbench.tables.kinds.main import main_tables
from farbench.tables.kinds.masks import mask_tables
from farbench.tables.kinds.robustness import robustness_tables
from farbench.tables.kinds.significance import significance_tables
from farbench.tables.kinds.slices import slice_tables
from farbench.tables.kinds.transfer import transfer_tables
from farbench.tables.measures import check_metrics
from farbench.tables.model import Table
from farbench.tables.options import TableOptions, apply
from farbench.tables.results import Results, read_results


@dataclass(frozen=True)
class Kind:
    """A kind of table.

    Attributes:
        build: Makes its tables; none where the results have nothing to put into them.
        empty: Why there may be none, for errors and reports.
        doc: What it shows: the heading of its tables in a report.
        saved: Whether `farbench run` writes it beside the results.
        reads_predictions: Whether it reads those of every cell, which takes long where there are
            many.
    """

    build: Callable[[Results, TableOptions], list[Table]]
    empty: str
    doc: str
    saved: bool = True
    reads_predictions: bool = False


KINDS: dict[str, Kind] = {
    "main": Kind(main_tables, "no cell is planned", "the benchmark's table"),
    "masks": Kind(mask_tables, "no finished row used predicted masks", "mask F1"),
    "attributes": Kind(
        attribute_tables,
        "no row predicts attributes, or no metric of theirs is asked for",
        "each attribute",
    ),
    "groups": Kind(
        group_tables,
        "no finished row has groups of attributes; name a grouping with --grouping "
        "(`farbench list groupings`)",
        "means over groups of attributes",
    ),
    "costs": Kind(cost_tables, "no cell is finished", "what each row costs", saved=False),
    "slices": Kind(
        slice_tables,
        "no data set has the usual labels (Male, Young, Pale_Skin, tasks of classes), or none is "
        "predicted; name others with --slices",
        "parts of the test split and their gaps",
        reads_predictions=True,
    ),
    "cooccurrence": Kind(
        cooccurrence_tables,
        "no row predicts two attributes that vary in the test labels",
        "attributes that go together, in labels and answers",
        reads_predictions=True,
    ),
    "consistency": Kind(
        consistency_tables,
        "no data set has the attributes of a rule; give rules of your own with --rules",
        "combinations of attributes that cannot be",
        reads_predictions=True,
    ),
    "robustness": Kind(
        robustness_tables,
        "no cell was evaluated on corrupted images; do it with `farbench robustness DIR`, which "
        "trains nothing, or with `robustness: {}` in the benchmark",
        "corrupted test images",
    ),
    "significance": Kind(
        significance_tables,
        "the benchmark names no row to compare the others to; give one with --compare ROW",
        "each row against the compared one, with tests",
        saved=False,  # evidence.json holds it, and it has a line an attribute and row
    ),
    "transfer": Kind(
        transfer_tables,
        "no planned row has `single_task: true` and tasks to compare",
        "tasks together against alone",
    ),
}


def build(folder: Path, kind: str = "main", options: TableOptions | None = None) -> list[Table]:
    """Build the tables of one kind.

    Args:
        folder: The benchmark's folder (see ``results.find_benchmark``).
        kind: One of ``KINDS``. ``main`` is one table, or two (see ``published_block``); of the
            others there is one a data set and metric, or none at all.
        options: What is asked for beyond what the benchmark says.

    Raises:
        UserError: The plan cannot be read, or it or an option names what is not there; of what
            needs predictions, there are none.
    """
    if kind not in KINDS:
        raise unknown_name("kind of table", kind, KINDS)
    options = TableOptions() if options is None else options
    results = read_results(folder)
    check_metrics(results)
    return KINDS[kind].build(apply(results, options), options)
