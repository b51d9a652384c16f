"""Draws the metrics of rows side by side, with their seeds, and what papers publish beside them.

MGMTN's Fig. 9 (arXiv 2601.01408) has bars for accuracies of 91 to 92%. From 0 on, they would look
the same; cut off below, a bar that is twice as long is not twice as much. So here a number is a
point, and a bar is a difference: it begins at the row that is compared to, and its length is the
gain. Published numbers have a panel of their own, for they may lie points away; both axes are
equally long, so gains compare by eye.
"""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from farbench.errors import UserError
from farbench.figures.files import COLOURS, STYLE
from farbench.figures.looks import PANELS, SMALL, set_title, with_std
from farbench.figures.request import FigureRequest
from farbench.tables.caption import dataset_title
from farbench.tables.measures import ATTRIBUTES, Measure
from farbench.tables.results import PlannedRow, Results, read_results

BETTER, WORSE = COLOURS[0], COLOURS[1]

MEASURED: dict[str, Any] = {"color": "0.1", "marker": "o", "markersize": 4.5, "linestyle": ""}
SEED: dict[str, Any] = {"color": "0.5", "marker": ".", "markersize": 3, "linestyle": ""}
PUBLISHED: dict[str, Any] = {
    "color": "0.1",
    "marker": "D",
    "markersize": 4.5,
    "markerfacecolor": "white",
    "linestyle": "",
}

MOST = 4
"""Panels side by side at most; a data set has a line of its own where that fits."""

LABEL = 26
"""Characters a line of a row's label has."""


@dataclass(frozen=True)
class Panel:
    """One metric on one data set, measured or published.

    Attributes:
        title: What stands above it.
        measure: The metric.
        values: Of each row to draw, the numbers: one a seed, or what papers print; of some, none.
        start: The number at which bars begin; None where no row is compared to.
        published: Whether the numbers are printed by papers.
    """

    title: str
    measure: Measure
    values: tuple[tuple[float, ...], ...]
    start: float | None
    published: bool = False

    @property
    def scale(self) -> float:
        """What a stored number is multiplied by."""
        return 100 if self.measure.info.percent else 1


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    A panel shows one metric on one data set: the mean over seeds with its standard deviation, and
    the seeds themselves. Where papers print it of the same rows, a second panel shows that.

    Raises:
        UserError: Nothing that is asked for is measured.
    """
    results = read_results(request.folder)
    rows = request.rows_of(results)
    compared = request.compared_of(results)
    lines_of: list[list[Panel]] = []
    for dataset, found in request.measures_of(results).items():
        line = [
            one for measure in found for one in _panels(results, rows, compared, dataset, measure)
        ]
        lines_of += [line] if line else []
    panels = [panel for line in lines_of for panel in line]
    if not panels:
        raise UserError(
            f"no cell of {results.folder} that is asked for is finished: there is no number to "
            f"draw. `farbench table {results.folder}` says why."
        )
    alike = {len(line) for line in lines_of}
    columns = max(alike) if len(alike) == 1 and max(alike) <= MOST else min(MOST, len(panels))
    lines = -(-len(panels) // columns)
    labels = [textwrap.fill(row.label, LABEL) for row in rows]
    tall = 0.24 if not any("\n" in label for label in labels) else 0.34
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(PANELS[min(columns + 1, 3)], 0.5 + (0.65 + tall * len(rows)) * lines),
            layout="constrained",
        )
        axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for axis, panel in zip(axes.ravel(), panels, strict=False):
            _draw_panel(axis, panel, narrow=columns > 2)
        for pair in zip(axes.ravel(), axes.ravel()[1:], panels, panels[1:], strict=False):
            _alike(*pair)
        for axis in axes.ravel()[len(panels) :]:
            axis.remove()
        axes[0][0].set_yticks(range(len(rows)), labels, parse_math=False)
        axes[0][0].set_ylim(len(rows) - 0.4, -0.6)
        _legend(figure, results.label(compared or ""), panels)
    return figure


def _panels(
    results: Results,
    rows: Sequence[PlannedRow],
    compared: str | None,
    dataset: str,
    measure: Measure,
) -> list[Panel]:
    """Return what was measured, and what papers print of the same rows, where there is any."""
    name = dataset_title(results, dataset)
    title = f"{name}: {measure.title}" if len(results.datasets) > 1 else measure.title
    title += " (%)" if measure.info.percent else ""
    measured = {row.id: _values(results, row.id, dataset, measure) for row in results.rows}
    published = _published(results, dataset, measure)

    def panel(values: Mapping[str, tuple[float, ...]], title: str, of_papers: bool) -> Panel:
        base = values.get(compared or "")
        start = statistics.fmean(base) if base else None
        each = tuple(values.get(row.id, ()) for row in rows)
        return Panel(title, measure, each, start, of_papers)

    own, printed = panel(measured, title, False), panel(published, "published", True)
    if not any(own.values):
        return []
    return [own, printed] if any(printed.values) else [own]


def _values(results: Results, row: str, dataset: str, measure: Measure) -> tuple[float, ...]:
    cells = [cell for cell in results.of(row, dataset) if cell.finished]
    return tuple(value for cell in cells if (value := measure.of(cell)) is not None)


def _published(results: Results, dataset: str, measure: Measure) -> dict[str, tuple[float, ...]]:
    """Return what papers print of a row: of its label, with or without the backbone after it.

    A published row of another label is not drawn: whether it is the same method on the same trunk
    cannot be told. A published file that is gone is left to the table to complain of.
    """
    from farbench.tables.published.rows import load_published

    found: dict[str, list[float]] = {}
    for name in results.published if measure.task == ATTRIBUTES else ():
        try:
            printed = load_published(name).rows
        except UserError:
            continue
        for one in printed:
            value = one.fraction(dataset, measure.info.name)
            for row in results.rows:
                if value is not None and row.label in (one.label, f"{one.label} ({one.backbone})"):
                    found.setdefault(row.id, []).append(value)
    return {row: tuple(dict.fromkeys(values)) for row, values in found.items()}


def _draw_panel(axis: Axes, panel: Panel, *, narrow: bool) -> None:
    info = panel.measure.info
    start = None if panel.start is None else panel.scale * panel.start
    if start is not None:
        axis.axvline(start, color="0.6", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    right = axis.get_yaxis_transform()
    for place, values in enumerate(panel.values):
        scaled = [panel.scale * value for value in values]
        if not scaled:
            axis.text(1.04, place, "–", transform=right, va="center", fontsize=SMALL)
            continue
        mean = statistics.fmean(scaled)
        if start is not None:
            colour = BETTER if (mean > start) == info.higher_is_better else WORSE
            axis.barh(place, mean - start, 0.5, start, color=colour, alpha=0.3, linewidth=0)
        if panel.published:
            axis.plot(scaled, [place] * len(scaled), **PUBLISHED)
            text = ", ".join(f"{value:.{info.decimals}f}" for value in scaled)
        else:
            text = with_std(scaled, info.decimals)
            std = statistics.stdev(scaled) if len(scaled) > 1 else None
            axis.errorbar(mean, place, xerr=std, capsize=2.5, elinewidth=1.2, **MEASURED)
            if std is not None:
                axis.plot(scaled, [place + 0.33] * len(scaled), **SEED)
        axis.text(1.04, place, text, transform=right, va="center", fontsize=SMALL)
    axis.grid(axis="x", color="0.9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.use_sticky_edges = False
    axis.margins(x=0.1)
    axis.locator_params(axis="x", nbins=2 if narrow else 4)
    set_title(axis, panel.title, 15 if narrow else 34)


def _alike(measured: Axes, published: Axes, one: Panel, other: Panel) -> None:
    """Give a metric's two panels axes of the same length, each about its own numbers."""
    if one.measure != other.measure or not other.published:
        return
    ends = [axis.get_xlim() for axis in (measured, published)]
    length = max(high - low for low, high in ends)
    for axis, (low, high) in zip((measured, published), ends, strict=True):
        more = (length - (high - low)) / 2
        axis.set_xlim(low - more, high + more)


def _legend(figure: Figure, compared: str, panels: Sequence[Panel]) -> None:
    """Say what points, bars and diamonds are."""
    seeds = max(len(values) for one in panels if not one.published for values in one.values)
    said = "mean ± standard deviation" if seeds > 1 else "measured, one seed"
    handles: list[Line2D | Patch] = [Line2D([], [], label=said, **MEASURED)]
    if seeds > 1:
        handles.append(Line2D([], [], label=f"{seeds} seeds", **SEED))
    if any(panel.start is not None for panel in panels):
        handles.append(Patch(color=BETTER, alpha=0.3, linewidth=0, label=f"better than {compared}"))
        handles.append(Patch(color=WORSE, alpha=0.3, linewidth=0, label="worse"))
    if any(panel.published for panel in panels):
        handles.append(Line2D([], [], label="published", **PUBLISHED))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=min(len(handles), 5),
        fontsize=SMALL,
        handletextpad=0.4,
        columnspacing=1.2,
    )
