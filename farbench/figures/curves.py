"""Draws training curves from history.csv: the loss and the metrics on the valid split, by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from farbench.errors import UserError
from farbench.figures.cell_csv import read_cell_csv
from farbench.figures.files import STYLE
from farbench.figures.looks import SMALL, TITLE, Legend, laid_out, look, over_seeds, set_title
from farbench.figures.request import FigureRequest
from farbench.store.cells import HISTORY
from farbench.tables.caption import dataset_title
from farbench.tables.cells import CellResult
from farbench.tables.measures import Measure, measures
from farbench.tables.results import Results, read_results

NARROWEST = 0.16
"""The part of a panel's width that a stage has at least, so that its name and epoch fit."""

MARKED = 40
"""Epochs up to which each is a point on its line."""

TICKS = 10
"""Epochs that are numbered at most."""

LOG_FROM = 10.0
"""Losses that are this many times larger than others are drawn on a logarithmic scale."""


@dataclass(frozen=True)
class Panel:
    """One number of the history, on one data set.

    Attributes:
        title: What stands above it.
        lines: Row id to ``stage, epoch, value`` of each seed, in the order of training.
        percent: Whether values are drawn times 100.
        loss: Whether it is the loss.
    """

    title: str
    lines: dict[str, tuple[pd.DataFrame, ...]]
    percent: bool = False
    loss: bool = False


@dataclass(frozen=True)
class Axis:
    """Where the epochs of all stages stand, side by side; a row that skips a stage has a gap.

    Attributes:
        starts: Stage to its left end.
        widths: Stage to its width; the last epoch stands at its right end.
        epochs: Stage to its number of epochs.
    """

    starts: dict[str, float]
    widths: dict[str, float]
    epochs: dict[str, int]

    def place(self, stage: str, epoch: float) -> float:
        """Return where an epoch of a stage stands."""
        return self.starts[stage] + self.widths[stage] * (epoch - 0.5) / self.epochs[stage]


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    Of each data set there is a panel of the training loss and one of each metric that the table
    shows and the valid split was scored with, all over the epochs of the stages one after the
    other. Of several seeds, the mean is drawn in their range. Rows whose tasks are trained alone
    have a loss a task, and none is drawn.

    Raises:
        UserError: No cell has a history, or none of the metric asked for.
    """
    results = read_results(request.folder)
    panels = read_panels(results, request)
    rows = [row.id for row in results.rows if any(row.id in one.lines for one in panels)]
    columns, lines, width = laid_out(len(panels))
    with matplotlib.rc_context(STYLE):
        legend = Legend(list(map(results.label, rows)), width)
        figure = Figure(figsize=(width, legend.height + 0.3 + 2.3 * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for axis, panel in zip(axes, panels, strict=False):
            _draw_panel(axis, panel, rows)
            set_title(axis, panel.title, TITLE, pad=16)
        for axis in axes[len(panels) :]:
            axis.remove()
        seeds = [len(frames) for panel in panels for frames in panel.lines.values()]
        figure.supxlabel("epoch of the stage" + over_seeds(seeds), fontsize=9)
        legend.add_to(figure)
    return figure


def read_panels(results: Results, request: FigureRequest) -> list[Panel]:
    """Read the histories of the planned cells that are asked for.

    Raises:
        UserError: There is none, or none of the metric asked for.
    """
    panels = []
    recorded: dict[str, None] = {}
    chosen = request.measures_of(results)
    for dataset in request.datasets_of(results):
        rows = {
            row.id: [_read(cell) for cell in results.of(row.id, dataset) if cell.finished]
            for row in request.rows_of(results)
        }
        usual = measures(replace(results, metrics=()), dataset)
        drawn = _metric_panels(rows, chosen.get(dataset, ()))
        if not drawn and not request.metric:
            drawn = _metric_panels(rows, usual)
        if drawn:
            panels += _named(results, dataset, [*_loss_panel(rows), *drawn])
        recorded |= dict.fromkeys(m.key for m in usual if _metric_panels(rows, [m]))
    if panels:
        return panels
    if recorded:
        raise UserError(
            f"'{request.metric}' was not recorded while training; the histories of "
            f"{results.folder} have {', '.join(recorded)}. Choose one with --metric."
        )
    raise UserError(
        f"no finished cell of {results.folder} that is asked for has {HISTORY}, which is written "
        f"with each epoch. Run the benchmark again: `farbench run {results.name}`."
    )


@dataclass(frozen=True)
class _History:
    """``history.csv`` of a task, and whether its network was trained for this task alone."""

    frame: pd.DataFrame
    alone: bool


def _read(cell: CellResult) -> dict[str, _History]:
    """Return the history of each task of a cell."""
    found: dict[str, _History] = {}
    tasks_of: dict[Path, list[str]] = {}
    for task, folder in cell.folders.items():
        tasks_of.setdefault(folder, []).append(task)
    for folder, tasks in tasks_of.items():
        frame = read_cell_csv(folder / HISTORY, "epoch", "loss")
        if frame is not None:
            found |= dict.fromkeys(tasks, _History(frame, len(tasks) == 1))
    return found


def _metric_panels(
    rows: dict[str, list[dict[str, _History]]], chosen: Sequence[Measure]
) -> list[Panel]:
    """Return the panels of the metrics that were recorded."""
    panels = []
    for measure in chosen:
        lines = {}
        for row, seeds in rows.items():
            histories = [tasks[measure.task] for tasks in seeds if measure.task in tasks]
            frames = [f for one in histories if (f := _values(one, measure)) is not None]
            if frames:
                lines[row] = tuple(frames)
        if lines:
            title = f"valid {measure.title}" + (" (%)" if measure.info.percent else "")
            panels.append(Panel(title, lines, percent=measure.info.percent))
    return panels


def _values(history: _History, measure: Measure) -> pd.DataFrame | None:
    """Return ``stage, epoch, value`` of a metric; None where it was not recorded."""
    names = [f"valid_{measure.task}.{measure.info.name}"]
    names += [f"valid_{measure.info.name}"] if history.alone else []
    for name in names:
        if name in history.frame:
            return history.frame[["stage", "epoch", name]].rename(columns={name: "value"})
    return None


def _loss_panel(rows: dict[str, list[dict[str, _History]]]) -> list[Panel]:
    """Return the panel of the loss, unless every row has a loss a task."""
    lines = {}
    for row, seeds in rows.items():
        frames = [
            next(iter(tasks.values())).frame[["stage", "epoch", "loss"]]
            for tasks in seeds
            if len({id(one.frame) for one in tasks.values()}) == 1
        ]
        if frames:
            lines[row] = tuple(frame.rename(columns={"loss": "value"}) for frame in frames)
    return [Panel("training loss", lines, loss=True)] if lines else []


def _named(results: Results, dataset: str, panels: list[Panel]) -> list[Panel]:
    if len(results.datasets) == 1:
        return panels
    name = dataset_title(results, dataset)
    return [replace(panel, title=f"{name}: {panel.title}") for panel in panels]


def epochs_axis(frames: Sequence[pd.DataFrame]) -> Axis:
    """Lay the stages of all frames side by side, each as wide as it has epochs, within reason.

    A stage that only some have stands after the one that it follows there.
    """
    order: list[str] = []
    epochs: dict[str, int] = {}
    for frame in frames:
        before = -1
        for stage in frame["stage"].unique():
            if stage not in order:
                order.insert(before + 1, stage)
            before = order.index(stage)
            last = int(frame.loc[frame["stage"] == stage, "epoch"].max())
            epochs[stage] = max(last, epochs.get(stage, 0))
    total = sum(epochs.values())
    widths = {stage: max(epochs[stage], NARROWEST * total) for stage in order}
    ends = np.cumsum([0.0, *widths.values()])
    return Axis(dict(zip(order, ends[:-1].tolist(), strict=True)), widths, epochs)


def _draw_panel(axis: Axes, panel: Panel, rows: Sequence[str]) -> None:
    """Draw the rows of one panel, and mark where a stage begins."""
    along = epochs_axis([frame for seeds in panel.lines.values() for frame in seeds])
    for row, frames in panel.lines.items():
        colour, dashes = look(rows.index(row))
        joined = pd.concat(frames).groupby(["stage", "epoch"], sort=False)["value"]
        summary = joined.agg(["mean", "min", "max"]) * (100 if panel.percent else 1)
        place = np.array([along.place(stage, epoch) for stage, epoch in summary.index])
        order = np.argsort(place)
        mean, low, high = (summary[name].to_numpy()[order] for name in ("mean", "min", "max"))
        axis.plot(
            place[order],
            mean,
            color=colour,
            linestyle=dashes,
            linewidth=1.2,
            marker="o" if len(mean) <= MARKED else "",
            markersize=2.5,
        )
        if len(frames) > 1:
            axis.fill_between(place[order], low, high, color=colour, alpha=0.15, linewidth=0)
    _mark_stages(axis, along)
    values = pd.concat([frame["value"] for seeds in panel.lines.values() for frame in seeds])
    values = values[np.isfinite(values)]
    if panel.loss and len(values) and 0 < LOG_FROM * values.min() < values.max():
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    axis.margins(y=0.06)


def _mark_stages(axis: Axes, along: Axis) -> None:
    ticks: list[tuple[float, str]] = []
    step = -(-sum(along.epochs.values()) // TICKS)
    for stage, start in along.starts.items():
        if start > 0:
            axis.axvline(start, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        if len(along.starts) > 1:
            axis.text(
                start + along.widths[stage] / 2,
                1.0,
                stage,
                transform=axis.get_xaxis_transform(),
                ha="center",
                va="bottom",
                color="0.4",
                fontsize=SMALL,
            )
        last = along.epochs[stage]
        before = [epoch for epoch in range(step, last, step) if last - epoch >= step / 2]
        ticks += [(along.place(stage, epoch), str(epoch)) for epoch in [*before, last]]
    axis.set_xticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=SMALL)
    axis.set_xlim(0, sum(along.widths.values()))
