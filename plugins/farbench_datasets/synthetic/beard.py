"""Paints what grows on a man's face: stubble, goatee, moustache, sideburns, full beard."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from .canvas import Array, Canvas, Mask, blur, texture
from .geometry import amount, f32, smooth
from .palette import Color
from .traits import BEARD_PARTS

_LAYER: Final = 12
# The image-right strip before the ear, face units.
_SIDEBURN: Final = (
    (1.26, -0.25, -0.68),
    (1.06, -0.20, -0.55),
    (1.02, 0.35, -0.48),
    (1.03, 0.82, -0.42),
    (1.17, 0.86, -0.52),
    (1.24, 0.30, -0.66),
)


def paint_beard(canvas: Canvas, skin: Color, hair: Color, surface: Mask) -> None:
    """Paint each part as densely as its strength says; nothing on a woman's face.

    ``surface`` is the mask of the head's skin, which stubble does not leave.
    """
    face = canvas.face
    if not face.look.male:
        return
    rng = face.rng(_LAYER)
    grain = texture("grain", rng, canvas.height, canvas.width)
    color = np.minimum(hair * np.float32(0.85), skin * np.float32(0.75))
    # Stubble lets the skin shine through, bluish where hair is dark.
    stubble = 0.55 * skin * f32((0.62, 0.62, 0.68)) + 0.45 * color
    shaven = 0.26 * amount(-face.shown["No_Beard"])
    shadow = max(shaven, 0.62 * _cover(face.shown["5_o_Clock_Shadow"]))
    jaw = _jaw(canvas)
    if shadow > 0.04:
        _grow(
            canvas, np.minimum(blur(jaw, 0.08 * canvas.unit), surface), stubble, grain, shadow, 0.0
        )
    full = not face.has("No_Beard") and not any(face.has(part) for part in BEARD_PARTS)
    if full:
        cover = np.minimum(blur(jaw, 0.04 * canvas.unit), surface)
        _grow(canvas, cover, color, grain, 0.75, 0.015)
    for name, shape, soft in (("Goatee", _goatee, 0.03), ("Mustache", _moustache, 0.02)):
        density = 0.92 * _cover(face.shown[name])
        if density > 0.02:
            _grow(canvas, shape(canvas), color, grain, density, soft)
    burns = 0.9 * _cover(face.shown["Sideburns"])
    if burns > 0.02:
        mask = canvas.whole()
        half = f32(_SIDEBURN)
        for strip in (half, half * f32((-1, 1, 1))):
            canvas.fill(mask, canvas.place(strip))
        _grow(canvas, mask, color, grain, burns, 0.025)


def _cover(strength: float) -> float:
    """Density 0..1 of a part; 0 well before the threshold's far side."""
    return min(1.0, max(0.0, (amount(1.3 * strength) - 0.12) / 0.76))


def _grow(
    canvas: Canvas, mask: Mask, color: Color, grain: Array, density: float, soft: float
) -> None:
    """Blend hair in by a mask, finer and thicker from pixel to pixel."""
    if density < 0.02:
        return
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    pad = int(2.5 * soft * canvas.unit) + 1
    window = (
        slice(max(0, rows[0] - pad), rows[-1] + pad + 1),
        slice(max(0, columns[0] - pad), columns[-1] + pad + 1),
    )
    cover = mask[window]
    if soft * canvas.unit > 0.35:
        cover = blur(cover, soft * canvas.unit)
    share = cover * (np.float32(density / 255) * (1.0 + np.float32(0.22) * grain[window]))
    share = cv2.cvtColor(np.clip(share, 0, 1), cv2.COLOR_GRAY2RGB)
    hairs = cv2.cvtColor(grain[window] * np.float32(7), cv2.COLOR_GRAY2RGB) + color
    patch = canvas.rgb[window]
    patch += share * (hairs - patch)


def _jaw(canvas: Canvas) -> Mask:
    """Mask of cheeks, jaw and upper lip, without the lips."""
    points = canvas.points
    mask = canvas.whole()
    cheek = canvas.place((0.86, 0.92, -0.2), (0.62, 0.98, 0.1), (0.45, 0.80, 0.3))
    other = canvas.place((-0.45, 0.80, 0.3), (-0.62, 0.98, 0.1), (-0.86, 0.92, -0.2))
    under = points[[57]] + f32((0, 0.05 * canvas.unit))
    canvas.fill(mask, np.concatenate((points[4:29], cheek, under, other)), curved=False)
    canvas.fill(mask, points[76:88], 0)
    return mask


def _goatee(canvas: Canvas) -> Mask:
    """Mask of the chin's beard, below the lower lip."""
    points = canvas.points
    unit = np.float32(canvas.unit)
    mask = canvas.whole()
    left = points[[76]] + unit * f32((-0.04, 0.08))
    right = points[[82]] + unit * f32((0.04, 0.08))
    low = points[13:20] + unit * f32((0, 0.06))
    lip = points[[83, 84, 85, 86, 87]] + unit * f32((0, 0.04))
    canvas.fill(mask, np.concatenate((left, low, right, lip)), curved=False)
    return mask


def _moustache(canvas: Canvas) -> Mask:
    """Mask of the strip between nose and upper lip, reaching past the mouth's corners."""
    points = canvas.points
    unit = np.float32(canvas.unit)
    mask = canvas.whole()
    top = points[[55, 57, 59]] + unit * f32(((-0.05, 0.12), (0, 0.08), (0.05, 0.12)))
    ends = points[[82, 76]] + unit * f32(((0.10, 0.04), (-0.10, 0.04)))
    lip = points[[81, 80, 79, 78, 77]] + unit * f32((0, 0.015))
    outline = np.concatenate((top, ends[:1], lip, ends[1:]))
    canvas.fill(mask, smooth(outline, 3), curved=False)
    return mask
