"""Paints eyes, eyebrows, nose and mouth at their points, with the make-up on them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from farbench.masks.wflw98 import FLIP_ORDER, RIGHT_EYE, RIGHT_EYEBROW

from .canvas import Array, Canvas
from .geometry import amount, f32, mouth_opening, smooth
from .palette import Color, hsv, lip_color

_LAYER: Final = 4
_INK: Final = f32((24, 17, 19))
_WHITE: Final = f32((255, 255, 255))
_LEFT_EYE_MIRRORED: Final = FLIP_ORDER[RIGHT_EYE]
_LEFT_BROW_MIRRORED: Final = FLIP_ORDER[RIGHT_EYEBROW]
_IRIS: Final = (
    (92, 58, 34), (74, 46, 30), (58, 40, 30), (110, 78, 44), (96, 110, 84), (98, 128, 158),
    (120, 140, 150), (60, 44, 36),
)  # fmt: skip


def paint_features(canvas: Canvas, skin: Color, hair: Color) -> None:
    """Eyes, brows, nose and mouth."""
    _paint_nose(canvas, skin)
    _paint_eyes(canvas, skin)
    _paint_brows(canvas, skin, hair)
    _paint_mouth(canvas, skin)


def _paint_eyes(canvas: Canvas, skin: Color) -> None:
    face, points, rng = canvas.face, canvas.points, canvas.face.rng(_LAYER)
    unit = np.float32(canvas.unit)
    makeup = amount(1.1 * face.shown["Heavy_Makeup"])
    shadow_hue = rng.choice((0.06, 0.08, 0.6, 0.8, 0.92, 0.03, 0.45))
    shadow = hsv(shadow_hue, 0.35 + 0.3 * rng.random(), 0.25 + 0.35 * rng.random())
    iris = f32(_IRIS[int(rng.integers(len(_IRIS)))])
    white = f32((238, 232, 228)) - np.float32(10 * rng.random())
    line = skin * f32((0.42, 0.31, 0.29))
    liner = line + np.float32(makeup) * (_INK - line)
    # Both eyes are painted at once; the left one is put in the right one's order, outer corner
    # first, so that row 0 and row 1 match.
    eyes = np.stack((points[60:68], points[_LEFT_EYE_MIRRORED]))
    brows = points[[39, 49]][:, None]
    upper, lower = eyes[:, :5], eyes[:, [0, 7, 6, 5, 4]]
    crease = upper[:, 1:4] + (brows - upper[:, 2:3]) * np.float32(0.30)
    lids = np.concatenate((upper, crease[:, ::-1]), axis=1)
    canvas.polygon(lids, skin * f32((0.82, 0.69, 0.65)), 0.5, 0.03)
    reach = upper[:, 1:4] + (brows - upper[:, 2:3]) * np.float32(0.62)
    shadows = np.concatenate((upper, reach[:, ::-1]), axis=1)
    canvas.polygon(shadows, shadow, 0.75 * (makeup - 0.08), 0.05)
    outlines = smooth(eyes)
    canvas.polygon(outlines, white, curved=False)
    for outline, pupil in zip(outlines, points[96:98], strict=True):
        _paint_iris(canvas, outline, pupil, iris)
    # The upper lid's shadow on the ball, then lids and lashes.
    drop = f32((0, 0.025)) * unit
    canvas.line(upper + drop, _INK, 0.05, 0.25, 0.012)
    canvas.line(upper, liner, 0.036 + 0.018 * makeup, 0.85)
    canvas.line(lower, liner, 0.02, 0.32 + 0.3 * makeup)
    canvas.line(crease, line, 0.022, 0.45)
    if makeup > 0.2:
        outward = f32(((-1, 1), (1, 1)))[:, None]
        corners = eyes[:, :1]
        wings = np.concatenate((corners, corners + outward * unit * f32((0.08, -0.05))), axis=1)
        canvas.line(wings, _INK, 0.04, 0.8 * makeup)
        roots = upper[:, 1:4] * np.float32(0.85) + corners * np.float32(0.15)
        tips = roots + outward * unit * f32((0.035, -0.06))
        canvas.line(np.stack((roots, tips), axis=2).reshape(6, 2, 2), _INK, 0.02, 0.6 * makeup)


def _paint_iris(canvas: Canvas, outline: Array, pupil: Array, iris: Color) -> None:
    """Iris, pupil and glint, seen only inside the lids."""
    window, origin = canvas.window(outline, 1.0)
    if window is None:
        return
    mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.uint8)
    fixed = np.rint((outline - origin) * np.float32(16)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
    unit = np.float32(canvas.unit)
    ys = np.arange(mask.shape[0], dtype=np.float32)[:, None] + (origin[1] - pupil[1])
    xs = np.arange(mask.shape[1], dtype=np.float32) + (origin[0] - pupil[0])
    distance = np.sqrt(xs * xs + ys * ys)
    glint = np.sqrt((xs + 0.035 * unit) ** 2 + (ys + 0.04 * unit) ** 2)
    inside = mask * np.float32(1 / 255)
    patch = canvas.rgb[window]
    for radius, field, color in (
        (0.118, distance, iris * np.float32(0.6)),
        (0.098, distance, iris),
        (0.050, distance, _INK),
        (0.032, glint, _WHITE),
    ):
        cover = np.clip(np.float32(radius * unit + 0.5) - field, 0, 1) * inside
        patch += cover[..., None] * (color - patch)


def _paint_brows(canvas: Canvas, skin: Color, hair: Color) -> None:
    face, points, rng = canvas.face, canvas.points, canvas.face.rng(_LAYER + 1)
    bushy = amount(face.shown["Bushy_Eyebrows"])
    makeup = amount(face.shown["Heavy_Makeup"])
    color = np.minimum(hair * np.float32(0.62), skin * np.float32(0.62))
    cover = 0.55 + 0.38 * max(bushy, 0.6 * makeup) + 0.06 * rng.normal()
    brows = np.stack((points[33:42], points[_LEFT_BROW_MIRRORED]))
    canvas.polygon(brows, color, min(0.97, cover), 0.012 + 0.01 * (1 - makeup))
    # Single hairs, standing out of the outline where the brow is bushy. Upper points run from the
    # outer end inwards, lower ones back, so 8 - k faces k.
    places = rng.random(3 + int(7 * bushy)).astype(np.float32)[:, None]
    first = np.minimum((places[:, 0] * 3).astype(int), 2)
    roots = brows[:, 8 - first] + places * (brows[:, 7 - first] - brows[:, 8 - first])
    tips = brows[:, 1 + first] + places * (brows[:, 2 + first] - brows[:, 1 + first])
    tips = roots + (tips - roots) * np.float32(0.7 + 0.6 * bushy)
    hairs = np.stack((roots, tips), axis=2).reshape(-1, 2, 2)
    canvas.line(hairs, color * np.float32(0.75), 0.02, 0.5 * bushy + 0.1)


def _paint_nose(canvas: Canvas, skin: Color) -> None:
    points = canvas.points
    unit = np.float32(canvas.unit)
    dark = skin * f32((0.50, 0.34, 0.31))
    soft_dark = skin * f32((0.66, 0.50, 0.46))
    wings, holes = points[[55, 59]], points[[56, 58]]
    outward = f32(((-1, 1), (1, 1)))
    bows = np.stack(
        (
            wings + unit * outward * f32((-0.05, -0.13)),
            wings + unit * outward * f32((0.02, -0.05)),
            wings,
            0.5 * (wings + holes) + unit * f32((0, 0.015)),
        ),
        axis=1,
    )
    canvas.line(bows, soft_dark, 0.05, 0.75, 0.014)
    nostrils = 0.72 * holes + 0.28 * wings + unit * f32((0, -0.035))
    canvas.ellipse(nostrils, (0.062, 0.032), dark, 0.88, 0.012, (0.25, -0.25))
    canvas.line(points[55:60], soft_dark, 0.035, 0.75, 0.012)


def _paint_mouth(canvas: Canvas, skin: Color) -> None:
    face, points, rng = canvas.face, canvas.points, canvas.face.rng(_LAYER + 2)
    unit = np.float32(canvas.unit)
    stick = face.shown["Wearing_Lipstick"]
    color = lip_color(face.look, skin, stick, rng)
    outer, inner = points[76:88], points[88:96]
    covered = amount(1.1 * stick) if stick > -3.5 else 0.0
    canvas.polygon(outer, color, 0.80 + 0.18 * covered, 0.015 * (1.0 - covered))
    upper = np.concatenate((points[76:83], points[[92, 91, 90, 89, 88]]))
    canvas.polygon(upper, color * f32((0.80, 0.72, 0.72)), 0.55, 0.02)
    gloss = np.minimum(color * np.float32(1.15) + np.float32(40), 255)
    lower_middle = 0.5 * (points[94] + points[85])
    canvas.ellipse(lower_middle, (0.15, 0.035), gloss, 0.28 + 0.3 * covered, 0.03, face.look.roll)
    opening = mouth_opening(face.shown)
    dark = f32((62, 22, 24))
    if opening > 0.015:
        gap = smooth(inner)
        canvas.polygon(gap, dark * np.float32(0.8), curved=False)
        teeth = f32((236, 230, 220)) - np.float32(18 * rng.random())
        show = min(1.0, 0.35 + amount(face.shown["Smiling"]))
        low = inner[[7, 6, 5]] * np.float32(0.72 * show) + inner[[1, 2, 3]] * np.float32(
            1 - 0.72 * show
        )
        row = np.concatenate((inner[[0, 1, 2, 3, 4]], low[::-1]))
        canvas.polygon(
            row * np.float32(0.93) + inner.mean(axis=0) * np.float32(0.07),
            teeth,
            min(1.0, 8 * opening),
        )
        tops = inner[2] + unit * f32([(x, 0.0) for x in (-0.18, -0.09, 0, 0.09, 0.18)])
        teeth_gaps = np.stack((tops, tops + unit * f32((0, 0.6 * opening))), axis=1)
        canvas.line(teeth_gaps, dark, 0.012, 0.25)
    canvas.line(inner[[0, 1, 2, 3, 4]], dark, 0.03, 0.75)
    if opening > 0.015:
        canvas.line(inner[[0, 7, 6, 5, 4]], dark, 0.02, 0.4)
    canvas.ellipse(points[[76, 82]], (0.035, 0.03), dark, 0.6, 0.018)
