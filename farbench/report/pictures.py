"""The figures of a benchmark as data URIs: SVG, or PNG where that is large and PNG is not."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.figures import FIGURES
from farbench.figures.request import FigureRequest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TYPES = {".svg": "image/svg+xml", ".png": "image/png"}

LIGHT = 150_000
"""Bytes of SVG up to which PNG is not tried: it would cost as long again."""

CSS_INCH = 110
"""CSS pixels an inch of paper: 96 by definition, and a little more for screens at arm's length."""

SHOWS_FACES = "it shows faces, and the data set does not say that its images may be shown"


@dataclass(frozen=True)
class Picture:
    """One figure of the report.

    Attributes:
        name: As ``farbench figure`` has it.
        doc: One line on what it shows.
        uri: The figure; empty where it could not be drawn.
        size: Width and height in CSS pixels: as large as it is meant to be on paper.
        reason: Why not.
    """

    name: str
    doc: str
    uri: str = ""
    size: tuple[int, int] = (0, 0)
    reason: str = ""


def draw_all(request: FigureRequest) -> list[Picture]:
    """Draw every figure; those that look at faces only where the request has plugins."""
    from farbench.figures.everything import draw_everything

    pictures = []
    for name, figure in draw_everything(request):
        doc, faces = FIGURES[name].doc, FIGURES[name].faces
        if not isinstance(figure, str):
            width, height = (round(CSS_INCH * inches) for inches in figure.get_size_inches())
            pictures.append(Picture(name, doc, uri=_uri(figure), size=(width, height)))
        elif faces and request.registry is None:
            pictures.append(Picture(name, doc, reason=SHOWS_FACES))
        else:
            pictures.append(Picture(name, doc, reason=without_place(figure, request.folder)))
    return pictures


def without_place(reason: object, folder: Path) -> str:
    """Return a reason without the place of the results on this machine, and without the stop."""
    return str(reason).replace(str(folder), folder.name).rstrip(".")


def _uri(figure: Figure) -> str:
    held = {".svg": _saved(figure, ".svg")}
    if len(held[".svg"]) > LIGHT:
        held[".png"] = _saved(figure, ".png")
    suffix = min(held, key=lambda one: len(held[one]))
    return f"data:{TYPES[suffix]};base64,{base64.b64encode(held[suffix]).decode('ascii')}"


def _saved(figure: Figure, suffix: str) -> bytes:
    from farbench.figures.files import write

    out = io.BytesIO()
    write(figure, out, suffix)
    return out.getvalue()
