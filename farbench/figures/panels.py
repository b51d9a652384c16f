"""Small pictures of faces in a grid, and what is laid over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.typing import ColorType
from numpy.typing import NDArray

from farbench.figures.looks import SMALL, WIDTH

GAP = 0.04
"""Inches between two pictures."""

LINE = 10
"""Points from one line of text to the next."""

Frame = tuple[float, float, float, float]
"""Left, right, bottom and top of a picture, pixel centres at whole numbers."""


def frame_of(image: NDArray[np.uint8]) -> Frame:
    """Return the frame of an image ``(H, W, 3)``."""
    height, width = image.shape[:2]
    return (-0.5, width - 0.5, height - 0.5, -0.5)


def face_grid(
    lines: int,
    columns: int,
    aspect: float,
    *,
    left: float = 0.0,
    above: float = 0.3,
    below: float = 0.3,
    width: float = WIDTH,
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure of pictures that touch but for a small gap, and its axes.

    Args:
        lines: Lines of pictures.
        columns: Pictures a line.
        aspect: Height of a picture over its width.
        left: Inches at the left, for names of lines.
        above: Inches above, for the names of columns.
        below: Inches below, for a legend or numbers.
        width: Of the whole, in inches.

    Returns:
        The figure, and axes ``(lines, columns)``.
    """
    picture = (width - left - GAP * (columns - 1)) / columns
    tall = lines * picture * aspect + GAP * (lines - 1)
    height = above + tall + below
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(
        lines,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": left / width,
            "right": 1.0,
            "bottom": below / height,
            "top": 1 - above / height,
            "wspace": GAP / picture,
            "hspace": GAP / (picture * aspect),
        },
    )
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def show_face(axis: Axes, image: NDArray[np.uint8], *, grey: float = 0.0) -> None:
    """Show an image, uint8 ``(H, W, 3)``.

    Args:
        axis: Where.
        image: The image.
        grey: Above 0 its colours are left out, and it is lightened by this share, so that what
            lies over it stands out.
    """
    shown: NDArray[Any] = image
    if grey:
        light = image @ np.array([0.299, 0.587, 0.114])
        shown = np.repeat(((1 - grey) * light + grey * 255)[..., None], 3, axis=2).astype(np.uint8)
    axis.imshow(shown, extent=frame_of(image), aspect="auto", interpolation="antialiased")
    axis.set_xlim(*frame_of(image)[:2])
    axis.set_ylim(*frame_of(image)[2:])


def outline(axis: Axes, mask: NDArray[np.uint8], frame: Frame, **style: Any) -> None:
    """Draw the edge of a mask ``(s, s)`` that covers a frame, pixel by pixel.

    Args:
        axis: Where.
        mask: Of 0 and 1.
        frame: Of what the mask covers.
        style: Of the line ("colors", "linewidths", ...).
    """
    # Each pixel becomes a block, so that the line runs along its sides and not across corners.
    fine = np.pad(np.kron(mask, np.ones((8, 8))), 1)
    if not fine.any():
        return
    left, right, bottom, top = frame
    step_x, step_y = (right - left) / (8 * mask.shape[1]), (bottom - top) / (8 * mask.shape[0])
    x = left + (np.arange(fine.shape[1]) - 0.5) * step_x
    y = top + (np.arange(fine.shape[0]) - 0.5) * step_y
    axis.contour(x, y, fine, levels=[0.5], **style)


def tint(axis: Axes, amount: NDArray[np.floating], frame: Frame, colour: ColorType) -> None:
    """Lay a colour over a frame, as opaque as ``amount`` ``(h, w)`` in [0, 1] says."""
    layer = np.empty((*amount.shape, 4))
    layer[..., :3], layer[..., 3] = to_rgb(colour), amount
    axis.imshow(layer, extent=frame, aspect="auto", interpolation="nearest")


def rectangles(axis: Axes, boxes: NDArray[np.float32], **style: Any) -> None:
    """Draw boxes ``(B, 4)`` (x0, y0, x1, y1); those that are not known are left out."""
    for x0, y0, x1, y1 in boxes[~np.isnan(boxes).any(1)]:
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, **style))


def name_columns(axes: NDArray[Any], names: Sequence[str], values: Sequence[str] = ()) -> None:
    """Write the names of the columns above the first line, and below each a value if there is."""
    rows = [names, values] if any(values) else [names]
    for below, texts in enumerate(rows):
        for axis, text in zip(axes[0], texts, strict=True):
            axis.annotate(
                text,
                (0.5, 1),
                xytext=(0, 4 + LINE * (len(rows) - 1 - below)),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="baseline",
                fontsize=SMALL,
                parse_math=False,
                annotation_clip=False,
            )
