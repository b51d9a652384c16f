"""Draws what corruptions cost: a panel each, a metric over the strengths, a line a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.files import STYLE
from farbench.figures.looks import SMALL, Legend, laid_out, look, over_seeds, set_title
from farbench.figures.request import FigureRequest
from farbench.tables.caption import dataset_title
from farbench.tables.measures import Measure
from farbench.tables.results import Results, read_results
from farbench.tables.robustness_scores import RobustnessScores, read_scores

ALL = "mean of all"
CLEAN_MASKS = (0, (1, 1))
"""Dashes of lines whose masks are clean ones."""
GREY = "0.45"


@dataclass(frozen=True)
class Line:
    """One row under one corruption.

    Attributes:
        row: The row's id.
        clean_masks: Whether its masks are clean ones.
        values: ``(seeds, 1 + strengths)``, the first on clean images.
    """

    row: str
    clean_masks: bool
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """One corruption on one data set.

    Attributes:
        title: What stands above it.
        dataset: The data set's name; its panels share a scale.
        lines: The rows that were evaluated.
        constant: What a predictor that sees no image scores, if that is known.
    """

    title: str
    dataset: str
    lines: tuple[Line, ...]
    constant: float | None


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    Of several seeds, the mean is drawn in their range. The last panel of a data set is the mean
    of the others. The thin grey line is a predictor that sees no image.

    Raises:
        UserError: No cell that is asked for was evaluated on corrupted images.
    """
    results = read_results(request.folder)
    scores = read_scores(results)
    if scores is None:
        raise _nothing(results)
    measured = {dataset: found[0] for dataset, found in request.measures_of(results).items()}
    panels = [
        panel
        for dataset, measure in measured.items()
        for panel in read_panels(results, scores, request, dataset, measure)
    ]
    if not panels:
        raise _nothing(results)
    drawn = {line.row for panel in panels for line in panel.lines}
    rows = [row for row in results.rows if row.id in drawn]
    columns, lines, width = laid_out(len(panels))
    with matplotlib.rc_context(STYLE):
        legend = Legend([row.label for row in rows], width)
        figure = Figure(figsize=(width, legend.height + 0.35 + 1.95 * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        places = [row.id for row in rows]
        for axis, panel in zip(axes, panels, strict=False):
            _draw_panel(axis, panel, scores.strengths, places, measured[panel.dataset])
            set_title(axis, panel.title, 30)
        for dataset in measured:
            own = [a for a, panel in zip(axes, panels, strict=False) if panel.dataset == dataset]
            low, high = (pick(a.get_ylim()[i] for a in own) for i, pick in ((0, min), (1, max)))
            for axis in own:
                axis.set_ylim(low, high)
        for axis in axes[len(panels) :]:
            axis.remove()
        title = " and ".join(dict.fromkeys(_unit(measure) for measure in measured.values()))
        seeds = [len(line.values) for panel in panels for line in panel.lines]
        figure.supylabel(title, fontsize=9)
        figure.supxlabel("strength (0: clean)" + over_seeds(seeds), fontsize=9)
        legend.add_to(figure)
        _explain(axes[0], panels)
    return figure


def read_panels(
    results: Results,
    scores: RobustnessScores,
    request: FigureRequest,
    dataset: str,
    measure: Measure,
) -> list[Panel]:
    """Read the curves of a data set, corruption by corruption, then their mean."""
    several = len(request.datasets_of(results)) > 1
    where = f", {dataset_title(results, dataset)}" if several else ""
    constant = scores.constant(results, dataset, measure)
    by_corruption = {
        name: _lines(results, scores, request, dataset, measure, name)
        for name in scores.corruptions
    }
    panels = [
        Panel(name + where, dataset, lines, constant)
        for name, lines in by_corruption.items()
        if lines
    ]
    if len(panels) > 1 and len(panels) == len(by_corruption):
        panels.append(Panel(ALL + where, dataset, _means([p.lines for p in panels]), constant))
    return panels


def _means(every: Sequence[tuple[Line, ...]]) -> tuple[Line, ...]:
    """Return the mean over corruptions of each row that has the same seeds under all of them."""
    means = []
    for line in every[0]:
        same = [
            one.values
            for lines in every
            for one in lines
            if (one.row, one.clean_masks) == (line.row, line.clean_masks)
            and len(one.values) == len(line.values)
        ]
        if len(same) == len(every):
            means.append(Line(line.row, line.clean_masks, np.mean(same, axis=0)))
    return tuple(means)


def _lines(
    results: Results,
    scores: RobustnessScores,
    request: FigureRequest,
    dataset: str,
    measure: Measure,
    corruption: str,
) -> tuple[Line, ...]:
    """Return a line for each row, and way of its masks, that was evaluated at every strength."""
    found = []
    for row in request.rows_of(results):
        for masks in scores.ways(results, row, dataset):
            seeds = []
            for cell in results.of(row.id, dataset):
                if not cell.finished:
                    continue
                values = [scores.value(cell, measure)]
                values += [
                    scores.value(cell, measure, corruption, strength, masks)
                    for strength in scores.strengths
                ]
                known = [value for value in values if value is not None]
                if len(known) == len(values):
                    seeds.append(known)
            if seeds:
                found.append(Line(row.id, masks == "clean", np.array(seeds)))
    return tuple(found)


def _draw_panel(
    axis: Axes, panel: Panel, strengths: tuple[int, ...], rows: list[str], measure: Measure
) -> None:
    x = np.array([0, *strengths])
    factor = 100 if measure.info.percent else 1
    if panel.constant is not None:
        axis.axhline(factor * panel.constant, color=GREY, linewidth=0.7)
    for line in panel.lines:
        colour, dashes = look(rows.index(line.row))
        values = factor * line.values
        if line.clean_masks:
            axis.plot(x, values.mean(0), color=colour, linestyle=CLEAN_MASKS, linewidth=1.1)
            continue
        axis.plot(
            x,
            values.mean(0),
            color=colour,
            linestyle=dashes,
            linewidth=1.4,
            marker="o",
            markersize=2.6,
        )
        if len(values) > 1:
            low, high = values.min(0), values.max(0)
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xticks(x)
    axis.tick_params(labelsize=SMALL)


def _explain(axis: Axes, panels: list[Panel]) -> None:
    """Say in the first panel what the lines are that the legend of rows does not name."""
    handles = []
    if any(line.clean_masks for panel in panels for line in panel.lines):
        handles.append(Line2D([], [], color=GREY, linestyle=CLEAN_MASKS, label="clean masks"))
    if any(panel.constant is not None for panel in panels):
        handles.append(Line2D([], [], color=GREY, linewidth=0.7, label="constant"))
    if handles:
        axis.legend(handles=handles, loc="lower left", fontsize=SMALL - 0.5, handlelength=2.2)


def _unit(measure: Measure) -> str:
    return measure.title + (" (%)" if measure.info.percent else "")


def _nothing(results: Results) -> UserError:
    return UserError(
        f"no cell of {results.folder} that is asked for was evaluated on corrupted images. Do it "
        f"with `farbench robustness {results.folder}`, which trains nothing."
    )
