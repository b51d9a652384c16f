"""The one table model: what is printed, apart from how any format prints it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Names the column within the table ("celeba/accuracy").
        title: The heading ("Accuracy").
        over: The heading above it, shared by neighbours ("CelebA"); empty for none.
        kind: A row's label, a short text, a check mark, or a number.
        higher_is_better: The direction; None where there is none (no arrow, no ranking).
        percent: Whether numbers print as the stored fraction times 100.
        arrow: Whether the heading shows the direction (not where all columns share one).
        decimals: Digits after the point.
        signed: Whether numbers print with their sign (differences).
        least: The smallest number that is printed; "<0.0001" stands for those below (p-values).
        dataset: The data set's name, for machine-readable formats.
        metric: The metric's name, for machine-readable formats.
    """

    key: str
    title: str
    over: str = ""
    kind: Literal["label", "text", "mark", "number"] = "number"
    higher_is_better: bool | None = None
    arrow: bool = True
    percent: bool = True
    decimals: int = 2
    signed: bool = False
    least: float | None = None
    dataset: str = ""
    metric: str = ""

    @property
    def direction(self) -> str:
        """The arrow that the heading shows, or nothing."""
        if not self.arrow or self.kind != "number" or self.higher_is_better is None:
            return ""
        return "↑" if self.higher_is_better else "↓"

    def shown(self, value: float) -> str:
        """Return a value as it is printed, without its standard deviation."""
        if self.least is not None and value < self.least:
            return f"<{self.least:.{self.decimals}f}"
        return f"{self._scaled(value):{'+' if self.signed else ''}.{self.decimals}f}"

    def shown_std(self, std: float) -> str:
        """Return a standard deviation as it is printed: in the column's unit, no sign."""
        return f"{self._scaled(std):.{self.decimals}f}"

    def _scaled(self, value: float) -> float:
        rounded = round(value * 100 if self.percent else value, self.decimals)
        return rounded + 0.0  # -0.0 becomes 0.0


@dataclass
class Cell:
    """One cell: a number, a text, a mark, or the reason why there is none.

    Attributes:
        value: The mean over seeds, as a fraction where the column is a percentage.
        std: Sample standard deviation over seeds (n - 1 below the line); None for one seed.
        n: How many seeds the value is the mean of.
        text: What a label or text column prints.
        mark: Whether a check-mark column is ticked.
        missing: What is printed instead of a number ("failed", "not run").
        note: The letters of the footnotes that explain the cell ("a", "a, c").
        best: Whether the value is the best of its ranking, ties included.
        second: Whether it is the second best, ties included.
        dagger: Whether it is a gain over the compared row that holds at 5%, over images and seeds
            where there are several, after Holm's correction.
        folders: Names of the cells' folders that the value comes from, one a seed.
    """

    value: float | None = None
    std: float | None = None
    n: int = 0
    text: str = ""
    mark: bool = False
    missing: str = ""
    note: str = ""
    best: bool = False
    second: bool = False
    dagger: bool = False
    folders: tuple[str, ...] = ()


@dataclass
class Row:
    """One row; ``cells`` is keyed by column key, an absent key is an empty cell."""

    id: str
    cells: dict[str, Cell]

    def cell(self, column: Column) -> Cell:
        """Return the cell of a column."""
        return self.cells.get(column.key, Cell())


@dataclass
class Block:
    """Rows between two rules.

    Attributes:
        kind: Measured here, a trivial reference, printed by a paper, or a mean of other rows.
        title: A line above the rows; empty for none.
        rows: The rows in order.
    """

    kind: Literal["measured", "reference", "published", "mean"]
    title: str = ""
    rows: list[Row] = field(default_factory=list)


@dataclass
class Table:
    """A table with everything that a reader must know to read it.

    Attributes:
        name: File stem and LaTeX label ("main").
        benchmark: The benchmark's name.
        title: The first sentence of the caption.
        caption: The other sentences.
        columns: The first one is the label.
        blocks: Rows, block by block.
        ranked: Whether best and second are those of a column or of a row.
        footnotes: Lettered remarks, ``(letter, text)``; remarks on the whole have no letter.
    """

    name: str
    benchmark: str
    title: str
    caption: list[str]
    columns: list[Column]
    blocks: list[Block]
    ranked: Literal["column", "row"] = "column"
    footnotes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, text: str) -> str:
        """Add a lettered footnote, or find the same one; return its letter."""
        for letter, known in self.footnotes:
            if letter and known == text:
                return letter
        letter = _letter(sum(1 for letter, _ in self.footnotes if letter))
        self.footnotes.append((letter, text))
        return letter

    def remark(self, text: str) -> None:
        """Add a footnote on the whole table."""
        if ("", text) not in self.footnotes:
            self.footnotes.append(("", text))

    def notes(self) -> list[tuple[str, str]]:
        """Return the footnotes as they are printed: lettered ones first."""
        return sorted(self.footnotes, key=lambda footnote: footnote[0] == "")

    def rows(self) -> list[Row]:
        """Return the rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]


def rank(cells: Iterable[tuple[Column, Cell]]) -> None:
    """Flag the best and the second best value; equal as printed is equal.

    Nothing is flagged where fewer than two values differ, or without a direction.

    Args:
        cells: The cells that compete, each with its column, all of the same metric.
    """
    competing = [
        (float(column.shown(cell.value)), column, cell)
        for column, cell in cells
        if cell.value is not None and column.higher_is_better is not None
    ]
    higher = all(column.higher_is_better for _, column, _ in competing)
    order = sorted({value for value, _, _ in competing}, reverse=higher)
    if len(order) < 2:
        return
    for value, _, cell in competing:
        cell.best = value == order[0]
        cell.second = value == order[1]


def heading_spans(columns: Sequence[Column]) -> list[tuple[int, int]]:
    """Return where neighbours share a heading, as half-open ranges that cover all columns."""
    spans: list[tuple[int, int]] = []
    for index, column in enumerate(columns):
        if index and column.over and columns[index - 1].over == column.over:
            spans[-1] = (spans[-1][0], index + 1)
        else:
            spans.append((index, index + 1))
    return spans


def _letter(index: int) -> str:
    """Return a, b, ... z, aa, ab, ..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters
