"""Draws what rows reach against what they cost, and which of them no other row beats in both."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.cost_points import Panel, Point, choose_cost, front, read_panel
from farbench.figures.files import COLOURS, STYLE
from farbench.figures.labels import NEAR, place_names
from farbench.figures.looks import PANELS, SMALL, set_title
from farbench.figures.request import FigureRequest
from farbench.scoring.catalogue import MetricInfo
from farbench.tables.results import read_results

LOG_FROM = 8.0
"""Costs that lie this many times apart are drawn on a logarithmic scale."""

MANY, LONG = 7, 14
"""Rows and characters of a name from which a panel is wider than a column of a page."""

LABEL = 24
"""Characters a line of a row's name has."""

FRONT, BEATEN, MASKS = COLOURS[0], "0.45", "0.6"


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder, a panel a data set.

    Rows that no other row beats in both are filled, and a line shows the best that can be had at a
    cost. Where masks are part of the cost, a dotted line leads back to the network alone.

    Raises:
        UserError: No such cost, or no finished cell has it.
    """
    results = read_results(request.folder)
    rows = request.rows_of(results)
    info = choose_cost(request.cost, results, rows)
    panels = []
    for dataset, found in request.measures_of(results).items():
        scored = [measure for measure in found if measure.task]
        if scored:
            panels.append(read_panel(results, rows, dataset, scored[0], info))
    panels = [panel for panel in panels if panel.points]
    if not panels:
        raise UserError(
            f"no row of {results.folder} that is asked for has both a metric and "
            f"'{info.name}': there is nothing to draw. `farbench table {results.folder} --kind "
            "costs` shows what there is."
        )
    every = [point for panel in panels for point in panel.points]
    roomy = len(every) >= MANY * len(panels) or max(len(point.label) for point in every) > LONG
    width = PANELS[min(3, len(panels) + roomy)]
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(width, 0.35 + (3.2 if roomy else 2.5) * lines), layout="constrained"
        )
        FigureCanvasAgg(figure)
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for axis in axes[len(panels) :]:
            axis.remove()
        for axis, panel in zip(axes, panels, strict=False):
            _draw_panel(axis, panel, info)
        _legend(figure, every)
        # Names are placed in pixels, so the panels must have their final places first.
        figure.draw_without_rendering()
        for axis, panel in zip(axes, panels, strict=False):
            _write_names(axis, panel, info)
    return figure


def _draw_panel(axis: Axes, panel: Panel, info: MetricInfo) -> None:
    points, measure = panel.points, panel.measure
    best = front(points, measure.info, info)
    axis.plot(
        [point.cost for point in best],
        [point.score for point in best],
        color=FRONT,
        linewidth=1.0,
        alpha=0.5,
        drawstyle="steps-post",
        zorder=1,
    )
    for point in points:
        colour = FRONT if point in best else BEATEN
        if point.masks:
            axis.plot(
                [point.cost - point.masks, point.cost],
                [point.score] * 2,
                color=MASKS,
                linewidth=1.0,
                linestyle=(0, (1, 1.5)),
                marker="|",
                markevery=[0],
                markersize=5,
                zorder=1,
            )
        axis.errorbar(
            point.cost,
            point.score,
            xerr=point.cost_std or None,
            yerr=point.score_std or None,
            color=colour,
            marker="o",
            markersize=5,
            markerfacecolor=colour if point in best else "white",
            elinewidth=1.0,
            capsize=2,
            zorder=3,
        )
    axis.grid(color="0.92", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.margins(x=0.12, y=0.14)
    unit = " (%)" if measure.info.percent else ""
    axis.set_ylabel(
        f"{measure.title}{unit}" + ("" if measure.info.higher_is_better else ", less is better")
    )
    unit = f" ({info.unit})" if info.unit else ""
    label = f"{info.label}{unit}" + (", more is better" if info.higher_is_better else "")
    if panel.unknown:
        label += "\n" + textwrap.fill(f"not measured: {', '.join(panel.unknown)}", 2 * LABEL)
    axis.set_xlabel(label, parse_math=False)
    if panel.title:
        set_title(axis, panel.title, 34)
    _spread_costs(axis, points)


def _spread_costs(axis: Axes, points: Sequence[Point]) -> None:
    """Draw costs that lie far apart on a logarithmic scale."""
    costs = [point.cost - point.masks for point in points] + [point.cost for point in points]
    if min(costs) > 0 and max(costs) > LOG_FROM * min(costs):
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, every: Sequence[Point]) -> None:
    """Say what filled points, the line and dots are."""
    handles = [
        Line2D([], [], color=FRONT, linewidth=1, marker="o", markersize=5, label="Pareto front")
    ]
    if any(point.masks for point in every):
        handles.append(
            Line2D(
                [],
                [],
                color=MASKS,
                linewidth=1,
                linestyle=(0, (1, 1.5)),
                label="share of the mask network",
            )
        )
    if any(point.score_std for point in every):
        handles.append(
            Line2D([], [], color=BEATEN, marker="|", linestyle="", label="± std over seeds")
        )
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        fontsize=SMALL,
        handletextpad=0.5,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _write_names(axis: Axes, panel: Panel, info: MetricInfo) -> None:
    """Write the name of each row where there is room, with a line to its point if it is far."""
    points = panel.points
    pixels = axis.figure.dpi / 72
    names = [_wrapped(point.label) for point in points]
    sizes = np.array([_size(axis, name) for name in names])
    anchors = axis.transData.transform([(point.cost, point.score) for point in points])
    frame = axis.get_window_extent()
    marks = _marks(axis, points, front(points, panel.measure.info, info))
    for name, point, place in zip(
        names, points, place_names(anchors, sizes, marks, frame, pixels), strict=True
    ):
        # By the side that looks at the point, for other formats draw letters a little wider.
        left, right = place.box.x0 > place.start[0], place.box.x1 < place.start[0]
        side = (
            place.box.x0 if left else place.box.x1 if right else place.box.x0 + place.box.width / 2
        )
        offset = np.array([side, (place.box.y0 + place.box.y1) / 2]) - place.start
        far = np.hypot(*(place.end - place.start)) > NEAR * pixels
        written = axis.annotate(
            name,
            (point.cost, point.score),
            xytext=tuple(offset / pixels),
            textcoords="offset points",
            ha="left" if left else "right" if right else "center",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
            parse_math=False,
            zorder=4,
        )
        written.set_in_layout(False)
        if far:
            line = axis.annotate(
                "",
                (point.cost, point.score),
                xytext=tuple((place.end - place.start) / pixels),
                textcoords="offset points",
                annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": "0.6", "linewidth": 0.6, "shrinkB": 3.5},
            )
            line.set_in_layout(False)


def _wrapped(label: str) -> str:
    return textwrap.fill(label, LABEL, break_on_hyphens=False, break_long_words=False)


def _size(axis: Axes, name: str) -> tuple[float, float]:
    """Return width and height of a name, in pixels."""
    text = axis.text(0, 0, name, fontsize=SMALL, parse_math=False)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _marks(axis: Axes, points: Sequence[Point], best: Sequence[Point]) -> NDArray[np.float64]:
    """Return pixels ``(M, 2)`` that names should not cover: points, bars, masks, the front."""
    corners: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for p in points:
        corners.append(((p.cost - p.cost_std, p.score), (p.cost + p.cost_std, p.score)))
        corners.append(((p.cost, p.score - p.score_std), (p.cost, p.score + p.score_std)))
        corners.append(((p.cost - p.masks, p.score), (p.cost, p.score)))
    for one, other in itertools.pairwise(best):
        corners.append(((one.cost, one.score), (other.cost, one.score)))
        corners.append(((other.cost, one.score), (other.cost, other.score)))
    ends = axis.transData.transform(np.array(corners).reshape(-1, 2)).reshape(-1, 2, 1, 2)
    along = np.linspace(0, 1, 12)[:, None]
    return np.asarray((ends[:, 0] * (1 - along) + ends[:, 1] * along).reshape(-1, 2))
