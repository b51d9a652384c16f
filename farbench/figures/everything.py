"""Draws every figure that a benchmark's results allow, and says why the others are not there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.figures import FIGURES
from farbench.figures.request import FigureRequest
from farbench.tables.results import read_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(name: str, request: FigureRequest) -> Figure:
    """Draw the figure of a name in ``FIGURES``.

    Raises:
        UserError: It cannot be drawn of these results; the message says what it needs.
    """
    figure: Figure = importlib.import_module(FIGURES[name].module).draw(request)
    return figure


def draw_everything(request: FigureRequest) -> Iterator[tuple[str, Figure | str]]:
    """Yield each figure's name, and the figure or the reason why it cannot be drawn.

    Every figure takes from the request what it reads. Those that look at faces are drawn only
    where the request has plugins.

    Raises:
        UserError: The results cannot be read, or have no such row or data set.
    """
    results = read_results(request.folder)
    request.rows_of(results)  # a wrong name is wrong for every figure: it is told once
    request.datasets_of(results)
    request.compared_of(results)
    for name, entry in FIGURES.items():
        if entry.faces and request.registry is None:
            yield name, "it looks at faces, which were not asked for"
            continue
        try:
            yield name, draw(name, request)
        except UserError as error:
            yield name, str(error)
