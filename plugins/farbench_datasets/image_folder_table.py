"""The table of an `image_folder`: columns as labels, and errors that name the line."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.errors import UserError, did_you_mean
from farbench_datasets.points68 import FARTHEST
from farbench_datasets.text_files import open_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_YES_OR_NO = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "y"), 1),
    **dict.fromkeys(("0", "0.0", "false", "no", "n"), 0),
}
_MINUS_ONE = ("-1", "-1.0")

_MANY_CLASSES = 50
"""With more different values a column is hardly one of classes."""


class Table:
    """The columns of a CSV as text; empty cells are NA.

    Attributes:
        path: The file.
    """

    def __init__(
        self, path: Path, separator: str, required: Collection[str], optional: Collection[str]
    ) -> None:
        """Read the columns that are wanted.

        Raises:
            UserError: The file is malformed or lacks a required column.
        """
        self.path = path
        self._lines: list[int] = []
        self._cells: dict[str, list[str]] = {}
        with open_text(path, newline="") as text:
            rows = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=True)
            header = [cell.strip() for cell in next(rows, [])]
            self._read(rows, header, required, optional)

    def _read(
        self,
        rows: Any,
        header: list[str],
        required: Collection[str],
        optional: Collection[str],
    ) -> None:
        """Keep the wanted columns of all rows; blank lines do not count."""
        for column in sorted(required):
            if column not in header:
                raise UserError(
                    f"{self.path} has no column '{column}'.{did_you_mean(column, header)} "
                    f"It has: {', '.join(header[:40])}{', ...' if len(header) > 40 else ''}."
                )
        wanted = [column for column in (*required, *optional) if column in header]
        for column in wanted:
            if header.count(column) > 1:
                raise UserError(f"{self.path}:1: column '{column}' is there twice.")
            self._cells[column] = []
        kept = [(self._cells[column], header.index(column)) for column in wanted]
        for cells in rows:
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{self.path}:{rows.line_num}: expected {len(header)} cells, as in the header, "
                    f"found {len(cells)}."
                )
            self._lines.append(rows.line_num)
            for values, place in kept:
                values.append(cells[place].strip())
        if not self._lines:
            raise UserError(f"{self.path} holds no rows.")

    def has(self, column: str) -> bool:
        """Return whether there is such a column."""
        return column in self._cells

    def place(self, row: int) -> str:
        """Return "labels.csv:12" for a row."""
        return f"{self.path}:{self._lines[row]}"

    def text(self, column: str) -> pd.Series[Any]:
        """Return a column as text without spaces around it, NA where empty."""
        import pandas as pd

        return pd.Series([cell or None for cell in self._cells[column]], dtype="string")

    def yes_or_no(self, column: str) -> pd.Series[Any]:
        """Return 1, 0 or NA, as Int8. Where a column has no 0, -1 is no, as in CelebA.

        Raises:
            UserError: A cell is something else, or a column holds 1, 0 and -1.
        """
        cells = self.text(column).str.lower()
        words = dict(_YES_OR_NO)
        if cells.isin(_MINUS_ONE).any():
            if cells.isin(["0", "0.0"]).any():
                raise UserError(
                    f"{self.path}: column '{column}' holds 0 and -1, so -1 may be no or unknown. "
                    "Write 1 and 0, and leave unknown cells empty."
                )
            words |= dict.fromkeys(_MINUS_ONE, 0)
        values = cells.map(words)
        self._refuse(column, cells, values, "1, 0, true, false, yes, no, and nothing for unknown")
        return values.astype("Int8")

    def classes(self, task: str, column: str, names: Sequence[str]) -> pd.Series[Any]:
        """Return class names, NA where empty.

        Raises:
            UserError: ``names`` is empty or lacks a name; the message has the entry to paste.
        """
        cells = self.text(column)
        unknown = cells.notna() & ~cells.isin(list(names))
        if not unknown.any():
            return cells
        row = int(unknown.to_numpy().argmax())
        observed = sorted(cells.dropna().unique(), key=_natural)
        if len(observed) > _MANY_CLASSES:
            advice = (
                f"The column has {len(observed):,} different values, which are hardly classes; a "
                "number is {scalar: UNIT, low: L, high: H}."
            )
        else:
            key = "" if column == task else f", column: {column}"
            advice = (
                "These are the classes that the column holds, ready to paste; their order is that "
                f"of the outputs:\n  {task}: {{classes: {_flow(observed)}{key}}}"
            )
        what = (
            f"labels.{task} names no classes"
            if not names
            else f"{column} is '{cells.iloc[row]}', which is not among the classes of labels.{task}"
        )
        raise UserError(f"{self.place(row)}: {what}. {advice}")

    def numbers(self, column: str) -> pd.Series[Any]:
        """Return float64, NaN where empty.

        Raises:
            UserError: A cell is no number.
        """
        import pandas as pd

        cells = self.text(column)
        values = pd.to_numeric(cells, errors="coerce").astype("float64")
        self._refuse(column, cells, values, "numbers, and nothing for unknown")
        return values

    def points(self, columns: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 ``(rows, P, 2)``, NaN where empty.

        Raises:
            UserError: A cell is no number, or no place in an image.
        """
        import numpy as np

        values = np.stack([self.numbers(column).to_numpy() for column in columns], axis=1)
        far = np.argwhere(np.abs(values) > FARTHEST)
        if len(far):
            row, column = far[0]
            raise UserError(
                f"{self.place(row)}: {columns[column]} is '{values[row, column]:g}', which is no "
                "place in an image, in pixels."
            )
        return values.astype(np.float32).reshape(len(values), -1, 2)

    def _refuse(
        self, column: str, cells: pd.Series[Any], values: pd.Series[Any], allowed: str
    ) -> None:
        """Raise for the first cell that says something but means nothing."""
        wrong = (cells.notna() & values.isna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(
                f"{self.place(row)}: {column} is '{cells.iloc[row][:40]}'; allowed are {allowed}."
            )


def _natural(name: str) -> tuple[float, str]:
    """Sort numbers by size, and "3-9" before "10-19"."""
    digits = name.split("-")[0].strip()
    return (float(digits), name) if digits.isdigit() else (float("inf"), name)


def _flow(names: Sequence[str]) -> str:
    """Write names as a YAML list in one line, in quotes where YAML needs them."""
    import yaml

    return str(yaml.safe_dump(list(names), default_flow_style=True, width=10**6)).strip()
