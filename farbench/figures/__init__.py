"""Figures from a benchmark's stored results: one a file; their list needs no matplotlib."""

from __future__ import annotations

from typing import NamedTuple


class FigureEntry(NamedTuple):
    """Where a figure is drawn, and what it shows.

    Attributes:
        module: Has ``draw(request: FigureRequest) -> matplotlib.figure.Figure``.
        doc: One line for the list of figures.
        reads: The fields of the request that it reads, beside the folder ("rows", "smooth").
        faces: Whether it looks at images or runs a trained network, and so needs plugins, data
            and what the cells left in the cache.
    """

    module: str
    doc: str
    reads: tuple[str, ...] = ()
    faces: bool = False


FIGURES: dict[str, FigureEntry] = {
    "weights": FigureEntry(
        "farbench.figures.weights",
        "weights and losses of the terms over training steps",
        reads=("rows", "dataset", "smooth"),
    ),
}
"""Name -> figure."""
