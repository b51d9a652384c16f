"""The published numbers of single attributes that belong beside a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farbench.benchmark.locate import shipped_names
from farbench.errors import UserError
from farbench.tables.measures import Measure
from farbench.tables.model import Cell, Table
from farbench.tables.results import Results
from farbench.tables.values import known_cell

SHIPPED = "{dataset}_per_attribute"
"""The shipped published table that is shown beside any benchmark's attributes of a data set."""


@dataclass(frozen=True)
class PublishedAttributes:
    """One published row.

    Attributes:
        label: The row's name.
        values: Attribute to fraction.
        mean: The mean over all attributes as it was published, else of the shown ones; None where
            none of them is given.
    """

    label: str
    values: dict[str, float]
    mean: float | None

    def cells(self, names: Sequence[str]) -> dict[str, Cell]:
        """Return a cell for each attribute."""
        return {name: known_cell(self.values.get(name)) for name in names}


def published_attributes(
    table: Table, results: Results, dataset: str, measure: Measure, names: Sequence[str]
) -> list[PublishedAttributes]:
    """Return published rows that give the metric of each attribute; their sources are remarked.

    They are those of the benchmark's ``published`` tables, and of the shipped one that is named
    for the data set (``celeba_per_attribute``). One that is gone is remarked.

    Args:
        table: Gets the remarks.
        results: The benchmark's folder.
        dataset: The data set's name.
        measure: The metric.
        names: The attributes that are shown.
    """
    own = SHIPPED.format(dataset=dataset)
    sources = [*results.published, *([own] if own in shipped_names("published table") else [])]
    if not sources:
        return []
    from farbench.tables.published.rows import load_published

    found = []
    metric = measure.info.name
    origins: dict[str, list[str]] = {}
    for source in dict.fromkeys(sources):
        try:
            rows = load_published(source).rows
        except UserError as error:
            table.remark(f"Published rows of {source} are left out: {error}")
            continue
        for row in rows:
            values = {
                name: round(percent / 100, 6)  # 0.923, not 0.92299
                for name, percent in row.per_attribute.get(dataset, {}).get(metric, {}).items()
            }
            if values.keys().isdisjoint(names):
                continue
            whole = None if measure.attributes else row.fraction(dataset, metric)
            if whole is None:
                known = [values[name] for name in names if name in values]
                whole = sum(known) / len(known)
            found.append(PublishedAttributes(row.label, values, whole))
            origin = f"{row.paper}, {row.table}" + (f" ({row.note})" if row.note else "")
            origins.setdefault(origin, []).append(row.label)
    for origin, labels in origins.items():
        table.remark(f"Published: {', '.join(labels)} as in {origin}; never ranked.")
    return found
