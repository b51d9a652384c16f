"""Draws a heat map of what each row gains over the compared one, attribute by attribute."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from farbench.figures.files import STYLE
from farbench.figures.gain_values import Panel, read_panels
from farbench.figures.looks import SMALL, WIDTH
from farbench.figures.request import FigureRequest
from farbench.tables.comparisons.wording import ALPHA
from farbench.tables.measures import ATTRIBUTES
from farbench.tables.results import read_results

COLOURS = "RdBu"
"""From red, worse, over white, the same, to blue, better; colour-blind readers can tell them."""

STRONGEST = 0.98
"""The share of gains that the colours tell apart; larger ones have the strongest colour."""

LINE, COLUMN = 0.165, 0.42
"""Inches of a field."""

BESIDE = 2.1
"""Inches that the names of attributes and groups take beside the fields."""

NUMBERED = 0.3
"""Inches that a field must be wide to hold its number."""

HEADING = 18
"""Characters a line of a row's label has."""

LETTER = 0.065
"""Inches that a letter of a heading is wide."""

DARK = 0.6
"""The part of the strongest gain from which numbers are white."""

DAGGER = "†"


def draw(request: FigureRequest) -> Figure:
    """Draw the figure of a benchmark's folder.

    Attributes stand from top to bottom, those of a group together, and rows side by side; the
    last line is the metric itself. A gain is the difference of the same seeds, averaged over them.
    Rows are compared to the one that the benchmark names, else to its first. The groups are those
    that most of the rows drawn recorded. Classes, points and decades of other tasks are drawn as
    attributes are, where the metric was stored for each. A dagger marks the gains and losses that
    hold in the table of significance of these rows.

    Raises:
        UserError: There are no two rows to compare, or no values for each attribute.
    """
    results = read_results(request.folder)
    compared = request.compared_of(results) or next((row.id for row in results.rows), "")
    panels = read_panels(results, request, compared)
    gains = np.concatenate([panel.gains.ravel() for panel in panels])
    known = np.abs(gains[np.isfinite(gains)])
    strongest = float(np.quantile(known, STRONGEST, method="higher")) or 1.0
    with matplotlib.rc_context(STYLE):
        shared = all(
            (one.names, one.groups) == (panels[0].names, panels[0].groups) for one in panels
        )
        beside = BESIDE if shared else BESIDE * len(panels)
        column = min(COLUMN, (WIDTH - beside) / sum(len(panel.rows) for panel in panels))
        labels = [label for panel in panels for label in panel.rows]
        turned = max(map(len, labels)) * LETTER > column
        wide = beside + sum(column * len(panel.rows) for panel in panels)
        tall = LINE * max(len(panel.names) + 1.5 for panel in panels) + 0.9
        tall += LETTER * min(HEADING, max(map(len, labels))) if turned else 0.15
        figure = Figure(figsize=(wide, tall), layout="constrained")
        axes = figure.subplots(
            1, len(panels), squeeze=False, width_ratios=[len(panel.rows) for panel in panels]
        )[0]
        for axis, panel in zip(axes, panels, strict=True):
            fields = _draw_panel(axis, panel, strongest, column, turned=turned)
            if shared and axis is not axes[0]:
                axis.set_yticks([])
            if not shared or axis is axes[-1]:
                _name_groups(axis, panel)
            axis.set_ylim(max(len(one.names) for one in panels) + 1.4, 0)
        bar = figure.colorbar(
            fields,
            ax=list(axes),
            location="bottom",
            extend="both" if known.size and known.max() > strongest else "neither",
            shrink=0.6,
            aspect=30,
            pad=0.01,
            ticks=MaxNLocator(4),
        )
        bar.ax.tick_params(labelsize=SMALL)
        bar.outline.set_visible(False)
        # Below the whole figure: the bar is not in its middle, and a long label would be cut.
        said = textwrap.fill(_label(panels, results.label(compared)), int(wide * 15))
        figure.supxlabel(said, fontsize=8, parse_math=False)
    return figure


def _label(panels: Sequence[Panel], compared: str) -> str:
    """Say what the numbers and colours are, and what is marked where anything was tested."""
    info = panels[0].measure.info
    word = "gain over" if info.higher_is_better else "difference to"
    said = f"{panels[0].measure.title}: {word} {compared}"
    unit = "points" if info.percent else info.unit.format(unit="")
    said += f", {unit}" if unit else ""
    seeds = max(panel.seeds for panel in panels)
    said += f", mean of {seeds} seeds" if seeds > 1 else ""
    tested = [panel.holds for panel in panels if panel.holds is not None]
    if not tested:
        return said
    return said + (
        f"; {DAGGER} holds at {ALPHA:.0%}"
        if any(map(np.any, tested))
        else (f"; none holds at {ALPHA:.0%}")
    )


def _draw_panel(
    axis: Axes, panel: Panel, strongest: float, column: float, *, turned: bool
) -> QuadMesh:
    """Draw the fields of one panel, their numbers, and the names around them."""
    lines = [*range(len(panel.names)), len(panel.names) + 0.4]
    info = panel.measure.info
    colours = matplotlib.colormaps[COLOURS if info.higher_is_better else f"{COLOURS}_r"]
    style: dict[str, Any] = {
        "cmap": colours,
        "norm": Normalize(-strongest, strongest),
        "edgecolors": "white",
        "linewidth": 0.5,
    }
    digits = 1 if info.percent else info.decimals
    edges = np.arange(len(panel.rows) + 1)
    axis.pcolormesh(edges, np.arange(len(panel.names) + 1), panel.gains[:-1], **style)
    fields = axis.pcolormesh(edges, [lines[-1], lines[-1] + 1], panel.gains[-1:], **style)
    for number, (line, values) in enumerate(zip(lines, panel.gains, strict=True)):
        for place, value in enumerate(values):
            text = "–" if np.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")
            if not text.strip("+−0."):
                text = "0"
            holds = panel.holds is not None and panel.holds[number, place]
            if holds:
                text = text + DAGGER if column >= NUMBERED else DAGGER
            if column >= NUMBERED or np.isnan(value) or holds:
                strong = abs(value) > DARK * strongest
                axis.text(
                    place + 0.5,
                    line + 0.54,
                    text,
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color="white" if strong else "0.15",
                )
    names = [name.replace("_", " ") for name in panel.names]
    names.append("mean" if panel.measure.task == ATTRIBUTES else "all")
    places = [line + 0.5 for line in lines]
    axis.set_yticks(places, names, fontsize=SMALL, parse_math=False)
    axis.get_yticklabels()[-1].set_fontweight("bold")
    axis.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    axis.tick_params(axis="x", rotation=90 if turned else 0)
    headings = [textwrap.fill(label, HEADING) for label in panel.rows]
    axis.set_xticks(edges[:-1] + 0.5, headings, fontsize=SMALL, parse_math=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    ends = np.cumsum([count for _, count in panel.groups])
    for end in ends[:-1]:
        axis.plot(edges[[0, -1]], [end, end], color="0.15", linewidth=0.9, clip_on=False)
    if panel.title:
        axis.set_title(panel.title, fontweight="bold", parse_math=False)
    return fields


def _name_groups(axis: Axes, panel: Panel) -> None:
    """Name the groups at the right."""
    start = 0
    for group, count in panel.groups:
        axis.text(
            len(panel.rows) + 0.15,
            start + count / 2,
            group,
            va="center",
            fontsize=SMALL,
            color="0.3",
            parse_math=False,
        )
        start += count
