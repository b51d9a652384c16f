"""Draws reliability diagrams from stored predictions: how often what was said to be likely is."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from farbench.scoring.calibration import BINS, Reliability, probability_of_yes
from farbench.scoring.calibration import reliability as count
from farbench.scoring.numbers import nanmean
from farbench.tables.results import read_results

EDGES = np.linspace(0, 1, BINS + 1)

FEWEST = 10
"""Images a bin must hold to be drawn; the share of fewer is noise. They count in the error."""


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    A panel shows in what share of the images that were given a probability of "yes" the answer is
    yes, bin by bin, without bins of a few images; below it, how many images each bin holds. There
    is one of all attributes, and one each of the two whose calibration error is largest; with
    ``attributes`` those instead. The panel of all pools the decisions of all attributes; the
    error beside it is the tables': the mean of the attributes' own. Seeds are pooled, and their
    errors meant. Of classes, the decision is that the likeliest class is right, as in the tables.

    Raises:
        UserError: There are no predictions, or no labels of what was asked for.
    """
    results = read_results(request.folder)
    answers = read_answers(request, results, top_class=True)
    panels = [(one, name) for one in answers for name in one.panels(request, error)]
    panels = [(one, name) for one, name in panels if _drawable(one, name)]
    if not panels:
        raise UserError(
            f"no image of {results.folder} has a known label of what was asked for. Choose with "
            "--attributes."
        )
    rows = list(dict.fromkeys(row for one in answers for row in one.rows))
    columns, lines, width = laid_out(len(panels))
    with matplotlib.rc_context(STYLE):
        legend = Legend(list(map(results.label, rows)), width, marker="o")
        height = legend.height + 0.25 + (0.7 + width / columns) * lines
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(2 * lines, columns, squeeze=False, height_ratios=[3.2, 1] * lines)
        seeds = []
        for number, (one, name) in enumerate(panels):
            line, column = divmod(number, columns)
            pair = axes[2 * line][column], axes[2 * line + 1][column]
            seeds += _panel(*pair, one, name, rows)
            set_title(pair[0], panel_title(results, one, name, "all"), TITLE)
            if column == 0:
                pair[0].set_ylabel("observed share")
                pair[1].set_ylabel("images")
        for number in range(len(panels), lines * columns):
            line, column = divmod(number, columns)
            axes[2 * line][column].remove()
            axes[2 * line + 1][column].remove()
        figure.supxlabel("predicted probability" + over_seeds(seeds, "pooled over"), fontsize=9)
        legend.add_to(figure)
    return figure


def error(name: str, decisions: Decisions) -> float:
    """Return the expected calibration error of a decision; NaN where it is not there."""
    if name not in decisions.log_odds:
        return float("nan")
    odds, truth = decisions.known(name)
    return count(probability_of_yes(odds), truth == 1).error


def counted(name: str, seeds: tuple[Decisions, ...]) -> Reliability:
    """Count what happened, bin by bin, of a decision, or of all, over the seeds together."""
    parts = [
        one.known(each)
        for one in seeds
        for each in ([name] if name != MEAN else one.log_odds)
        if each in one.log_odds
    ]
    odds, truth = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    return count(probability_of_yes(odds), truth == 1)


def _panel(axis: Axes, below: Axes, answers: Answers, name: str, rows: list[str]) -> list[int]:
    """Draw the rows of one panel and its histogram; return how many seeds each has."""
    axis.plot([0, 1], [0, 1], color="0.75", linewidth=0.8, zorder=0)
    handles = []
    counts = []
    for row, seeds in answers.rows.items():
        errors = [one for one in (_error(name, each) for each in seeds) if not np.isnan(one)]
        if not errors:
            continue
        number = rows.index(row)
        colour, dashes = look(number)
        counts.append(len(errors))
        found = counted(name, seeds)
        full = found.images >= FEWEST
        axis.plot(
            found.predicted[full],
            found.observed[full],
            color=colour,
            linestyle=dashes,
            linewidth=1.2,
            marker="o",
            markersize=2.5,
        )
        below.stairs(found.images / len(seeds), EDGES, color=colour, linewidth=0.9)
        handles.append(handle(number, with_std([100 * one for one in errors], 1)))
    axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axis.tick_params(labelbottom=False)
    below.set(xlim=(-0.01, 1.01))
    below.set_yscale("log")
    below.set_ylim(bottom=0.7)
    below.minorticks_off()
    list_values(axis, handles, "ECE (%)", "upper left")
    return counts


def _drawable(answers: Answers, name: str) -> bool:
    every = [one for seeds in answers.rows.values() for one in seeds]
    return any(not np.isnan(_error(name, one)) for one in every)


def _error(name: str, decisions: Decisions) -> float:
    """Return the error of a decision, or the mean over all."""
    if name != MEAN:
        return error(name, decisions)
    every = np.array([error(each, decisions) for each in decisions.log_odds])
    return float(nanmean(every, axis=0))
