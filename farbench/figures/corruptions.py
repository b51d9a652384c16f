"""Draws test faces as networks see them under each corruption, strength by strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from farbench.data.pack import resize
from farbench.figures.faces import choose_cells, open_faces
from farbench.figures.files import STYLE
from farbench.figures.looks import SMALL
from farbench.figures.panels import face_grid, name_columns, show_face
from farbench.figures.request import FigureRequest
from farbench.plugins.corruption import STRENGTHS, Corruption
from farbench.plugins.registry import Registry
from farbench.robustness.corrupt import corrupt
from farbench.tables.results import read_results
from farbench.tables.robustness_scores import read_scores

IMAGES = 1


def draw(request: FigureRequest) -> Figure:
    """Draw faces under corruptions: a line a corruption and face, clean on the left.

    Corruptions are those that the cells were evaluated under, with their options; else all that
    plugins provide. Each line shows another face, in the network's own crop.

    Args:
        request: Whose results; by default one face a corruption.

    Raises:
        UserError: No cell is finished, or data or plugins are not there.
    """
    results = read_results(request.folder)
    ((row, found), *_) = choose_cells(request, results, lambda cell: True, "scores")
    scores, registry = read_scores(results), request.registry
    if registry is None:
        raise ValueError("a figure of faces needs the plugins")
    names = scores.corruptions if scores else tuple(registry.corruptions)
    options = {} if scores is None else scores.options
    chosen = [c for c in _made(names, options, registry) for _ in range(request.images or IMAGES)]
    faces = open_faces(request, row, found, len(chosen))
    protocol = faces.cell.protocol
    begin = (protocol.resize - protocol.crop) // 2
    crop = slice(begin, begin + protocol.crop)
    ids = faces.source.index.frame["image"].iloc[faces.positions].astype(str).tolist()
    seed = scores.seed if scores else 0
    with matplotlib.rc_context(STYLE):
        figure, axes = face_grid(
            len(chosen), 1 + len(STRENGTHS), 1.0, left=0.2, above=0.2, below=0.0
        )
        name_columns(axes, ["clean", *(f"strength {strength}" for strength in STRENGTHS)])
        for number, corruption in enumerate(chosen):
            place = number % len(ids)
            packed = resize(faces.originals[place], protocol.resize)[None]
            shown = [packed]
            shown += [corrupt(corruption, packed, [ids[place]], s, seed)[0] for s in STRENGTHS]
            for axis, image in zip(axes[number], shown, strict=True):
                show_face(axis, np.ascontiguousarray(image[0, crop, crop]))
            axes[number, 0].annotate(
                corruption.name,
                (0, 0.5),
                xytext=(-4, 0),
                xycoords="axes fraction",
                textcoords="offset points",
                rotation=90,
                ha="right",
                va="center",
                fontsize=SMALL,
            )
    return figure


def _made(
    names: Sequence[str], options: Mapping[str, Mapping[str, Any]], registry: Registry
) -> list[Corruption]:
    """Return the corruptions that plugins still provide, with the options that were used."""
    entries = [(name, registry.corruptions[name]) for name in names if name in registry.corruptions]
    return [entry.value.model_validate(options.get(name, {})) for name, entry in entries]
