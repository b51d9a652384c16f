"""Draws how the weights and losses of the terms went, step by step, a line of panels a row."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.cell_csv import read_cell_csv
from farbench.figures.files import STYLE
from farbench.figures.looks import WIDTH, handle, look
from farbench.figures.request import FigureRequest
from farbench.store.cells import TERMS
from farbench.tables.caption import dataset_title
from farbench.tables.results import PlannedRow, Results, read_results

POINTS = 600
"""Points that the line of a running mean has at most; more make a vector file heavy."""

STEPS_A_MEAN = 50
"""Without a wish, the mean is over this part of the steps: one fiftieth."""

FAINT = -2
"""The depth at which the steps themselves lie, below their means."""

ROOM = 0.2
"""The part of the height that is left above the curves, for the names of the stages."""

TITLE = 46
"""Characters a line of a panel's title has."""

LOG_FROM = 20.0
"""Losses that are this many times larger than others are drawn on a logarithmic scale."""


@dataclass(frozen=True)
class Panel:
    """What one line of panels shows.

    Attributes:
        title: The row's label.
        terms: Names of the terms.
        weights: Of each seed ``(steps, T)``; NaN in stages that do not have the term.
        losses: Likewise.
        stages: Name and first step of each stage.
    """

    title: str
    terms: tuple[str, ...]
    weights: tuple[NDArray[np.float64], ...]
    losses: tuple[NDArray[np.float64], ...]
    stages: tuple[tuple[str, int], ...]


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    Every row with several terms has a line of two panels: weights and losses. Lines are running
    means over ``smooth`` steps; where that is more than one, the steps themselves lie faint below.
    Of several seeds the mean is drawn, in the range of their own running means. Weights that are
    all the same at every step are said to be, for one line hides the others.

    Args:
        request: Whose results; by default means are over a fiftieth of the steps.

    Raises:
        UserError: No cell has terms.
    """
    results = read_results(request.folder)
    panels = read_panels(results, request)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.75 + 1.75 * len(panels)), layout="constrained")
        axes = figure.subplots(len(panels), 2, squeeze=False)
        terms = tuple(dict.fromkeys(term for panel in panels for term in panel.terms))
        for pair, panel in zip(axes, panels, strict=True):
            steps = len(panel.weights[0])
            over = min(steps, request.smooth or max(1, steps // STEPS_A_MEAN))
            _lines(pair[0], panel, panel.weights, terms, over, logarithmic=False)
            _lines(pair[1], panel, panel.losses, terms, over, logarithmic=True)
            title = textwrap.fill(panel.title, TITLE)
            pair[0].set_title(title, loc="left", fontweight="bold", parse_math=False)
            pair[0].set_ylabel("weight")
            pair[1].set_ylabel("loss")
            seeds = len(panel.weights)
            said = [f"mean of {over} steps"] if over > 1 else []
            said += [f"mean and range of {seeds} seeds"] if seeds > 1 else []
            pair[1].set_title(", ".join(said), loc="right", color="0.4")
            if len(panel.terms) > 1 and np.ptp(np.stack(panel.weights), axis=2).max() == 0:
                pair[0].text(
                    0.5,
                    0.08,
                    "all terms the same",
                    color="0.4",
                    ha="center",
                    transform=pair[0].transAxes,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
                )
        for axis in axes[-1]:
            axis.set_xlabel("training step")
        handles = [handle(number, term) for number, term in enumerate(terms)]
        figure.legend(
            handles=handles, loc="outside upper center", ncols=min(4, len(terms)), handlelength=2.4
        )
    return figure


def read_panels(results: Results, request: FigureRequest) -> list[Panel]:
    """Read ``terms.csv`` of the planned cells that are asked for, seed by seed.

    Raises:
        UserError: There is none.
    """
    panels = []
    several = len(results.datasets) > 1
    for row in request.rows_of(results):
        for dataset in request.datasets_of(results):
            frames = _frames(results, row, dataset)
            if frames:
                where = f", {dataset_title(results, dataset)}" if several else ""
                panels.append(_panel(row.label + where, frames))
    if not panels:
        raise UserError(
            f"no cell of {results.folder} has {TERMS}: it is written where several tasks, or "
            "groups of attributes, are weighed. Run a benchmark that has them: `farbench run "
            "dynamic_weights`."
        )
    return panels


def _frames(results: Results, row: PlannedRow, dataset: str) -> list[pd.DataFrame]:
    """Return the terms of a row's cells that were trained with the same terms and steps."""
    frames = []
    for cell in results.of(row.id, dataset):
        for folder in dict.fromkeys(cell.folders.values()):
            frame = read_cell_csv(folder / TERMS, "step")
            frames += [] if frame is None else [frame]
    alike = [frame for frame in frames if list(frame.columns) == list(frames[0].columns)]
    return [frame for frame in alike if len(frame) == len(frames[0])]


def _panel(title: str, frames: list[pd.DataFrame]) -> Panel:
    first = frames[0]
    terms = tuple(
        name.removeprefix("weight_") for name in first.columns if name.startswith("weight_")
    )
    starts = np.flatnonzero(first["stage"].ne(first["stage"].shift()))
    return Panel(
        title,
        terms,
        tuple(frame[[f"weight_{t}" for t in terms]].to_numpy(np.float64) for frame in frames),
        tuple(frame[[f"loss_{t}" for t in terms]].to_numpy(np.float64) for frame in frames),
        tuple((str(first["stage"].iloc[start]), int(start) + 1) for start in starts),
    )


def running_mean(values: NDArray[np.float64], over: int) -> NDArray[np.float64]:
    """Return the centred running mean of ``(steps, T)``, over fewer steps at both ends.

    NaN where a window has no number.
    """
    frame = pd.DataFrame(values)
    mean = frame.rolling(over, center=True, min_periods=1).mean()
    return np.asarray(mean.where(frame.notna()).to_numpy(np.float64))


def _lines(
    axis: Axes,
    panel: Panel,
    seeds: tuple[NDArray[np.float64], ...],
    terms: tuple[str, ...],
    over: int,
    *,
    logarithmic: bool,
) -> None:
    """Draw the terms of one panel and mark where a stage begins."""
    axis.set_rasterization_zorder(FAINT + 1)  # as lines they would make a vector file heavy
    step = np.arange(1, len(seeds[0]) + 1)
    few = POINTS if over > 1 else len(step)
    drawn = np.unique(np.linspace(0, len(step) - 1, min(few, len(step))).astype(int))
    smoothed = np.stack([running_mean(values, over) for values in seeds])
    for column, term in enumerate(panel.terms):
        colour, dash = look(terms.index(term))
        if over > 1 and len(seeds) == 1:
            axis.plot(
                step, seeds[0][:, column], color=colour, linewidth=0.5, alpha=0.18, zorder=FAINT
            )
        own = smoothed[:, drawn, column]
        axis.plot(step[drawn], own.mean(0), color=colour, linestyle=dash, linewidth=1.4)
        if len(seeds) > 1:
            axis.fill_between(
                step[drawn], own.min(0), own.max(0), color=colour, alpha=0.15, linewidth=0
            )
    for name, start in panel.stages:
        if start > 1:
            axis.axvline(start - 0.5, color="0.6", linewidth=0.8, linestyle=":")
        if len(panel.stages) > 1:
            axis.annotate(
                name,
                (start, 1),
                xytext=(3, -2),
                xycoords=axis.get_xaxis_transform(),
                textcoords="offset points",
                va="top",
                color="0.4",
                fontsize=8,
            )
    axis.set_xlim(1, max(2, len(step)))
    _scale(axis, smoothed if len(seeds) > 1 else seeds[0], logarithmic=logarithmic)


def _scale(axis: Axes, values: NDArray[np.float64], *, logarithmic: bool) -> None:
    """Begin at 0 where nothing is below it; spread losses that lie far apart; leave room above."""
    values = values[np.isfinite(values)]
    if not len(values) or values.min() < 0:
        return
    low, high = values.min(), values.max()
    if logarithmic and low > 0 and high > LOG_FROM * low:
        axis.set_yscale("log")
        axis.set_ylim(low / 1.2, high * (high / low) ** ROOM)
    else:
        axis.set_ylim(0, (1 + ROOM) * high or 1)
