"""Draws how alike the features of two places of a face are, against the distance between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from farbench.errors import UserError
from farbench.figures.faces import Faces, choose_cells, open_faces
from farbench.figures.files import STYLE
from farbench.figures.looks import PANELS, SMALL, look, set_title
from farbench.figures.request import FigureRequest
from farbench.nn.trunk import LEVELS, Trunk
from farbench.tables.results import read_results

IMAGES = 200
SHOWN = (3, 4, 5)
"""The levels that are drawn, where the trunk has them: MGMTN's F_3, F_4 and F_5."""

TITLE = 30
"""Characters a line of a panel's title has."""

RANGE = (10, 90)
"""Percentiles over images that a line's band spans."""


@dataclass(frozen=True)
class Similarity:
    """Cosine similarity of the features of one level.

    Attributes:
        distance: ``(D,)``, in sides of the crop.
        images: ``(N, D)``, mean over the pairs of places of an image that lie so far apart.
        others: Mean over pairs of places of two different images.
    """

    distance: NDArray[np.float64]
    images: NDArray[np.float64]
    others: float


def draw(request: FigureRequest) -> Figure:
    """Draw similarity against distance (MGMTN, Fig. 2b): a panel a row, a line a level.

    The paper shows that features are the less alike the farther apart they lie, and gives no
    measure; the cosine of the feature vectors of two places of one map is this project's reading.
    A line is the mean over test images, its band the middle 80% of them. Distances are in sides
    of the image that the network sees; pairs farther apart than one side are few and left out.
    The dotted line of a level is the mean over places of two different faces: where a line meets
    it, a place says no more of another than a stranger's face does.

    Args:
        request: Whose results; by default the first row whose network has a trunk of the core's,
            and 200 images.

    Raises:
        UserError: No network has such a trunk, or one that was asked for has none, or weights,
            data, plugins or cache are not there.
    """
    results = read_results(request.folder)
    cells = choose_cells(request, results, lambda cell: True, "a network")
    panels, without = [], []
    for row, found in cells:
        faces = open_faces(request, row, found, request.images or IMAGES)
        measured = measure(faces)
        if not measured:
            without.append(row.id)
            continue
        panels.append((faces, measured))
        if not request.rows:
            break
    if not panels or (without and request.rows):
        raise UserError(
            f"figure 'similarity' reads the trunk of the core (farbench.nn.trunk), and the network "
            f"of {', '.join(without)} has none. Choose other rows with --rows."
        )
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(PANELS[columns], 0.45 + 2.3 * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for axis in axes.flat[len(panels) :]:
            axis.set_visible(False)
        for axis, (faces, measured) in zip(axes.flat, panels, strict=False):
            for level, similarity in measured.items():
                _draw_level(axis, similarity, SHOWN.index(level))
            set_title(axis, faces.row.label, TITLE)
            axis.set_xlabel("distance, in sides of the image")
        for axis in axes[:, 0]:
            axis.set_ylabel("cosine similarity")
        levels = sorted({level for _, measured in panels for level in measured})
        _add_legend(figure, levels)
    return figure


@torch.inference_mode()
def measure(faces: Faces) -> dict[int, Similarity]:
    """Return the similarity of each level that the trunk of a cell has.

    Args:
        faces: At least two images.
    """
    trunks = [module for module in faces.cell.network.modules() if isinstance(module, Trunk)]
    if not trunks:
        return {}
    indices = level_indices(trunks[0])
    forward, compute = faces.cell.forward, faces.cell.compute
    found: dict[int, list[NDArray[np.float64]]] = {level: [] for level in indices}
    means: dict[int, list[Tensor]] = {level: [] for level in indices}
    sides: dict[int, tuple[int, int]] = {}
    for batch in faces.batches(10):
        with compute.autocast():
            maps = trunks[0].net.forward_intermediates(
                forward.images(batch), indices=list(indices.values()), intermediates_only=True
            )
        for level, features in zip(indices, maps, strict=True):
            sides[level] = (features.shape[2], features.shape[3])
            vectors = normalize(features.float().flatten(2), dim=1)
            found[level].append(by_distance(vectors, *sides[level]))
            means[level].append(vectors.mean(2))
    return {
        level: Similarity(
            steps_between(*sides[level])[1],
            np.concatenate(found[level]),
            between_images(means[level]),
        )
        for level in indices
    }


def level_indices(trunk: Trunk) -> dict[int, int]:
    """Return the index, in timm's ``feature_info``, of each level drawn that a trunk still has."""
    # timm is untyped; a level is the deepest map of its stride, as in Trunk.
    infos: Any = trunk.net.feature_info
    strides = [info["reduction"] for info in infos]
    deepest = max(LEVELS) if trunk.final else max(trunk.levels)
    return {
        level: len(strides) - 1 - strides[::-1].index(LEVELS[level])
        for level in SHOWN
        if level <= deepest and LEVELS[level] in strides
    }


def by_distance(vectors: Tensor, height: int, width: int) -> NDArray[np.float64]:
    """Return the mean similarity ``(N, D)`` of the places of each image by their distance.

    Args:
        vectors: ``(N, C, H * W)``, of length 1.
        height: H.
        width: W.
    """
    bins, _ = steps_between(height, width)
    similarity = (vectors.transpose(1, 2) @ vectors).flatten(1).double().cpu().numpy()
    kept = bins >= 0
    total = np.stack([np.bincount(bins[kept], one[kept]) for one in similarity])
    mean: NDArray[np.float64] = total / np.bincount(bins[kept])
    return mean


def steps_between(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sort the pairs of places of a map by their distance, in steps of one cell.

    Returns:
        For each of the ``(H * W) ** 2`` pairs the number of its step, -1 for a place with itself
        and beyond one side; and the mean distance of each step in sides, ``(D,)``.
    """
    y, x = np.divmod(np.arange(height * width), width)
    dy, dx = (y[:, None] - y) / height, (x[:, None] - x) / width
    distance = np.hypot(dy, dx).ravel()
    steps = np.rint(distance * max(height, width)).astype(np.int64) - 1
    steps[(steps < 0) | (distance > 1)] = -1
    kept = steps >= 0
    return steps, np.bincount(steps[kept], distance[kept]) / np.bincount(steps[kept])


def between_images(means: list[Tensor]) -> float:
    """Return the mean similarity of places of two different images, of mean vectors ``(N, C)``."""
    every = torch.cat(means).double()
    count = len(every)
    if count < 2:
        return float("nan")
    own = float((every**2).sum())
    return (float((every.sum(0) ** 2).sum()) - own) / (count * (count - 1))


def _draw_level(axis: Axes, similarity: Similarity, number: int) -> None:
    colour, _ = look(number)
    low, high = np.percentile(similarity.images, RANGE, axis=0)
    axis.fill_between(similarity.distance, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.plot(
        similarity.distance,
        similarity.images.mean(0),
        color=colour,
        marker="o",
        markersize=3,
        linewidth=1.4,
    )
    axis.axhline(similarity.others, color=colour, linestyle=":", linewidth=1.0)


def _add_legend(figure: Figure, levels: list[int]) -> None:
    handles: list[Any] = [
        Line2D([], [], color=look(SHOWN.index(level))[0], marker="o", markersize=3, label=label)
        for level, label in ((level, f"level {level}") for level in levels)
    ]
    handles.append(Line2D([], [], color="0.4", linestyle=":", label="two faces"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        fontsize=SMALL,
        handlelength=1.6,
        columnspacing=1.0,
    )
