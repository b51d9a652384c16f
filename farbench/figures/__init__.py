"""Figures from a benchmark's stored results: one a file; their list needs no matplotlib."""

from __future__ import annotations

from typing import NamedTuple


class FigureEntry(NamedTuple):
    """Where a figure is drawn, and what it shows.

    Attributes:
        module: Has ``draw(folder: Path, smooth: int | None) -> matplotlib.figure.Figure``.
        doc: One line for the list of figures.
    """

    module: str
    doc: str


FIGURES: dict[str, FigureEntry] = {
    "weights": FigureEntry(
        "farbench.figures.weights", "weights and losses of the terms over training steps"
    ),
}
"""Name -> figure."""
