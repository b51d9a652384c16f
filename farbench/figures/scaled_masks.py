"""Draws faces with the predicted masks at several areas about the centres of their parts."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from farbench.figures.faces import has_masks, open_masked
from farbench.figures.files import STYLE
from farbench.figures.looks import SMALL
from farbench.figures.panels import face_grid, frame_of, name_columns, outline, show_face, tint
from farbench.figures.request import FigureRequest
from farbench.masks.scaling import scale_masks
from farbench.tables.results import Results, read_results

IMAGES = 2
TABLE_4 = (0.64, 0.81, 1.0, 1.21, 1.44)
"""The areas of MGMTN's Table 4."""

LIGHTENED = 0.2
OPAQUE = 0.75


def draw(request: FigureRequest) -> Figure:
    """Draw masks at several areas (MGMTN, Fig. 7; Table 4): a line a face, a column a group.

    Where rows of the benchmark ask for several areas, as in ``mask_scale``, those are drawn, else
    those of the paper's Table 4. All areas are made from the same prediction.

    Args:
        request: Whose results; by default the first row with masks, and two faces.

    Raises:
        UserError: No cell has masks, or data, plugins or cache are not there.
    """
    results = read_results(request.folder)
    faces = open_masked(request, results, IMAGES)
    masks = faces.masks()
    groups = faces.artifact.masks.groups
    areas = _areas(results)
    scaled = np.stack([scale_masks(masks, area) for area in areas])
    rings = scaled.copy()
    rings[1:] &= ~np.logical_or.accumulate(scaled[:-1])
    colours = matplotlib.colormaps["viridis"](np.linspace(0.15, 1, len(areas) - 1))
    height, width = faces.originals[0].shape[:2]
    with matplotlib.rc_context(STYLE):
        figure, axes = face_grid(len(masks), len(groups), height / width, below=0.42)
        name_columns(axes, groups)
        for number, image in enumerate(faces.originals):
            for group, axis in enumerate(axes[number]):
                frame = frame_of(image)
                show_face(axis, image, grey=LIGHTENED)
                for ring, colour in zip(rings[1:, number, group], colours, strict=True):
                    tint(axis, OPAQUE * ring, frame, colour)
                outline(axis, rings[0, number, group], frame, colors="black", linewidths=0.7)
        inner, *outer = (f"{area:.0%}" for area in areas)
        handles: list[Artist] = [Line2D([], [], color="black", linewidth=0.7, label=inner)]
        handles += [
            Patch(color=(*colour[:3], OPAQUE), label=area)
            for area, colour in zip(outer, colours, strict=True)
        ]
        figure.legend(
            handles=handles,
            title="area of the mask, relative to the prediction",
            title_fontsize=SMALL,
            loc="lower center",
            ncols=len(areas),
            fontsize=SMALL,
            borderaxespad=0.1,
        )
    return figure


def _areas(results: Results) -> tuple[float, ...]:
    """Return the areas that the benchmark's rows ask for, sorted; Table 4's where it is one."""
    asked = {
        float(cell.record["masks"]["area"])
        for cell in results.finished()
        if has_masks(cell) and "area" in cell.record["masks"]
    }
    return tuple(sorted(asked)) if len(asked) > 1 else TABLE_4
