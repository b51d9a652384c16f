"""Paints a synthetic face: the order of the layers, from the background to the lens."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .accessories import paint_accessories
from .background import paint_background
from .beard import paint_beard
from .body import paint_body
from .canvas import Canvas
from .face import Face
from .features import paint_features
from .finishing import develop
from .hair import make_hair, paint_back_hair, paint_front_hair
from .head import oily_gleam, paint_head, paint_second_chin, shade_head
from .occlusion import paint_occluder
from .palette import hair_color, skin_color

_SMALLEST = 24


def draw_face(face: Face, height: int = 218, width: int = 178) -> NDArray[np.uint8]:
    """Paint a face; the same face and size give the same bytes.

    The frame shows what aligned CelebA's 178 x 218 px show, whatever the size: a point (x, y) of
    ``face.points`` lies at ``((x + 0.5) * width / 178 - 0.5, (y + 0.5) * height / 218 - 0.5)``.

    Args:
        face: Face from ``sample_face``.
        height: Height of the picture in px.
        width: Width of the picture in px.

    Returns:
        The picture, (height, width, 3) uint8 RGB.

    Raises:
        ValueError: A side is below 24 px.
    """
    if height < _SMALLEST or width < _SMALLEST:
        raise ValueError(f"a picture needs {_SMALLEST} px a side, got {height} x {width}")
    canvas = Canvas(face, height, width)
    skin = skin_color(face.look)
    hair = hair_color(face.look, face.shown["Gray_Hair"])
    form = make_hair(canvas, hair)
    paint_background(canvas)
    paint_back_hair(canvas, form)
    paint_body(canvas, skin)
    paint_second_chin(canvas, skin)
    surface = paint_head(canvas, skin)
    paint_features(canvas, skin, hair)
    paint_beard(canvas, skin, hair, surface)
    shade_head(canvas, surface)
    if form.bald:
        oily_gleam(canvas)
    paint_front_hair(canvas, form)
    paint_accessories(canvas)
    paint_occluder(canvas, skin, form.paint)
    return develop(canvas)
