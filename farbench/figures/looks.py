"""How lines are told apart: colours, dashes where there are more lines than colours, titles."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from farbench.figures.files import COLOURS

Place = Literal["lower right", "upper left"]

Dashes = Literal["-"] | tuple[float, tuple[float, ...]]

DASHES: tuple[Dashes, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
"""One a round of colours, where there are more lines than colours."""

WIDTH = 7.2
"""Inches: the text of a page, both columns."""

PANELS = {1: 3.5, 2: 5.0, 3: WIDTH}
"""Panels side by side to the figure's inches; alone, a panel fits one column of a page."""

TITLE = 24
"""Letters that a line of a panel's title has at most, where there are as many panels as may be."""

SMALL = 7.5
"""Points: legends, numbers and names of ticks."""


def laid_out(panels: int) -> tuple[int, int, float]:
    """Return the columns and lines of so many panels, and the figure's width in inches."""
    columns = min(max(PANELS), panels)
    return columns, -(-panels // columns), PANELS[columns]


def with_std(values: Sequence[float], decimals: int) -> str:
    """Return the mean of values and, of several, their standard deviation."""
    mean = f"{statistics.fmean(values):.{decimals}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}"


def look(number: int) -> tuple[str, Dashes]:
    """Return colour and dashes of the line of a number."""
    rounds, colour = divmod(number, len(COLOURS))
    return COLOURS[colour], DASHES[rounds % len(DASHES)]


def handle(number: int, label: str, marker: str = "") -> Line2D:
    """Return what a legend shows of the line of a number."""
    colour, dashes = look(number)
    return Line2D([], [], color=colour, linestyle=dashes, marker=marker, markersize=3, label=label)


class Legend:
    """The rows of a figure, listed above all its panels."""

    def __init__(self, labels: Sequence[str], width: float, marker: str = "") -> None:
        """List labels, whose numbers are their places, above a figure of a width in inches."""
        longest = max((len(label) for label in labels), default=1)
        self.columns = max(1, min(len(labels), 5, int(width * 17) // (longest + 7)))
        self.height = 0.15 + 0.165 * -(-len(labels) // self.columns)
        self._handles = [handle(number, label, marker) for number, label in enumerate(labels)]

    def add_to(self, figure: Figure) -> None:
        """Draw it."""
        figure.legend(
            handles=self._handles,
            loc="outside upper center",
            ncols=self.columns,
            fontsize=SMALL,
            borderaxespad=0.2,
        )


def set_title(axis: Axes, title: str, characters: int, pad: float = 6) -> None:
    """Write a panel's title at its left, on several lines if need be, above ``pad`` points."""
    text = textwrap.fill(title, characters)
    axis.set_title(text, loc="left", fontweight="bold", pad=pad, parse_math=False)


def over_seeds(seeds: Sequence[int], how: str = "mean and range of") -> str:
    """Return what the figure's caption says of seeds: nothing where there is one.

    Args:
        seeds: How many each line has.
        how: What is done with several.
    """
    least, most = min(seeds, default=1), max(seeds, default=1)
    if most == 1:
        return ""
    return f" ({how} {least} to {most} seeds)" if least < most else f" ({how} {most} seeds)"


def list_values(axis: Axes, handles: list[Line2D], title: str, place: Place) -> None:
    """List one value a line in a corner of a panel, in two columns where there are many."""
    many = len(handles) > 5 and all(len(str(one.get_label())) < 8 for one in handles)
    axis.legend(
        handles=handles,
        title=title,
        title_fontsize=SMALL,
        loc=place,
        fontsize=SMALL - 0.5,
        ncols=2 if many else 1,
        labelspacing=0.25,
        columnspacing=1.0,
        handlelength=1.5 if many else 1.8,
        handletextpad=0.5,
        borderaxespad=0.2,
        frameon=True,
        facecolor="white",
        edgecolor="none",
        framealpha=0.75,
    )
