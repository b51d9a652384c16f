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
    "bars": FigureEntry(
        "farbench.figures.bars",
        "metrics of the rows with their seeds, and what papers publish beside them",
        reads=("rows", "compare", "dataset", "metric"),
    ),
    "gains": FigureEntry(
        "farbench.figures.gains",
        "what each row gains over the compared one, attribute by attribute",
        reads=("rows", "compare", "dataset", "metric", "attributes"),
    ),
    "curves": FigureEntry(
        "farbench.figures.curves",
        "loss and valid metrics over the epochs of all stages",
        reads=("rows", "dataset", "metric"),
    ),
    "roc": FigureEntry(
        "farbench.figures.roc",
        "ROC curves: the mean over attributes, and the hardest attributes",
        reads=("rows", "dataset", "attributes"),
    ),
    "reliability": FigureEntry(
        "farbench.figures.reliability",
        "how often what was said to be likely is so, with the calibration error",
        reads=("rows", "dataset", "attributes"),
    ),
    "cost": FigureEntry(
        "farbench.figures.cost",
        "what rows reach against what they cost, and the rows that no other beats in both",
        reads=("rows", "dataset", "metric", "cost"),
    ),
    "robustness": FigureEntry(
        "farbench.figures.robustness",
        "a metric on corrupted test images, a panel a corruption, over its strengths",
        reads=("rows", "dataset", "metric"),
    ),
    "weights": FigureEntry(
        "farbench.figures.weights",
        "weights and losses of the terms over training steps",
        reads=("rows", "dataset", "smooth"),
    ),
    "masks": FigureEntry(
        "farbench.figures.masks",
        "faces with the predicted mask of each group and the boxes that it was learnt from",
        reads=("rows", "dataset", "images"),
        faces=True,
    ),
    "scaled_masks": FigureEntry(
        "farbench.figures.scaled_masks",
        "faces with the masks at each area that the rows ask for",
        reads=("rows", "dataset", "images"),
        faces=True,
    ),
    "max_pool": FigureEntry(
        "farbench.figures.max_pool",
        "where on faces the global feature has its maxima, and each group's feature",
        reads=("rows", "dataset", "images"),
        faces=True,
    ),
    "corruptions": FigureEntry(
        "farbench.figures.corruptions",
        "test faces under each corruption, strength by strength",
        reads=("rows", "dataset", "images"),
        faces=True,
    ),
    "similarity": FigureEntry(
        "farbench.figures.similarity",
        "how alike the features of two places are, against the distance between them",
        reads=("rows", "dataset", "images"),
        faces=True,
    ),
}
"""Name -> figure."""
