"""Paints the hair on the head: colour with strands, hair behind the head, cap, fringe, curtains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from .canvas import Array, Canvas, Mask, noise_tile, texture
from .geometry import amount, f32, smooth
from .head import SKULL_RADIUS, head_axes, skull_arc
from .palette import Color

_LAYER: Final = 8
_SHORT: Final = 0.42  # hair_length below which the ears stay free


@dataclass(frozen=True)
class Hair:
    """One head's hair, ready to paint.

    Attributes:
        paint: The hair's colour at every pixel of the canvas, (H, W, 3).
        length: Look's hair_length, changed where a hat or a bald head asks for it.
        volume: How far the hair stands off the skull, face units.
        wave: Size of the waves, 0..1.
        bald: Whether only a rim of hair is left.
    """

    paint: Array
    length: float
    volume: float
    wave: float
    bald: bool


def make_hair(canvas: Canvas, color: Color) -> Hair:
    """Decide on the hair's form and paint its texture."""
    face, rng = canvas.face, canvas.face.rng(_LAYER)
    bald = face.has("Bald")
    wave = amount(1.2 * face.shown["Wavy_Hair"]) * (0.55 if face.look.hair_length < _SHORT else 1.0)
    length = face.look.hair_length
    volume = 0.10 + 0.05 * rng.random() + 0.10 * wave + (0.05 if length > _SHORT else 0.0)
    if face.has("Straight_Hair"):
        volume -= 0.03
    if bald:
        length, volume = -1.0, 0.02
    return Hair(_strands(canvas, color, length, wave, rng), length, volume, wave, bald)


def _strands(
    canvas: Canvas, color: Color, length: float, wave: float, rng: np.random.Generator
) -> Array:
    """Hair colour with strands that run from the parting over the head and down, (H, W, 3)."""
    face = canvas.face
    across, down = head_axes(canvas)
    focus = canvas.place((face.look.parting, -0.95 if length > _SHORT else -0.35, -0.3))[0]
    x = np.arange(canvas.width, dtype=np.float32) - focus[0]
    y = (np.arange(canvas.height, dtype=np.float32) - focus[1])[:, None]
    size = np.float32(canvas.unit**2)
    u = (x * across[0] + y * across[1]) / size
    v = (x * down[0] + y * down[1]) / size
    radius = np.sqrt(u * u + v * v)
    if length > _SHORT:
        # Parabolas about the focus: strands leave the parting sideways and fall down.
        strand = np.sqrt(np.maximum(radius - v, np.float32(1e-4))) * np.float32(38.0)
        along = radius + v
    else:
        strand = cv2.phase(u, v) * np.float32(34.0)
        along = radius
    if wave > 0.08:
        # Blotches keep neighbouring locks out of step, or the waves would look like corrugation.
        unrest = cv2.resize(texture("blotch", rng, 20, 16), (canvas.width, canvas.height))
        phase = along * np.float32(rng.uniform(4.0, 6.5)) + u + unrest * np.float32(0.9)
        strand += np.sin(phase) * np.float32(5.0 * wave)
    shift = rng.uniform(0, 512, size=2)
    tile = noise_tile("strand")
    streak = cv2.remap(
        tile,
        strand + np.float32(shift[0]),
        along * np.float32(26.0) + np.float32(shift[1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    light = face.look.light
    shine_at = np.float32(1.05 if length > _SHORT else 1.2)
    shine = np.exp(-(((radius - shine_at) * np.float32(3.6)) ** 2)) * (v < 0.3)
    if wave > 0.08:
        shine += np.float32(0.30 * wave) * np.sin(phase + np.float32(0.9))
    level = 0.92 + 0.13 * streak + np.float32(0.28 * light[0]) * np.clip(u, -1.3, 1.3)
    level += shine * (np.float32(0.18) + np.float32(0.10) * streak)
    level -= np.float32(0.10) * np.clip(v, -0.5, 2.5)
    level = np.maximum(level, np.float32(0.25))
    glow = np.maximum(shine, 0) * np.float32(22.0) + streak * np.float32(4.0)
    return np.asarray(cv2.merge([level * channel + glow for channel in color]))


def paint_back_hair(canvas: Canvas, hair: Hair) -> None:
    """Hair that hangs behind the head and the shoulders."""
    if hair.bald or hair.length < _SHORT:
        return
    rng = canvas.face.rng(_LAYER + 1)
    reach = _fall(hair)
    wide = 1.48 + hair.volume + 0.15 * hair.wave + 0.06 * rng.normal()
    left = [(-1.1, -0.85), (-wide + 0.08, -0.35), (-wide - 0.03, 0.4)]
    left += [(-wide, 0.35 + 0.5 * reach), (-wide + 0.12, reach)]
    side = _wavy_side(left, hair, rng)
    other = _wavy_side(left, hair, rng) * f32((-1, 1))
    outline = np.concatenate((side, other[::-1]))
    mask = canvas.whole()
    canvas.fill(mask, _in_head(canvas, outline, -0.7), curved=False)
    canvas.fill(mask, skull_arc(canvas, SKULL_RADIUS + hair.volume, 0, 342, 20))
    canvas.blend(mask, _everything(canvas), hair.paint * np.float32(0.62))


def paint_front_hair(canvas: Canvas, hair: Hair) -> None:
    """Cap, fringe, hair over the ears, and loose strands."""
    face, rng = canvas.face, canvas.face.rng(_LAYER + 2)
    mask = canvas.whole()
    if hair.bald:
        _paint_rim(canvas, hair, mask)
        return
    hairline = _hairline(canvas)
    # Half-closed at the ears: the cap ends above a free ear and runs into the curtains otherwise.
    ends = (178, 2) if hair.length >= _SHORT else (194, -14)
    inner = skull_arc(canvas, SKULL_RADIUS + 0.01, *ends, 19)
    outer = skull_arc(canvas, SKULL_RADIUS + hair.volume, *ends, 19)
    # The hair lies close at the ears and stands off at the top.
    stand = np.sin(np.linspace(0.05, np.pi - 0.05, 19, dtype=np.float32))[:, None] ** np.float32(
        0.6
    )
    arc = inner + (outer - inner) * stand
    arc = _rough(arc, canvas, rng, 0.018 + 0.05 * hair.wave)
    canvas.fill(
        mask,
        np.concatenate((smooth(arc, closed=False), smooth(hairline, closed=False))),
        curved=False,
    )
    if hair.length >= _SHORT:
        _fill_curtains(canvas, hair, mask, rng)
    shadow = np.concatenate((hairline, hairline[::-1] + head_axes(canvas)[1] * np.float32(0.16)))
    canvas.polygon(shadow, (30, 16, 12), 0.36, 0.05, curved=False)
    if hair.length >= _SHORT:
        _shade_beside(canvas, mask)
    canvas.blend(mask, _everything(canvas), hair.paint)
    if face.shown["Bangs"] > -1.2 and not face.has("Wearing_Hat"):
        _paint_bangs(canvas, hair, rng)
    _paint_flyaways(canvas, hair, rng)


def _shade_beside(canvas: Canvas, mask: Mask) -> None:
    """The soft shadow that hanging hair throws on cheeks and neck."""
    small = cv2.resize(mask, (canvas.width // 3, canvas.height // 3), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (7, 7), 1.6)
    wide = cv2.resize(small, (canvas.width, canvas.height), interpolation=cv2.INTER_LINEAR)
    dimmed = np.float32(1) - wide * np.float32(0.30 / 255)
    canvas.rgb *= cv2.cvtColor(dimmed, cv2.COLOR_GRAY2RGB)


def _hairline(canvas: Canvas) -> Array:
    """The hair's edge on the forehead from image right to image left, px."""
    face = canvas.face
    recede = amount(face.shown["Receding_Hairline"])
    part = face.look.parting
    top = -1.08 + 0.03 * face.look.build[8] - 0.30 * recede
    corner = top - 0.22 * recede
    ear = 0.02 if face.look.male else -0.05
    solid = (
        (1.24, ear, -0.66), (1.12, -0.42, -0.52), (1.0 - 0.08 * recede, -0.78, -0.42),
        (0.64 - 0.10 * recede, corner + 0.10, -0.25), (0.36 + 0.3 * part, top, -0.15),
        (part, top - 0.05, -0.12), (-0.36 + 0.3 * part, top, -0.15),
        (-0.64 + 0.10 * recede, corner + 0.10, -0.25), (-1.0 + 0.08 * recede, -0.78, -0.42),
        (-1.12, -0.42, -0.52), (-1.24, ear, -0.66),
    )  # fmt: skip
    return canvas.place(f32(solid))


def _fall(hair: Hair) -> float:
    """How far down long hair reaches, face units below the eyes."""
    return 0.55 + 1.65 * min(hair.length, 1.6)


def _in_head(canvas: Canvas, outline: Array, depth: float) -> Array:
    """Places (N, 2) in face units at one depth to px."""
    solid = np.concatenate((outline, np.full((len(outline), 1), depth, np.float32)), axis=1)
    return canvas.place(solid)


def _wavy_side(path: list[tuple[float, float]], hair: Hair, rng: np.random.Generator) -> Array:
    """A side's outline, denser and with the waves' bumps in it, face units."""
    curve = smooth(f32(path), 5, closed=False)
    bumps = np.sin(curve[:, 1] * np.float32(rng.uniform(3.5, 6)) + np.float32(rng.uniform(0, 6)))
    curve[:, 0] += (0.02 + 0.12 * hair.wave) * bumps
    return curve


def _fill_curtains(canvas: Canvas, hair: Hair, mask: Mask, rng: np.random.Generator) -> None:
    """Add the hair that falls in front of ears and shoulders to the mask."""
    reach = _fall(hair)
    for side in (-1, 1):
        tucked = rng.random() < 0.25
        inner = 1.20 if tucked else 1.04 + 0.05 * rng.normal()
        outer = 1.46 + hair.volume + 0.1 * hair.wave
        edge = [(inner + 0.02, -0.75), (inner + 0.03, -0.1), (inner, 0.6), (inner - 0.02, 1.1),
                (inner + 0.1 * rng.normal(), max(1.3, reach - 0.2))]  # fmt: skip
        rim = [
            (1.15, -1.0),
            (1.38 + 0.7 * hair.volume, -0.5),
            (outer - 0.02, -0.1),
            (outer, 0.4),
            (outer, 1.0),
            (outer - 0.15, reach),
        ]
        outline = np.concatenate((_wavy_side(edge, hair, rng), _wavy_side(rim, hair, rng)[::-1]))
        canvas.fill(mask, _in_head(canvas, outline * f32((side, 1)), -0.55), curved=False)


def _rough(arc: Array, canvas: Canvas, rng: np.random.Generator, size: float) -> Array:
    """An outline with random bumps of ``size`` face units."""
    bumps = rng.normal(0, size * canvas.unit, size=(len(arc), 2)).astype(np.float32)
    return arc + bumps


def _paint_bangs(canvas: Canvas, hair: Hair, rng: np.random.Generator) -> None:
    """A fringe over the forehead, as long as the strength says."""
    cover = amount(1.3 * canvas.face.shown["Bangs"])
    low = -1.12 + 0.78 * cover
    sweep = rng.normal(0, 0.16)
    xs = np.linspace(-1.04, 1.04, 15)
    ragged = rng.uniform(-0.09, 0.05, size=15)
    # The points of the fringe alternate with the gaps between its locks.
    ragged[::2] += 0.05
    lower = [(x, low + r + sweep * x - 0.10 * (abs(x) < 0.15) * (cover < 0.7), 0.12 - 0.5 * x * x)
             for x, r in zip(xs.tolist(), ragged.tolist(), strict=True)]  # fmt: skip
    upper = ((1.12, -0.9, -0.5), (0.7, -1.42, -0.2), (0.0, -1.55, -0.1), (-0.7, -1.42, -0.2),
             (-1.12, -0.9, -0.5))  # fmt: skip
    outline = np.concatenate((canvas.place(f32(lower)), canvas.place(f32(upper))))
    canvas.polygon(outline + f32((0, 0.07 * canvas.unit)), (30, 16, 12), 0.35 * cover, 0.05, False)
    canvas.polygon(outline, hair.paint * np.float32(1.06), 1.0, 0.012, curved=False)
    strands = [((0.75 * x, -1.35, 0.0), (0.95 * x, (y - 1.2) / 2, z), (x, y, z))
               for x, y, z in lower[1:-1:2]]  # fmt: skip
    paths = canvas.place(f32(strands).reshape(-1, 3)).reshape(-1, 3, 2)
    canvas.line(paths, hair.paint * np.float32(0.66), 0.04, 0.45)


def _paint_flyaways(canvas: Canvas, hair: Hair, rng: np.random.Generator) -> None:
    """A few single strands outside the outline."""
    angles = rng.integers(20, 140, size=4).tolist()
    stand = SKULL_RADIUS + hair.volume + 0.02
    arcs = np.stack([skull_arc(canvas, stand, angle, angle + 22, 4) for angle in angles])
    arcs += rng.normal(0, 0.02 * canvas.unit, size=arcs.shape).astype(np.float32)
    canvas.line(arcs, hair.paint, 0.025, 0.5)


def _paint_rim(canvas: Canvas, hair: Hair, mask: Mask) -> None:
    """The rim of hair round a bald head's sides, or only its shadow."""
    rng = canvas.face.rng(_LAYER + 3)
    if rng.random() < 0.5:
        canvas.fill(mask, skull_arc(canvas, SKULL_RADIUS, 0, 342, 20))
        canvas.fill(mask, canvas.points[:33], 0, curved=False)
        canvas.blend(mask, _everything(canvas), hair.paint, 0.07, sigma=0.06 * canvas.unit)
        return
    for side in (-1, 1):
        patch = canvas.place(
            (side * 1.20, -0.05, -0.66), (side * 1.16, -0.45, -0.6), (side * 1.22, -0.72, -0.8),
            (side * 1.36, -0.6, -1.0), (side * 1.42, -0.1, -1.0), (side * 1.32, 0.1, -0.9),
        )  # fmt: skip
        canvas.polygon(patch, hair.paint, 0.9, 0.04)


def _everything(canvas: Canvas) -> tuple[slice, slice]:
    return slice(0, canvas.height), slice(0, canvas.width)
