"""Draws where the maxima of the global feature and of each group's feature lie on faces."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.figures.faces import Faces, choose_cells, has_masks, no_cell, open_faces
from farbench.figures.files import COLOURS, STYLE
from farbench.figures.looks import SMALL, WIDTH
from farbench.figures.maxima import Heat, Maxima, find_maxima, joined
from farbench.figures.panels import (
    Frame,
    face_grid,
    name_columns,
    outline,
    show_face,
    tint,
)
from farbench.figures.request import FigureRequest
from farbench.tables.cells import CellResult
from farbench.tables.results import PlannedRow, Results, read_results

IMAGES = 3
MEASURED = 200
"""Images of the test split that the numbers above the columns are means over."""

MAXIMA, MASK = COLOURS[1], COLOURS[0]
LIGHTENED = 0.25
OPAQUE = 0.9
WIDEST = 1.2
"""Inches that a picture is wide at most, where there are few columns."""


@dataclass(frozen=True)
class Measured:
    """Where the maxima of a row's features lie, on the first images of the test split."""

    faces: Faces
    maxima: Maxima


@dataclass(frozen=True)
class Column:
    """One feature: its name, numbers, row, and where its maxima lie, ``(N, S, S)``."""

    name: str
    numbers: str
    faces: Faces
    heat: Heat
    masks: NDArray[np.uint8] | None = None


def draw(request: FigureRequest) -> Figure:
    """Draw where max-pooling fires (MGMTN, Fig. 8): a line a face, a column a feature.

    A channel's maximum lies in one cell of its map; a cell is the darker, the more channels of
    the feature have theirs there, and each picture has its own scale. A group's feature has the
    channels of all its masked levels. Above a group stand percentages, means over test images:
    the maxima of its feature that lie within its mask, those of the global feature that do, and
    the mask's share of the image, which is what would lie there by chance. (A cell that the mask
    covers in part is kept whole, so not all of a group's own maxima lie within.)

    Args:
        request: Whose results. The global feature is drawn of the first row that has one, those
            of the groups of the first that selects by masks; by default of the first row with
            masks and, where that has no global feature, of the first without. Three faces.

    Raises:
        UserError: More than two rows are asked for, none has such features, or weights, data,
            plugins or cache are not there.
    """
    found = _measure(request, read_results(request.folder))
    whole = next((one for one in found if one.maxima.whole is not None), None)
    grouped = next((one for one in found if one.maxima.groups is not None), None)
    columns = _columns(whole, grouped)
    if not columns:
        raise UserError(
            f"row '{found[0].faces.row.id}' has neither a global map nor masked levels that are "
            "made of the core's blocks (farbench.nn): choose another with --rows."
        )
    lines = min(request.images or IMAGES, len(columns[0].heat))
    images = columns[0].faces.first(lines).originals
    width = min(WIDTH, WIDEST * len(columns))
    with matplotlib.rc_context(STYLE):
        figure, axes = face_grid(
            lines,
            len(columns),
            images[0].shape[0] / images[0].shape[1],
            above=0.36,
            below=0.26 + 0.15 * len(_said(whole, grouped)),
            width=width,
        )
        name_columns(axes, [one.name for one in columns], [one.numbers for one in columns])
        for number, image in enumerate(images):
            for axis, column in zip(axes[number], columns, strict=True):
                frame, heat = crop_frame(column.faces, image), column.heat[number]
                show_face(axis, image, grey=LIGHTENED)
                tint(axis, OPAQUE * heat / max(heat.max(), 1e-12), frame, MAXIMA)
                if column.masks is not None:
                    outline(axis, column.masks[number], frame, colors=MASK, linewidths=0.9)
        _explain(figure, whole, grouped)
    return figure


def share_within(heat: Heat, masks: NDArray[np.uint8]) -> float:
    """Return the share of the maxima that lie within masks.

    Args:
        heat: ``(N, S, S)``.
        masks: ``(N, s, s)`` of the same crops.
    """
    pixel = np.arange(heat.shape[-1]) * masks.shape[-1] // heat.shape[-1]
    return float((heat * masks[:, pixel[:, None], pixel]).sum() / max(heat.sum(), 1e-12))


def crop_frame(faces: Faces, image: NDArray[np.uint8]) -> Frame:
    """Return where the centre crop that the network sees lies in the original image."""
    packed, crop = faces.cell.protocol.resize, faces.cell.protocol.crop
    begin = (packed - crop) // 2 / packed
    end = begin + crop / packed
    height, width = image.shape[:2]
    return (begin * width - 0.5, end * width - 0.5, end * height - 0.5, begin * height - 0.5)


def _measure(request: FigureRequest, results: Results) -> list[Measured]:
    """Find the maxima of the rows asked for, else of those that the figure compares."""
    if len(request.rows) > 2:
        raise UserError(
            f"figure 'max_pool' draws the global feature of one row and the groups of one, and "
            f"{len(request.rows)} rows were asked for. Give one or two with --rows."
        )
    every = choose_cells(request, results, lambda cell: True, "a network")
    if request.rows:
        return [_of_row(request, *cell) for cell in every]
    masked = [cell for cell in every if has_masks(cell[1])]
    if not masked:
        raise no_cell(request, results, "masks")
    measured = [_of_row(request, *masked[0])]
    plain = [cell for cell in every if not has_masks(cell[1])]
    if measured[0].maxima.whole is None and plain:
        measured.append(_of_row(request, *plain[0]))
    return measured


def _of_row(request: FigureRequest, row: PlannedRow, found: CellResult) -> Measured:
    faces = open_faces(request, row, found, max(MEASURED, request.images or IMAGES))
    parts = [find_maxima(faces.cell, batch) for batch in faces.batches()]
    return Measured(faces, joined(parts))


def _columns(whole: Measured | None, grouped: Measured | None) -> list[Column]:
    columns = []
    everywhere = whole.maxima.whole if whole else None
    if whole is not None and everywhere is not None:
        columns.append(Column("global", "", whole.faces, everywhere))
    if grouped is not None and grouped.maxima.groups is not None:
        faces, masks = grouped.faces, grouped.maxima.masks
        assert masks is not None  # what selects by masks was called with them
        for group, name in enumerate(faces.artifact.masks.groups):
            heat, own = grouped.maxima.groups[:, group], masks[:, group]
            parts = [share_within(heat, own)]
            parts += [] if everywhere is None else [share_within(everywhere, own)]
            numbers = " | ".join(f"{100 * part:.0f}" for part in (*parts, float(own.mean())))
            columns.append(Column(name, numbers, faces, heat, own))
    return columns


def _said(whole: Measured | None, grouped: Measured | None) -> list[str]:
    """Return the lines below the pictures."""
    lines = []
    if grouped is not None:
        parts = ["of its feature", "of the global one" if whole else "", "by chance"]
        listed = " | ".join(part for part in parts if part)
        count = len(grouped.faces.positions)
        lines.append(f"numbers: % of the maxima that lie in the mask, {listed}; {count} images")
    rows = [("global", whole), ("groups", grouped)]
    lines.append("; ".join(f"{name}: {one.faces.row.label}" for name, one in rows if one))
    return lines


def _explain(figure: Figure, whole: Measured | None, grouped: Measured | None) -> None:
    """Write below the pictures what they show."""
    handles: list[Artist] = [Patch(color=MAXIMA, label="maxima of the channels")]
    if grouped is not None:
        handles.append(Line2D([], [], color=MASK, label="mask"))
    lines = _said(whole, grouped)
    height = float(figure.get_figheight())
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, (0.02 + 0.15 * len(lines)) / height),
        ncols=2,
        fontsize=SMALL,
        borderaxespad=0.1,
    )
    for number, line in enumerate(reversed(lines)):
        y = (0.04 + 0.15 * number) / height
        figure.text(0.5, y, line, fontsize=SMALL, color="0.3", ha="center", parse_math=False)
