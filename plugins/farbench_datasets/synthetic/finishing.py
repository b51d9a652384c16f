"""The camera's part: colour cast, exposure, contrast, blur, grain."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .canvas import Array, Canvas, blur, texture
from .geometry import amount, f32

_LAYER: Final = 24


def develop(canvas: Canvas) -> NDArray[np.uint8]:
    """The finished picture, (H, W, 3) uint8 RGB."""
    face, rng = canvas.face, canvas.face.rng(_LAYER)
    picture = canvas.rgb
    contrast = np.float32(1.0 + 0.10 * rng.normal())
    exposure, warmth = face.look.exposure, face.look.warmth
    # One affine step for exposure, colour cast and contrast, which turns about a middle grey.
    matrix = np.zeros((3, 4), dtype=np.float32)
    np.fill_diagonal(
        matrix, contrast * f32((1 + exposure + warmth, 1 + exposure, 1 + exposure - warmth))
    )
    matrix[:, 3] = 122 * (1 - contrast)
    picture = np.asarray(cv2.transform(picture, matrix), dtype=np.float32)
    picture = _soften(picture, canvas)
    noise = texture("grain", rng, canvas.height, canvas.width)
    picture += cv2.cvtColor(noise * np.float32(rng.uniform(0.8, 4.0)), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.12:
        luma = picture @ f32((0.299, 0.587, 0.114))
        picture += np.float32(rng.uniform(0.5, 1.0)) * (luma[..., None] - picture)
    # convertScaleAbs rounds and saturates at 255.
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0.0)), dtype=np.uint8)


def _soften(picture: Array, canvas: Canvas) -> Array:
    """Blur as strong as Blurry says; every picture is a little soft."""
    blurry = amount(1.3 * canvas.face.shown["Blurry"])
    sigma = canvas.width / 178 * (0.45 + 4.6 * max(0.0, blurry - 0.16))
    if sigma < 0.3:
        return picture
    rng = canvas.face.rng(_LAYER + 1)
    if blurry > 0.35 and rng.random() < 0.3:
        # A moving camera blurs along a line.
        size = 2 * int(1.6 * sigma) + 1
        kernel = np.zeros((size, size), dtype=np.float32)
        angle = rng.uniform(0, np.pi)
        reach = f32((np.cos(angle), np.sin(angle))) * (size // 2)
        middle = f32((size // 2, size // 2))
        ends = [tuple(np.rint(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
        kernel /= max(float(kernel.sum()), 1e-6)
        return np.asarray(cv2.filter2D(picture, -1, kernel), dtype=np.float32)
    return np.asarray(blur(picture, sigma), dtype=np.float32)
