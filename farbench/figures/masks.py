"""Draws faces with the masks that were predicted for each group, and the boxes they were learnt
from."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from farbench.figures.faces import open_masked
from farbench.figures.files import COLOURS, STYLE
from farbench.figures.looks import SMALL
from farbench.figures.panels import (
    face_grid,
    frame_of,
    name_columns,
    outline,
    rectangles,
    show_face,
    tint,
)
from farbench.figures.request import FigureRequest
from farbench.tables.results import read_results

IMAGES = 4
PREDICTED, KEYPOINTS = COLOURS[0], COLOURS[4]
TINTED = 0.3


def draw(request: FigureRequest) -> Figure:
    """Draw masks predicted and true (MGMTN, Fig. 6): a line a face, a column a group.

    The paper sets prediction and truth one above the other; here the truth, the rectangles round
    the keypoints, lies over the prediction, so that a difference is seen at once. Above each
    column stands the pixel F1 of the whole test split.

    Args:
        request: Whose results; by default the first row with masks, and four faces.

    Raises:
        UserError: No cell has masks, or data, plugins or cache are not there.
    """
    faces = open_masked(request, read_results(request.folder), IMAGES)
    masks = faces.masks()
    groups = faces.artifact.masks.groups
    f1 = faces.cell.record["masks"]["f1"]
    images = faces.originals
    height, width = images[0].shape[:2]
    with matplotlib.rc_context(STYLE):
        figure, axes = face_grid(len(images), len(groups), height / width, above=0.36)
        name_columns(axes, groups, [_percent(f1.get(group)) for group in groups])
        boxes = [faces.boxes(group) for group in range(len(groups))]
        for number, image in enumerate(images):
            for group in range(len(groups)):
                axis, mask = axes[number, group], masks[number, group]
                show_face(axis, image)
                tint(axis, TINTED * mask, frame_of(image), PREDICTED)
                outline(axis, mask, frame_of(image), colors=PREDICTED, linewidths=0.9)
                rectangles(axis, boxes[group][number], edgecolor=KEYPOINTS, linewidth=1.0)
        keypoints = faces.cell.record.get("keypoints")
        figure.legend(
            handles=[
                Patch(facecolor=(PREDICTED, TINTED), edgecolor=PREDICTED, label="predicted"),
                Line2D([], [], color=KEYPOINTS, label=f"boxes round the keypoints ({keypoints})"),
            ],
            loc="lower center",
            ncols=2,
            fontsize=SMALL,
            borderaxespad=0.1,
        )
    return figure


def _percent(value: float | None) -> str:
    return "no F1" if value is None else f"F1 {100 * value:.1f}"
