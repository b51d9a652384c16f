"""Published rows: numbers quoted from papers, printed beside measured rows in their own block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.locate import find
from farbench.benchmark.schema import Section
from farbench.benchmark.yaml_lines import read_yaml


class PublishedRow(Section):
    """One quoted row.

    Attributes:
        values: Data set -> metric -> percentage as printed (92.3, not 0.923).
        per_attribute: Data set -> metric -> attribute -> percentage as printed.
    """

    label: str = Field(description="The row's name as the table prints it.")
    method: str = Field(description="The method; farbench's name where it is one of farbench's.")
    backbone: str = Field("-", description="As the paper names it; - where it names none.")
    paper: str = Field(description="Authors, title or short name, venue or arXiv number.")
    table: str = Field(description="The table of that paper the numbers were read from.")
    values: dict[str, dict[str, float]] = Field(description="Data set -> metric -> percentage.")
    per_attribute: dict[str, dict[str, dict[str, float]]] = Field(
        {}, description="Data set -> metric -> attribute -> percentage."
    )
    marks: tuple[str, ...] = Field((), description="Check-mark columns that are ticked.")
    note: str = Field("", description="What a reader must know to compare.")

    def fraction(self, dataset: str, metric: str) -> float | None:
        """Return a value between 0 and 1, as measured metrics are stored; None if not given."""
        percent = self.values.get(dataset, {}).get(metric)
        return None if percent is None else percent / 100


class PublishedTable(Section):
    """A file of published rows; ``paper`` and ``table`` hold for rows that say nothing else."""

    title: str
    paper: str = ""
    table: str = ""
    rows: tuple[PublishedRow, ...] = Field(min_length=1)


def load_published(source: str | Path) -> PublishedTable:
    """Load a file of published rows by shipped name or path.

    Raises:
        UserError: It does not exist or is malformed; one line a mistake, with file and line.
    """
    document = read_yaml(find("published table", str(source)))
    data: dict[str, Any] = dict(document.data)
    defaults = {key: data[key] for key in ("paper", "table") if key in data}
    if isinstance(data.get("rows"), list):
        data["rows"] = [
            {**defaults, **row} if isinstance(row, dict) else row for row in data["rows"]
        ]
    try:
        table = PublishedTable.model_validate(data)
    except ValidationError as error:
        raise user_error(error, PublishedTable, data, document.places) from None
    return table
