"""Paints what comes between camera and face: a hand, a microphone, a strand, a flare, a mark."""

from __future__ import annotations

from typing import Final

import numpy as np

from .canvas import Array, Canvas
from .geometry import f32
from .palette import Color, hsv

_LAYER: Final = 20


def paint_occluder(canvas: Canvas, skin: Color, hair_paint: Array) -> None:
    """The occluder that the face's look names, if any. The points under it stay true."""
    kind = canvas.face.look.occluder
    if kind is None:
        return
    rng = canvas.face.rng(_LAYER)
    if kind == "hand":
        _paint_hand(canvas, skin, rng)
    elif kind == "microphone":
        _paint_microphone(canvas, rng)
    elif kind == "strand":
        _paint_strand(canvas, hair_paint, rng)
    elif kind == "flare":
        _paint_flare(canvas, rng)
    else:
        _paint_watermark(canvas, rng)


def _paint_hand(canvas: Canvas, skin: Color, rng: np.random.Generator) -> None:
    """Four fingers laid on chin or cheek, from below."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    unit = np.float32(canvas.unit)
    base = canvas.place((side * rng.uniform(0.55, 1.05), rng.uniform(1.45, 1.8), 0.35))[0]
    dark = skin * f32((0.55, 0.42, 0.38))
    palm = base + unit * f32(
        ((-0.5, 0.25), (0.45, 0.15), (0.75 * side + 0.3, 2.2), (0.75 * side - 0.6, 2.2))
    )
    canvas.polygon(palm + unit * np.float32(0.05), dark, 0.5, 0.06)
    canvas.polygon(palm, skin * np.float32(0.92))
    fingers = np.arange(4, dtype=np.float32)
    roots = base + unit * np.stack((-0.38 + 0.25 * fingers, np.full(4, 0.35, np.float32)), axis=1)
    reach = -rng.uniform(0.75, 1.0, size=4)
    lean = np.stack((-0.22 * side + 0.05 * (fingers - 1.5), reach), axis=1).astype(np.float32)
    paths = roots[:, None] + unit * lean[:, None] * f32((0.0, 0.5, 1.0))[:, None]
    canvas.line(paths + unit * np.float32(0.04), dark, 0.34, 0.6, 0.04)
    for path in paths:
        canvas.line(path, skin * np.float32(0.97), 0.30)
    nails = paths[:, 2] + unit * f32((0.0, 0.08))
    canvas.ellipse(nails, (0.06, 0.08), np.minimum(skin * f32((1.05, 0.9, 0.9)), 255), 0.8)


def _paint_microphone(canvas: Canvas, rng: np.random.Generator) -> None:
    """A microphone in front of chin and mouth."""
    unit = np.float32(canvas.unit)
    head = canvas.place((rng.normal(0, 0.45), rng.uniform(1.25, 1.75), 0.6))[0]
    lean = f32((rng.normal(0, 0.5), 1.6))
    canvas.line(np.stack((head, head + unit * lean, head + unit * 2 * lean)), (28, 28, 32), 0.28)
    size = rng.uniform(0.24, 0.34)
    canvas.ellipse(head, (size, 1.15 * size), (58, 58, 64))
    canvas.ellipse(
        head - unit * np.float32(0.08), (0.45 * size, 0.5 * size), (150, 150, 158), 0.7, 0.06
    )
    for row in (-0.5, 0.0, 0.5):
        mesh = head + unit * f32(((-size, row * size), (size, row * size)))
        canvas.line(mesh, (20, 20, 24), 0.025, 0.6)


def _paint_strand(canvas: Canvas, hair_paint: Array, rng: np.random.Generator) -> None:
    """Strands of the face's own hair across it."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    for _ in range(int(rng.integers(3, 9))):
        start, bend = rng.normal(0.2, 0.2), rng.normal(0.8, 0.12)
        path = canvas.place(
            (side * start, -1.35, 0.1), (side * (0.4 * start + 0.6 * bend), -0.5, 0.3),
            (side * bend, 0.3, 0.25),
            (side * (bend - 0.1 * rng.random()), 1.2 + 0.5 * rng.random(), 0.1),
        )  # fmt: skip
        canvas.line(
            path, hair_paint * np.float32(rng.uniform(0.75, 1.1)), rng.uniform(0.03, 0.1), 0.9
        )


def _paint_flare(canvas: Canvas, rng: np.random.Generator) -> None:
    """Light into the lens: a glow and a row of faint discs towards the middle."""
    at = rng.uniform((0, 0), (canvas.width, 0.8 * canvas.height)).astype(np.float32)
    tone = hsv(rng.uniform(0.04, 0.16), 0.35, 1.0)
    canvas.ellipse(at, (0.9, 0.9), tone, rng.uniform(0.35, 0.65), 0.5)
    towards = f32((canvas.width / 2, canvas.height / 2)) - at
    for step in (0.7, 1.1, 1.6):
        size = rng.uniform(0.1, 0.3)
        canvas.ellipse(
            at + towards * np.float32(step), (size, size), hsv(rng.random(), 0.4, 1), 0.22, 0.02
        )


def _paint_watermark(canvas: Canvas, rng: np.random.Generator) -> None:
    """An agency's lettering over the picture: six letters, each of three random strokes."""
    size = np.float32(canvas.width * rng.uniform(0.07, 0.12))
    start = rng.uniform((0.0, 0.3), (0.35, 0.95)) * (canvas.width, canvas.height)
    # Strokes join places of a grid of two columns and three rows, as most letters' do.
    places = rng.integers(0, (2, 3), size=(6, 4, 2)).astype(np.float32) * f32((0.55, 0.5))
    places[:, :, 0] += 1.0 * np.arange(6, dtype=np.float32)[:, None]
    letters = places * size + start.astype(np.float32)
    canvas.line(letters, (255, 255, 255), 0.075, rng.uniform(0.3, 0.65), curved=False)
