"""Paints what is worn on the head: eyeglasses, hats, earrings."""

from __future__ import annotations

from typing import Final

import numpy as np

from .canvas import Canvas
from .geometry import f32, smooth
from .head import SKULL_RADIUS, head_axes, skull_arc
from .palette import cloth_color, hsv

_LAYER: Final = 13
_METALS: Final = ((232, 190, 92), (218, 220, 226), (240, 236, 228), (40, 40, 46), (200, 60, 70))


def paint_accessories(canvas: Canvas) -> None:
    """Everything the face's labels ask for, in the order it is worn."""
    if canvas.face.has("Wearing_Earrings"):
        _paint_earrings(canvas)
    if canvas.face.has("Wearing_Hat"):
        _paint_hat(canvas)
    if canvas.face.has("Eyeglasses"):
        _paint_eyeglasses(canvas)


def _paint_eyeglasses(canvas: Canvas) -> None:
    """Frames round both eyes, a bridge and temples; now and then dark lenses."""
    rng = canvas.face.rng(_LAYER)
    across, down = head_axes(canvas)
    style = rng.random()
    frame = hsv(rng.choice((0.05, 0.08, 0.6, 0.0)), 0.5 * rng.random(), 0.05 + 0.3 * rng.random())
    if style < 0.25:
        frame = f32(_METALS[int(rng.integers(2))]) * np.float32(0.8)
    thick = rng.uniform(0.02, 0.05) if style < 0.4 else rng.uniform(0.05, 0.095)
    wide, tall = rng.uniform(0.36, 0.43), rng.uniform(0.23, 0.36)
    power = rng.uniform(2.0, 4.5)  # of the superellipse: 2 is round, more is squarer
    angles = np.linspace(0, 2 * np.pi, 21, dtype=np.float32)[:-1]
    cosine, sine = np.cos(angles), np.sin(angles)
    rim_x = np.sign(cosine) * np.abs(cosine) ** (2 / power) * wide
    rim_y = np.sign(sine) * np.abs(sine) ** (2 / power) * tall
    dark_lens = rng.random() < 0.16
    tint = hsv(rng.random(), 0.3, 0.08 + 0.1 * rng.random())
    centres = (canvas.points[60:68].mean(axis=0), canvas.points[68:76].mean(axis=0))
    # A rim is narrower on the side that is turned away.
    gap = float(np.linalg.norm(centres[1] - centres[0])) / canvas.unit
    squeeze = min(1.08, gap)
    for side, centre in ((-1, centres[0]), (1, centres[1])):
        middle = centre + down * np.float32(0.04)
        rim = middle + rim_x[:, None] * across * squeeze + rim_y[:, None] * down
        if dark_lens:
            canvas.polygon(rim, tint, 0.88)
        else:
            canvas.polygon(rim, (210, 225, 240), 0.08)
        outer = smooth(rim)
        swell = 1 + thick / wide
        hull = middle + (outer - middle) * np.float32(swell)
        ring = np.concatenate((hull, hull[:1], outer[:1], outer[::-1]))
        canvas.polygon(ring, frame, 0.96 if thick > 0.045 else 0.8, curved=False)
        if rng.random() < 0.6:
            slant = middle + f32(((-0.2, -0.12), (0.0, -0.2))) @ np.stack((across, down))
            slant = np.concatenate((slant, slant[::-1] + across * 0.12))
            canvas.polygon(slant, (255, 255, 255), rng.uniform(0.1, 0.5), 0.03, curved=False)
        hinge = middle + across * np.float32(side * wide * squeeze) - down * np.float32(0.4 * tall)
        ear = canvas.place((side * 1.27, -0.02, -0.75))[0]
        canvas.line(np.stack((hinge, ear)), frame, max(0.045, 0.8 * thick), 0.9, curved=False)
    inner = np.float32(wide * squeeze)
    bridge = np.stack((
        centres[0] + across * inner, 0.5 * (centres[0] + centres[1]) - down * np.float32(0.05),
        centres[1] - across * inner,
    ))  # fmt: skip
    canvas.line(bridge, frame, max(0.045, thick), 0.95)


def _paint_earrings(canvas: Canvas) -> None:
    """Studs, drops or hoops at both lobes; hair may hide part of them."""
    rng = canvas.face.rng(_LAYER + 1)
    metal = f32(_METALS[int(rng.integers(len(_METALS)))])
    kind = rng.random()
    size = rng.uniform(0.06, 0.11)
    unit = np.float32(canvas.unit)
    for side in (-1, 1):
        # The lobe that is turned away lies behind the cheek.
        if side * canvas.face.look.yaw > 0.28:
            continue
        lobe = canvas.place((side * 1.24, 0.60, -0.74))[0]
        if kind < 0.3:
            canvas.ellipse(lobe, (size, size), metal)
            canvas.ellipse(lobe - unit * np.float32(0.02), (size / 3,) * 2, (255, 255, 255), 0.9)
        elif kind < 0.65:
            drop = rng.uniform(0.25, 0.5)
            end = lobe + unit * f32((0, drop))
            canvas.line(np.stack((lobe, end)), metal, 0.05, curved=False)
            canvas.ellipse(end, (0.8 * size, 1.2 * size), metal)
            canvas.ellipse(end, (0.4 * size, 0.6 * size), hsv(rng.random(), 0.6, 0.8))
        else:
            radius = rng.uniform(0.14, 0.3)
            ring = skull_arc(canvas, 1.0, 0, 340, 18) - canvas.place((0.0, -0.52, -0.70))[0]
            ring = lobe + ring * f32((0.7 * radius, radius)) + unit * f32((0, radius))
            inside = ring.mean(axis=0) + (ring - ring.mean(axis=0)) * np.float32(0.72)
            band = np.concatenate((smooth(ring), smooth(inside)[::-1]))
            canvas.polygon(band, metal, curved=False)


def _paint_hat(canvas: Canvas) -> None:
    """A knitted cap, a baseball cap or a brimmed hat over the hair."""
    rng = canvas.face.rng(_LAYER + 3)
    color = cloth_color(rng)
    across, down = head_axes(canvas)
    light_x = canvas.face.look.light[0]
    kind = rng.choice(("knitted", "cap", "brim"))
    height = {"knitted": 0.30, "cap": 0.22, "brim": 0.42}[kind]
    crown = skull_arc(canvas, SKULL_RADIUS + height, 176, 4, 15)
    brow = rng.uniform(-0.82, -0.58)
    edge = canvas.place(f32((
        (1.34, brow + 0.22, -0.75), (0.8, brow - 0.02, -0.2), (0.0, brow - 0.06, 0.1),
        (-0.8, brow - 0.02, -0.2), (-1.34, brow + 0.22, -0.75),
    )))  # fmt: skip
    shadow = edge + down * np.float32(0.16)
    canvas.polygon(np.concatenate((edge, shadow[::-1])), (25, 14, 12), 0.5, 0.07)
    body = np.concatenate((smooth(crown, closed=False), smooth(edge, closed=False)))
    canvas.polygon(body, color, curved=False)
    dark_side = crown[:7] if light_x > 0 else crown[8:]
    canvas.polygon(np.concatenate((dark_side, edge[2:3])), color * np.float32(0.55), 0.55, 0.16)
    if kind == "knitted":
        ribs = [((1.05 * x, brow + 0.02 + 0.12 * x * x, -0.3), (0.75 * x, -1.9, -0.5))
                for x in np.linspace(-1.1, 1.1, 12).tolist()]  # fmt: skip
        paths = canvas.place(f32(ribs).reshape(-1, 3)).reshape(-1, 2, 2)
        canvas.line(paths, color * np.float32(0.62), 0.04, 0.5)
        cuff = np.concatenate((edge, edge[::-1] - down * np.float32(0.36)))
        canvas.polygon(cuff, np.minimum(color * np.float32(1.18) + 6, 255), 0.75, 0.01)
        return
    if kind == "cap":
        visor = canvas.place(f32((
            (0.95, brow - 0.02, -0.15), (0.6, brow + 0.12, 0.75), (0.0, brow + 0.16, 0.95),
            (-0.6, brow + 0.12, 0.75), (-0.95, brow - 0.02, -0.15), (0.0, brow - 0.12, 0.1),
        )))  # fmt: skip
        canvas.polygon(visor, color * np.float32(0.72))
        canvas.line(visor[:5] - down * np.float32(0.03), color * np.float32(1.2), 0.04, 0.5)
        badge = canvas.place((0.0, -1.25, 0.1))[0]
        canvas.ellipse(badge, (0.2, 0.16), hsv(rng.random(), 0.5, 0.9), 0.85)
        return
    wide = rng.uniform(1.85, 2.4)
    centre = canvas.place((0.0, brow - 0.02, -0.35))[0]
    sweep = np.linspace(0, 2 * np.pi, 24, dtype=np.float32)[:-1, None]
    brim = (
        centre + np.cos(sweep) * across * np.float32(wide) + np.sin(sweep) * down * np.float32(0.27)
    )
    canvas.polygon(brim, color * np.float32(0.85))
    canvas.polygon(
        brim + down * np.float32(-0.06), np.minimum(color * np.float32(1.1), 255), 0.6, 0.02
    )
    band = np.concatenate((edge, edge[::-1] - down * np.float32(0.2)))
    canvas.polygon(band - down * np.float32(0.12), cloth_color(rng) * np.float32(0.6), 0.9)
