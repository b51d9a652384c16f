"""Paints neck, shoulders and clothes, with a necklace or a necktie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .canvas import Array, Canvas
from .geometry import amount, f32, smooth
from .palette import Color, cloth_color, hsv

_LAYER = 1
Place = Callable[..., Array]
"""Turns places (x, y) in face units below the chin into px (N, 2)."""


def paint_body(canvas: Canvas, skin: Color) -> None:
    """Neck and garment; the head is painted over them."""
    face = canvas.face
    rng = face.rng(_LAYER)
    male = face.look.male
    thick = (0.80 if male else 0.64) + 0.12 * amount(face.shown["Chubby"])
    thick += 0.02 * face.look.build[2]
    slope = rng.uniform(0.2, 0.5)
    garment = cloth_color(rng)
    # The body faces more to the camera than the head does, so it is placed in the picture's axes
    # below the chin instead of by the head's pose.
    chin = canvas.points[16]
    base = canvas.place((0.0, 1.2, -0.75))[0]
    middle = np.array((0.6 * base[0] + 0.4 * chin[0], chin[1]), dtype=np.float32)

    def at(*places: tuple[float, float]) -> Array:
        placed: Array = middle + f32(places) * np.float32(canvas.unit)
        return placed

    neck = at((-thick, -0.9), (-thick, 0.25), (-thick - 0.15, 0.45), (-1.6, 0.75), (-1.7, 2.0))
    neck = np.concatenate((neck, (neck * f32((-1, 1)) + f32((2 * middle[0], 0)))[::-1]))
    light_x = face.look.light[0]
    throat = canvas.whole()
    canvas.fill(throat, neck, curved=False)
    canvas.polygon(neck, skin * np.float32(0.88), curved=False)
    canvas.polygon(
        at((0.1, -0.8), (thick, -0.8), (thick, 0.5), (0.3, 0.9))
        if light_x < 0
        else at((-0.1, -0.8), (-thick, -0.8), (-thick, 0.5), (-0.3, 0.9)),
        skin * f32((0.60, 0.52, 0.50)),
        0.25 + 0.5 * abs(light_x),
        soft=0.16,
        within=throat,
    )
    # The head's shadow on the neck.
    jaw = canvas.points[4:29:3] + f32((-0.10 * light_x * canvas.unit, 0.16 * canvas.unit))
    canvas.polygon(jaw, skin * f32((0.52, 0.44, 0.42)), 0.75, soft=0.09, within=throat)
    tendons = at((-0.75 * thick, 0.0), (-0.25, 0.62), (0.75 * thick, 0.0), (0.25, 0.62))
    canvas.line(tendons.reshape(2, 2, 2), skin * np.float32(0.7), 0.06, 0.35, soft=0.04)
    tie = face.has("Wearing_Necktie")
    neckline = (
        "collar" if tie or (male and rng.random() < 0.45) else rng.choice(("round", "v", "low"))
    )
    depth = {"collar": 0.62, "round": 0.55, "v": 0.95, "low": 1.1}[neckline] + rng.normal(0, 0.06)
    inner = thick + {"collar": -0.02, "round": 0.05, "v": 0.06, "low": 0.4}[neckline]
    shoulders = at(
        (-2.9, 0.75 + slope), (-1.5, 0.42 + 0.4 * slope), (-inner - 0.06, 0.22 + 0.12 * slope),
        (-0.55 * inner, 0.5 * depth + 0.12), (0.0, depth), (0.55 * inner, 0.5 * depth + 0.12),
        (inner + 0.06, 0.22 + 0.12 * slope), (1.5, 0.42 + 0.4 * slope), (2.9, 0.75 + slope),
    )  # fmt: skip
    bottom = at((2.9, 3.5), (-2.9, 3.5))
    outline = np.concatenate((smooth(shoulders, closed=False), bottom))
    canvas.polygon(outline, garment, curved=False)
    canvas.line(shoulders[2:7], garment * np.float32(0.6), 0.07, 0.6, soft=0.02)
    canvas.polygon(
        at((-2.5 * np.sign(light_x), 0.7), (-0.4 * np.sign(light_x), 1.3), (-2.5, 3.0), (2.5, 3.0)),
        garment * np.float32(0.55),
        0.5,
        soft=0.3,
    )
    if neckline == "collar":
        _paint_collar(at, canvas, rng, inner, tie, garment)
    if face.has("Wearing_Necklace"):
        _paint_necklace(at, canvas, rng, thick)


def _paint_collar(
    at: Place,
    canvas: Canvas,
    rng: np.random.Generator,
    inner: float,
    tie: bool,
    garment: Color,
) -> None:
    """A shirt's collar and, below it, the necktie."""
    shirt = hsv(rng.random(), 0.12 * rng.random(), 0.82 + 0.16 * rng.random())
    if not tie and rng.random() < 0.5:
        shirt = np.clip(garment * np.float32(1.15) + 8, 0, 255)
    canvas.polygon(at((-inner, 0.2), (inner, 0.2), (0.62, 2.2), (-0.62, 2.2)), shirt, curved=False)
    if not tie:
        gap = canvas.rgb[
            min(canvas.height - 1, int(canvas.points[16][1]) + 3), int(canvas.width / 2)
        ]
        canvas.polygon(
            at((-0.4, 0.2), (0.4, 0.2), (0.0, 0.85)), gap * np.float32(1.1), curved=False
        )
    else:
        color = hsv(rng.random(), 0.45 + 0.5 * rng.random(), 0.2 + 0.55 * rng.random())
        blade = at((-0.13, 0.75), (0.13, 0.75), (0.26, 2.4), (-0.26, 2.4))
        canvas.polygon(blade, color, curved=False)
        for step in range(5):
            stripe = at((-0.3, 0.95 + 0.24 * step), (0.3, 0.75 + 0.24 * step))
            canvas.line(stripe, color * np.float32(rng.choice((0.6, 1.5))), 0.05, 0.4)
        knot = at((-0.17, 0.48), (0.17, 0.48), (0.12, 0.78), (-0.12, 0.78))
        canvas.polygon(knot, color * np.float32(0.9), curved=False)
        canvas.line(at((-0.12, 0.78), (0.12, 0.78)), color * np.float32(0.5), 0.04, 0.7)
    for side in (-1, 1):
        wing = at((side * inner, 0.12), (side * 0.1, 0.5), (side * 0.42, 0.95), (side * 0.9, 0.55))
        canvas.polygon(wing, shirt * np.float32(0.96), curved=False)
        canvas.line(wing[1:3], shirt * np.float32(0.62), 0.03, 0.7)
        canvas.line(wing[2:4], shirt * np.float32(0.7), 0.03, 0.6)


def _paint_necklace(at: Place, canvas: Canvas, rng: np.random.Generator, thick: float) -> None:
    """A chain or a string of beads round the neck, sometimes with a pendant."""
    metal = f32(((232, 190, 92), (214, 216, 222), (238, 232, 222), (60, 60, 70))[rng.integers(4)])
    drop = rng.uniform(0.42, 0.85)
    path = smooth(
        at((-thick, 0.12), (-0.6 * thick, 0.12 + 0.65 * drop), (0, 0.12 + drop),
           (0.6 * thick, 0.12 + 0.65 * drop), (thick, 0.12)), 8, closed=False,
    )  # fmt: skip
    canvas.line(path + 1, np.zeros(3), 0.05, 0.3, soft=0.02, curved=False)
    if rng.random() < 0.5:
        size = rng.uniform(0.035, 0.07)
        for bead in path[1:-1]:
            canvas.ellipse(bead, (size, size), metal)
            canvas.ellipse(
                bead - size * canvas.unit / 3, (size / 3, size / 3), (255, 255, 255), 0.7
            )
    else:
        canvas.line(path, metal, rng.uniform(0.035, 0.06), curved=False)
        if rng.random() < 0.7:
            canvas.ellipse(path[16] + f32((0, 2)), (0.07, 0.1), metal)
            canvas.ellipse(path[16] + f32((0, 2)), (0.035, 0.05), hsv(rng.random(), 0.7, 0.7))
