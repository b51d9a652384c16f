"""Draws ROC curves from stored predictions: the mean over attributes, and single attributes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.decisions import MEAN, Answers, Decisions, panel_title, read_answers
from farbench.figures.files import STYLE
from farbench.figures.looks import (
    TITLE,
    Legend,
    handle,
    laid_out,
    list_values,
    look,
    over_seeds,
    set_title,
    with_std,
)
from farbench.figures.request import FigureRequest
from farbench.tables.results import read_results

GRID = np.unique(np.concatenate([[0.0], np.geomspace(1e-4, 1, 150), np.linspace(0, 1, 151)]))
"""False positive rates at which curves are averaged, denser where they are steep."""


@dataclass(frozen=True)
class Curve:
    """True positive rates at the rates of ``GRID``, and the area under the exact curve."""

    rates: NDArray[np.float64]
    area: float


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    A panel shows the mean over attributes, and one each the two attributes with the smallest
    area; with ``attributes`` those instead. The mean is taken of the curves, at equal false
    positive rates (Fawcett, An introduction to ROC analysis, 2006, "vertical averaging"), so its
    area is the mean of areas. Decisions of all attributes are not pooled: as attributes differ in
    how frequent they are, a predictor that sees no image would then score far above 0.5. Several
    seeds are averaged likewise, and the range between them is shaded. Classes are drawn one
    against the rest.

    Raises:
        UserError: There are no predictions, or nothing to draw of them.
    """
    results = read_results(request.folder)
    answers = read_answers(request, results)
    panels = [(one, name) for one in answers for name in one.panels(request, _missed_area)]
    panels = [(one, name) for one, name in panels if _drawable(one, name)]
    if not panels:
        raise UserError(
            "an ROC curve needs images that are labelled yes and others that are labelled no; of "
            f"what was asked for {results.folder} has none such. Choose with --attributes."
        )
    rows = list(dict.fromkeys(row for one in answers for row in one.rows))
    columns, lines, width = laid_out(len(panels))
    with matplotlib.rc_context(STYLE):
        legend = Legend(list(map(results.label, rows)), width)
        height = legend.height + 0.25 + (0.05 + width / columns) * lines
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        seeds = []
        for axis, (one, name) in zip(axes, panels, strict=False):
            seeds += _panel(axis, one, name, rows)
            set_title(axis, panel_title(results, one, name, "mean of"), TITLE)
        for axis in axes[len(panels) :]:
            axis.remove()
        figure.supxlabel("false positive rate" + over_seeds(seeds), fontsize=9)
        figure.supylabel("true positive rate", fontsize=9)
        legend.add_to(figure)
    return figure


def curve(decisions: Decisions, name: str) -> Curve | None:
    """Return the curve of an attribute, or the mean; None without a "yes" or without a "no"."""
    if name == MEAN:
        every = [one for each in decisions.log_odds if (one := curve(decisions, each))]
        return _mean(every) if every else None
    from sklearn.metrics import auc, roc_curve

    if name not in decisions.log_odds:
        return None
    odds, truth = decisions.known(name)
    if truth.all() or not truth.any():
        return None
    false_rate, true_rate, _ = roc_curve(truth, odds)
    rates = np.interp(GRID, false_rate, true_rate)
    rates[0] = 0.0
    return Curve(rates, float(auc(false_rate, true_rate)))


def _mean(curves: list[Curve]) -> Curve:
    return Curve(
        np.mean([one.rates for one in curves], axis=0),
        statistics.fmean(one.area for one in curves),
    )


def _drawable(answers: Answers, name: str) -> bool:
    every = [one for seeds in answers.rows.values() for one in seeds]
    return any(curve(one, name) for one in every)


def _missed_area(name: str, decisions: Decisions) -> float:
    found = curve(decisions, name)
    return 1 - found.area if found else float("nan")


def _panel(axis: Axes, answers: Answers, name: str, rows: list[str]) -> list[int]:
    """Draw the rows of one panel; return how many seeds each has."""
    axis.plot([0, 1], [0, 1], color="0.75", linewidth=0.8, zorder=0)
    handles = []
    counts = []
    for row, seeds in answers.rows.items():
        curves = [found for one in seeds if (found := curve(one, name))]
        if not curves:
            continue
        number = rows.index(row)
        colour, dashes = look(number)
        counts.append(len(curves))
        whole = _mean(curves)
        axis.plot(GRID, whole.rates, color=colour, linestyle=dashes, linewidth=1.2)
        if len(curves) > 1:
            each = np.stack([one.rates for one in curves])
            axis.fill_between(GRID, each.min(0), each.max(0), color=colour, alpha=0.15, linewidth=0)
        handles.append(handle(number, with_std([one.area for one in curves], 3)))
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    list_values(axis, handles, "area", "lower right")
    return counts
