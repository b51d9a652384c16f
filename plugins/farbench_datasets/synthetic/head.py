"""Paints the head's skin: skull, ears, the face's surface, signs of age and weight, its shading."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from .canvas import Array, Canvas, Mask, texture
from .expressions import MOVEMENTS
from .geometry import amount, f32
from .palette import Color, hsv

_LAYER: Final = 2
_GLEAM_LAYER: Final = 11
# Upper edge of the face's surface from the image-left ear over the forehead, face units.
_FOREHEAD: Final = (
    (1.21, -0.40, -0.62),
    (1.06, -0.95, -0.45),
    (0.66, -1.38, -0.25),
    (0.0, -1.56, -0.15),
    (-0.66, -1.38, -0.25),
    (-1.06, -0.95, -0.45),
    (-1.21, -0.40, -0.62),
)
SKULL_CENTRE: Final = (0.0, -0.52, -0.70)
SKULL_RADIUS: Final = 1.27


def head_axes(canvas: Canvas) -> tuple[Array, Array]:
    """The head's axes in the picture, px per face unit: towards its right and downwards."""
    roll = canvas.face.look.roll
    across = np.array((np.cos(roll), np.sin(roll)), dtype=np.float32) * np.float32(canvas.unit)
    down = np.array((-across[1], across[0]), dtype=np.float32)
    return across, down


def skull_arc(canvas: Canvas, radius: float, start: float, stop: float, count: int = 17) -> Array:
    """Points (count, 2) in px round the skull, from 0 degrees at image right, 90 at the top."""
    height = 1.0 + 0.02 * canvas.face.look.build[2]
    across, down = head_axes(canvas)
    axes = np.stack((radius * across, radius * height * down)).astype(np.float32)
    arc: Array = canvas.place(SKULL_CENTRE)[0] + _unit_arc(start, stop, count) @ axes
    return arc


@lru_cache(maxsize=512)
def _unit_arc(start: float, stop: float, count: int) -> Array:
    """Points (count, 2) of the unit circle, y down, between two angles in degrees."""
    angles = np.radians(np.linspace(start, stop, count))
    return np.stack((np.cos(angles), -np.sin(angles)), axis=1).astype(np.float32)


def face_outline(canvas: Canvas) -> Array:
    """Outline of the face's surface in px: the 33 contour points, then the forehead."""
    return np.concatenate((canvas.points[:33], canvas.place(f32(_FOREHEAD))))


def paint_head(canvas: Canvas, skin: Color) -> Mask:
    """Skin of ears, skull and face with everything soft on it; returns the skin's mask."""
    mask = canvas.whole()
    skull = skull_arc(canvas, SKULL_RADIUS, 0, 342, 20)
    outline = face_outline(canvas)
    for side in (-1, 1):
        ear = canvas.place((side * 1.25, 0.22, -0.80))[0]
        lean = 0.12 * side + canvas.face.look.roll
        canvas.ellipse(ear, (0.15, 0.33), skin * f32((0.95, 0.86, 0.84)), angle=lean)
        canvas.ellipse(ear, (0.07, 0.20), skin * f32((0.72, 0.56, 0.52)), 0.7, 0.04, lean)
        radius = (int(0.15 * canvas.unit * 16), int(0.33 * canvas.unit * 16))
        middle = (int(ear[0] * 16), int(ear[1] * 16))
        cv2.ellipse(mask, middle, radius, float(np.degrees(lean)), 0, 360, 255, -1, cv2.LINE_AA, 4)
    canvas.fill(mask, skull)
    # The contour is filled without smoothing: its points are where the skin ends.
    canvas.fill(mask, outline, curved=False)
    canvas.polygon(skull, skin)
    canvas.polygon(outline, skin, curved=False)
    _paint_complexion(canvas, skin, mask)
    _paint_relief(canvas, skin)
    _paint_age(canvas, skin)
    _paint_expression(canvas, skin)
    return mask


def _paint_complexion(canvas: Canvas, skin: Color, mask: Mask) -> None:
    """Blotches, freckles, and the red of cheeks, natural or painted."""
    face, rng = canvas.face, canvas.face.rng(_LAYER)
    unevenness = 2.0 + 4.0 * amount(0.8 * face.look.age) + 2.0 * face.look.male
    unevenness += 3.0 * amount(-1.2 * face.look.beauty) - 2.5 * amount(face.shown["Heavy_Makeup"])
    spots = texture("blotch", rng, canvas.height, canvas.width)
    spots = spots * (mask * np.float32(max(0.4, unevenness) / 255))
    canvas.rgb += cv2.cvtColor(spots, cv2.COLOR_GRAY2RGB) * np.float32(0.9)
    if face.look.beauty < -0.4:
        count = int(3 - 4 * face.look.beauty)
        at = np.stack((rng.normal(0, 0.55, count), rng.uniform(-0.9, 1.5, count)), axis=1)
        solid = np.concatenate((at, np.full((count, 1), 0.1)), axis=1)
        size = rng.uniform(0.015, 0.032)
        spot = skin * f32((0.75, 0.5, 0.45))
        canvas.ellipse(canvas.place(solid), (size, size), spot, 0.5, 0.012)
    rosy = 0.46 * amount(face.shown["Rosy_Cheeks"]) + 0.10 * amount(face.shown["Heavy_Makeup"])
    rosy += 0.04 + 0.04 * max(0.0, face.look.skin_warmth)
    lift = 0.1 * amount(face.shown["High_Cheekbones"])
    blush = skin * f32((0.98, 0.58, 0.56)) + f32((6, 0, 6))
    roll = face.look.roll
    cheeks = canvas.place((-0.72, 0.55 - lift, 0.05), (0.72, 0.55 - lift, 0.05))
    canvas.ellipse(cheeks, (0.30, 0.22), blush, rosy, 0.13, (roll + 0.3, roll - 0.3))
    # A redder nose and lower third, as in every face.
    canvas.ellipse(canvas.points[54], (0.2, 0.16), blush, 0.10 + 0.05 * rng.random(), 0.08)


def _paint_relief(canvas: Canvas, skin: Color) -> None:
    """Eye sockets, cheekbones, the side of the nose, chin: light and shadow of the form."""
    face, points = canvas.face, canvas.points
    dark = skin * f32((0.66, 0.52, 0.48))
    light = np.minimum(skin * np.float32(1.14) + np.float32(10), 255)
    light_x = face.look.light[0]
    roll = face.look.roll
    eyes = np.stack((points[60:68].mean(axis=0), points[68:76].mean(axis=0)))
    sockets = 0.55 * eyes + 0.45 * points[[39, 49]]
    canvas.ellipse(sockets, (0.33, 0.17), dark, 0.30, 0.08)
    inner = points[[64, 68]] + f32(((0.05, -0.06), (-0.05, -0.06))) * np.float32(canvas.unit)
    canvas.ellipse(inner, (0.08, 0.14), dark, 0.38, 0.06)
    bones = amount(face.shown["High_Cheekbones"])
    plump = amount(face.shown["Chubby"])
    height = 0.40 - 0.10 * bones
    cheeks = canvas.place((-0.76, height, 0.05), (0.76, height, 0.05))
    canvas.ellipse(
        cheeks, (0.24, 0.11), light, 0.10 + 0.5 * bones, 0.07, (roll + 0.45, roll - 0.45)
    )
    hollows = canvas.place((-0.88, 0.80, -0.15), (0.88, 0.80, -0.15))
    depth = (0.05 + 0.55 * bones) * (1 - 0.7 * plump)
    canvas.ellipse(hollows, (0.30, 0.10), dark, depth, 0.09, (roll + 0.75, roll - 0.75))
    if plump > 0.15:
        puffs = canvas.place((-0.72, 0.95, 0.05), (0.72, 0.95, 0.05))
        canvas.ellipse(puffs, (0.26, 0.24), light, 0.4 * plump, 0.13)
    shadow_side = 1 if light_x < 0 else -1
    wing = points[59 if shadow_side > 0 else 55]
    flank = np.stack((points[51], points[53], points[54], wing)) + f32(
        (0.05 * shadow_side * canvas.unit, 0.0)
    )
    canvas.polygon(flank, dark, 0.25 + 0.4 * abs(light_x), 0.06)
    under = np.stack((points[55], points[57], points[59]))
    canvas.line(under + f32((0, 0.05 * canvas.unit)), dark, 0.12, 0.55, 0.05)
    canvas.line(points[51:55], light, 0.11, 0.42, 0.045)
    pointy = amount(face.shown["Pointy_Nose"])
    tip = 0.10 - 0.045 * pointy
    canvas.ellipse(points[54] - f32((0, 0.02 * canvas.unit)), (tip, tip), light, 0.6, 0.04)
    lip_base = points[85] + f32((0, 0.09 * canvas.unit))
    canvas.ellipse(lip_base, (0.24, 0.06), dark, 0.42, 0.05, face.look.roll)
    canvas.ellipse(0.4 * lip_base + 0.6 * points[16], (0.2, 0.13), light, 0.25, 0.09)
    groove = np.stack((points[57], points[79]))
    canvas.line(groove, dark, 0.09, 0.28, 0.03)
    canvas.ellipse(
        canvas.place((-0.25 * np.sign(-light_x), -0.85, 0.1))[0], (0.5, 0.28), light, 0.25, 0.2
    )


def _paint_age(canvas: Canvas, skin: Color) -> None:
    """Bags under the eyes, folds beside the mouth, wrinkles, a second chin."""
    face, points, rng = canvas.face, canvas.points, canvas.face.rng(_LAYER + 1)
    dark = skin * f32((0.62, 0.48, 0.45))
    unit = np.float32(canvas.unit)
    smile = amount(face.shown["Smiling"])
    old = amount(0.9 * face.look.age)
    bags = amount(face.shown["Bags_Under_Eyes"])
    outward = f32(((-1, 1), (1, 1)))
    lids = np.stack((points[[67, 66, 65, 64]], points[[73, 74, 75, 68]]))
    down = f32((0, 0.12 + 0.03 * bags)) * unit
    sag = f32((0, 0.05)) * unit
    pouches = np.concatenate((lids + down / 2, (lids + down + sag)[:, ::-1]), axis=1)
    canvas.polygon(pouches, skin * f32((0.66, 0.52, 0.55)), 0.62 * bags - 0.03, 0.035)
    canvas.line(lids + down + sag, dark, 0.035, 0.75 * bags - 0.05, 0.012)
    start = points[[55, 59]] + outward * unit * f32((0.06, -0.04))
    end = points[[76, 82]] + outward * unit * f32((0.10, -0.02 + 0.18 * old))
    middle = (start + end) / 2 + outward * unit * f32((0.09, -0.04))
    folds = np.stack((start, middle, end), axis=1)
    canvas.line(folds, dark, 0.05, 0.7 * old + 0.3 * smile - 0.12, 0.02)
    if smile > 0.5:
        dimples = points[[76, 82]] + outward * unit * f32((0.07, 0.0))
        canvas.ellipse(dimples, (0.04, 0.09), dark, 0.45 * smile, 0.03)
    if old > 0.25:
        rows = []
        for row in range(3):
            height, bend = -0.66 - 0.17 * row + rng.normal(0, 0.02), rng.normal(0, 0.03)
            rows += [(-0.55, height + bend, 0.0), (-0.2, height - 0.03, 0.12),
                     (0.2, height - 0.02, 0.12), (0.55, height + bend, 0.0)]  # fmt: skip
        canvas.line(
            canvas.place(f32(rows)).reshape(3, 4, 2), dark, 0.035, 0.95 * (old - 0.22), 0.01
        )
        corners = points[[60, 72]][:, None, None]
        rays = f32([((0.10, 0.3 * s), (0.23, 1.2 * s + 0.02)) for s in (-0.09, 0.0, 0.09)])
        feet = corners + outward[:, None, None] * rays * unit
        canvas.line(feet.reshape(6, 2, 2), dark, 0.024, 0.8 * (old - 0.2), 0.01)
        frown = canvas.place((-0.06, -0.40, 0.2), (-0.05, -0.24, 0.2))
        canvas.line(frown, dark, 0.035, old - 0.3, 0.01)
    second = amount(face.shown["Double_Chin"])
    if second > 0.12:
        sag = points[10:23:2] + unit * f32((0.0, -0.02))
        fold = sag * np.float32(0.82) + points[16] * np.float32(0.18)
        canvas.line(fold - unit * f32((0, 0.09)), dark, 0.06, 0.75 * second, 0.025)
        canvas.line(sag, dark * np.float32(0.9), 0.07, 0.7 * second, 0.025)


def _paint_expression(canvas: Canvas, skin: Color) -> None:
    """Folds of the expression: across the forehead, between the brows, at the nose."""
    expression, points = canvas.face.look.expression, canvas.points
    if expression is None:
        return
    by, strength = MOVEMENTS[expression.name], expression.strength
    dark = skin * f32((0.62, 0.48, 0.45))
    unit = np.float32(canvas.unit)
    raised = -0.5 * strength * min(by.inner_brow, 0.0)
    rows = [[(x, y - raised - 0.05 * (1 - x * x), 0.12) for x in (-0.6, -0.2, 0.2, 0.6)]
            for y in (-0.68, -0.82, -0.96)]  # fmt: skip
    lines = canvas.place(f32(rows).reshape(-1, 3)).reshape(3, 4, 2)
    canvas.line(lines, dark, 0.04, 0.8 * strength * by.forehead, 0.01)
    ends = points[[37, 42]] * np.float32(0.75) + points[[42, 37]] * np.float32(0.25)
    folds = np.stack((ends + unit * f32((0, -0.12)), ends + unit * f32((0, 0.16))), axis=1)
    canvas.line(folds, dark, 0.05, 0.95 * strength * by.frown, 0.012)
    across = f32(((-0.14, -0.02), (0.0, 0.04), (0.14, -0.02)))
    wrinkles = np.stack([points[51 + k] + unit * across for k in (0, 1)])
    canvas.line(wrinkles, dark, 0.035, 0.9 * strength * by.nose, 0.01)
    outward = f32(((-1, 1), (1, 1)))
    start = points[[55, 59]] + outward * unit * f32((0.08, -0.10))
    end = points[[76, 82]] + outward * unit * f32((0.13, 0.10))
    middle = (start + end) / 2 + outward * unit * f32((0.12, -0.04))
    beside = np.stack((start, middle, end), axis=1)
    canvas.line(beside, dark, 0.05, 0.8 * strength * by.nose, 0.02)


def paint_second_chin(canvas: Canvas, skin: Color) -> None:
    """The bulge of a double chin below the jaw, painted under the head."""
    second = amount(canvas.face.shown["Double_Chin"])
    if second < 0.15:
        return
    jaw = canvas.points[8:25:2]
    # Deepest below the chin, flush with the jaw at its ends.
    drop = np.sin(np.linspace(0.0, np.pi, len(jaw), dtype=np.float32))[:, None]
    bulge = jaw + drop * f32((0, (0.12 + 0.16 * second) * canvas.unit))
    tone = skin * f32((0.76, 0.68, 0.66))
    canvas.polygon(bulge, tone, min(1.0, 1.5 * second), curved=False)
    canvas.line(bulge, skin * f32((0.45, 0.36, 0.34)), 0.08, 0.6 * second, 0.04)


def shade_head(canvas: Canvas, mask: Mask) -> None:
    """Light the finished head: a Lambert term of an ellipsoid's surface, warm in the shadows."""
    look = canvas.face.look
    across, down = head_axes(canvas)
    ys, xs = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(ys):
        return
    window = (slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1))
    centre = canvas.place((0.0, 0.05, -0.45))[0]
    x = np.arange(xs[0], xs[-1] + 1, dtype=np.float32) - centre[0]
    y = (np.arange(ys[0], ys[-1] + 1, dtype=np.float32) - centre[1])[:, None]
    size = np.float32(canvas.unit**2)
    right = (x * across[0] + y * across[1]) / (size * np.float32(1.42))
    below = (x * down[0] + y * down[1]) / (size * np.float32(2.0))
    towards = np.sqrt(np.maximum(1.0 - right * right - below * below, np.float32(0.04)))
    lit = right * look.light[0] + below * look.light[1] + towards * look.light[2]
    lit = np.maximum(lit, 0.0)
    edge = np.float32(0.72) + np.float32(0.28) * towards
    strength = np.float32(0.45 + look.light_power)
    level = (1.0 - strength + strength * (np.float32(0.30) + lit * np.float32(0.85))) * edge
    level = np.maximum(level, np.float32(0.15))
    # Shadows on skin are warm: red falls off less than blue.
    change = (mask[window] * np.float32(1 / 255)) * (level - np.float32(1.0))
    factor = cv2.merge(
        (change * np.float32(0.88), change * np.float32(1.06), change * np.float32(1.1))
    )
    factor += np.float32(1.0)
    canvas.rgb[window] *= factor


def oily_gleam(canvas: Canvas) -> None:
    """A gleam of flash light on the forehead of a bald head."""
    rng = canvas.face.rng(_GLEAM_LAYER)
    at = canvas.place((rng.normal(0, 0.25), -1.35, 0.0))[0]
    canvas.ellipse(at, (0.3, 0.12), hsv(0.1, 0.05, 1.0), 0.3, 0.12, canvas.face.look.roll)
