"""Paints what lies behind the head: gradients, out-of-focus lights, panels, walls."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Array, Canvas, blur, texture
from .palette import hsv

_LAYER = 0


def paint_background(canvas: Canvas) -> None:
    """Fill the canvas with a random backdrop, painted coarse since it is out of focus."""
    rng = canvas.face.rng(_LAYER)
    height, width = 56, 46
    first = hsv(rng.random(), 0.55 * rng.random(), 0.12 + 0.8 * rng.random())
    second = hsv(rng.random(), 0.5 * rng.random(), 0.12 + 0.8 * rng.random())
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.3:
        mix = np.sqrt((x - rng.normal(0, 0.4)) ** 2 + (y - rng.normal(0, 0.4)) ** 2) * 0.8
    else:
        mix = 0.5 + 0.5 * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
    small = first + np.clip(mix, 0, 1)[..., None].astype(np.float32) * (second - first)
    kind = rng.random()
    if kind < 0.28:
        small = _lights(small, rng)
    elif kind < 0.55:
        small = _panels(small, rng)
    elif kind < 0.7:
        wall = texture("blotch", rng, height, width)
        small = small + wall[..., None] * np.float32(rng.uniform(3, 16))
    elif kind < 0.8:
        step = rng.uniform(4, 12)
        stripes = np.sin((np.cos(angle) * x * 23 + np.sin(angle) * y * 28) * (6.28 / step))
        small = small + stripes[..., None].astype(np.float32) * np.float32(rng.uniform(4, 22))
    size = (canvas.width, canvas.height)
    wide = cv2.resize(blur(small, 0.75), size, interpolation=cv2.INTER_CUBIC)
    canvas.rgb = np.asarray(wide, dtype=np.float32)


def _lights(small: Array, rng: np.random.Generator) -> Array:
    """Out-of-focus lights: overlapping bright discs."""
    small = small * np.float32(0.55)
    for _ in range(int(rng.integers(4, 14))):
        disc = np.zeros(small.shape[:2], dtype=np.uint8)
        centre = (int(rng.integers(0, 46 * 16)), int(rng.integers(0, 56 * 16)))
        cv2.circle(disc, centre, int(rng.uniform(2.4, 7) * 16), 255, -1, cv2.LINE_AA, 4)
        glow = hsv(rng.random(), 0.6 * rng.random(), 0.6 + 0.4 * rng.random())
        small += disc[..., None] * np.float32(rng.uniform(0.15, 0.6) / 255) * (glow - small)
    return small


def _panels(small: Array, rng: np.random.Generator) -> Array:
    """Furniture, frames, foliage: blurred shapes of other colours."""
    small = small.astype(np.float32)
    for _ in range(int(rng.integers(2, 7))):
        color = hsv(rng.random(), 0.7 * rng.random(), rng.random()).tolist()
        centre = rng.uniform((0, 0), (46, 56))
        size = rng.uniform(3, 26, size=2)
        box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.normal(0, 20))))
        cv2.fillPoly(small, [box.astype(np.int32)], color)
    return blur(small, rng.uniform(0.4, 2.5))
