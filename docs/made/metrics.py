"""Metrics and costs, from the catalogue that tables use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from made.markdown import code, in_a_line, table

if TYPE_CHECKING:
    from farbench.scoring.catalogue import MetricInfo

HEADS = ("Name", "In tables", "Better", "Printed as", "Definition")


def metrics() -> str:
    """Return a table for each kind of task."""
    from farbench.scoring.catalogue import HEADLINE, METRICS, SELECTION

    parts = []
    for kind, infos in METRICS.items():
        shown = " and ".join(map(code, HEADLINE[kind]))
        chosen = f"`{SELECTION[kind]}` picks the epoch under `selection: best_valid`."
        said = f"Shown where a benchmark names none: {shown}. {chosen}"
        parts += [f"## `{kind}`", said, table(HEADS, _rows(infos.values()))]
    return "\n\n".join(parts)


def costs() -> str:
    """Return the table of costs."""
    from farbench.scoring.costs import COSTS

    return table(HEADS, _rows(COSTS.values()))


def _rows(infos: Iterable[MetricInfo]) -> list[tuple[str, ...]]:
    return [
        (
            code(info.name),
            info.label,
            "higher" if info.higher_is_better else "lower",
            "per cent" if info.percent else info.unit.format(unit="the task's unit") or "a number",
            in_a_line(info.doc),
        )
        for info in infos
    ]
