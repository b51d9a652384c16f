"""Colours of skin, hair, lips and cloth: RGB in 0..255 as float32 arrays (3,)."""

from __future__ import annotations

from colorsys import hsv_to_rgb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .geometry import amount, f32
from .sampling import Look

Color = NDArray[np.float32]

_SKIN: Final = np.array(
    (
        (252, 230, 216),
        (243, 207, 182),
        (232, 187, 155),
        (214, 164, 127),
        (186, 132, 96),
        (142, 96, 68),
        (98, 64, 48),
    ),
    dtype=np.float32,
)
_SKIN_AT: Final = (0.0, 0.14, 0.30, 0.48, 0.66, 0.83, 1.0)
_HAIR: Final = np.array(
    (
        (22, 18, 20),
        (34, 26, 24),
        (58, 40, 31),
        (96, 63, 40),
        (136, 96, 58),
        (186, 143, 86),
        (226, 192, 132),
        (240, 218, 170),
    ),
    dtype=np.float32,
)
# On the scale of hair_light: black ends near -0.5, brown is 0.1..0.6, blond starts near 1.2.
_HAIR_AT: Final = (-2.5, -0.9, -0.35, 0.3, 0.8, 1.3, 2.0, 3.0)
_RED_HAIR: Final = np.array((150, 62, 30), dtype=np.float32)
_GREY: Final = np.array((176, 174, 172), dtype=np.float32)


def _along(table: NDArray[np.float32], stops: tuple[float, ...], at: float) -> Color:
    return np.array([np.interp(at, stops, table[:, k]) for k in range(3)], dtype=np.float32)


def skin_color(look: Look) -> Color:
    """Skin of a face in plain light."""
    color = _along(_SKIN, _SKIN_AT, look.skin)
    color += f32((2.0, 0.0, -3.5)) * np.float32(look.skin_warmth)
    return np.clip(color, 30, 254)


def hair_color(look: Look, grey_strength: float) -> Color:
    """Hair on the head; grey takes over with the strength of Gray_Hair."""
    color = _along(_HAIR, _HAIR_AT, look.hair_light)
    color += min(0.85, 0.75 * look.hair_red) * (_RED_HAIR - color)
    grey = amount(1.2 * grey_strength)
    return color + np.float32(grey) * (_GREY + np.float32(14 * look.build[9]) - color)


def lip_color(look: Look, skin: Color, lipstick: float, rng: np.random.Generator) -> Color:
    """Lips; ``lipstick`` is the strength of Wearing_Lipstick."""
    bare: Color = skin * f32((0.84, 0.62, 0.60)) + f32((6, 2, 4))
    hue = rng.choice((0.96, 0.985, 0.0, 0.93, 0.02)) + rng.normal(0, 0.008)
    stick = hsv(hue % 1.0, 0.62 + 0.18 * rng.random(), 0.62 + 0.28 * rng.random())
    cover = 0.08 + 0.72 * amount(1.1 * lipstick)
    return bare + np.float32(cover if lipstick > -3.5 else 0.0) * (stick - bare)


def hsv(hue: float, saturation: float, value: float) -> Color:
    """RGB of hue, saturation and value, each in 0..1."""
    red, green, blue = hsv_to_rgb(hue % 1.0, saturation, value)
    return np.array((255 * red, 255 * green, 255 * blue), dtype=np.float32)


def cloth_color(rng: np.random.Generator) -> Color:
    """A garment's colour: often dark or muted, now and then bright."""
    kind = rng.random()
    if kind < 0.4:
        return hsv(rng.random(), 0.25 * rng.random(), 0.08 + 0.25 * rng.random())
    if kind < 0.6:
        return hsv(rng.random(), 0.08 * rng.random(), 0.75 + 0.2 * rng.random())
    return hsv(rng.random(), 0.3 + 0.5 * rng.random(), 0.3 + 0.5 * rng.random())
