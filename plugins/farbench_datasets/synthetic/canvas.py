"""The surface that faces are painted on: anti-aliased shapes, soft edges, blending in float RGB."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from .face import Face
from .geometry import FRAME_HEIGHT, FRAME_WIDTH, f32, far_side, smooth

Array = NDArray[np.float32]
Mask = NDArray[np.uint8]
Window = tuple[slice, slice]

_SHIFT: Final = 4  # cv2's fixed-point coordinates: 1/16 px
_TILE: Final = 512
_INVISIBLE: Final = 0.025  # opacity below which a shape is left out
_CIRCLE: Final = np.stack(
    (np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)), axis=1
).astype(np.float32)


class Canvas:
    """A float32 RGB picture (H, W, 3) in 0..255 and the way to paint on it.

    Attributes:
        rgb: The picture so far.
        face: The face being painted.
        unit: px per face unit.
        points: The 98 points in px of this canvas.
    """

    def __init__(self, face: Face, height: int, width: int) -> None:
        self.face = face
        self.height, self.width = height, width
        self.rgb: Array = np.zeros((height, width, 3), dtype=np.float32)
        self._stretch = np.array((width / FRAME_WIDTH, height / FRAME_HEIGHT), dtype=np.float32)
        self.unit = face.projection.scale * float(np.sqrt(self._stretch[0] * self._stretch[1]))
        self.points = self.from_frame(face.points)

    def from_frame(self, points: Array) -> Array:
        """From px of the 178 x 218 frame to px of this canvas; pixel centres at integers."""
        scaled: Array = (points + np.float32(0.5)) * self._stretch - np.float32(0.5)
        return scaled

    def place(self, *points: Any) -> Array:
        """Points (x, y, z) in face units to px of this canvas, (N, 2)."""
        solid = np.atleast_2d(np.asarray(points[0] if len(points) == 1 else points, np.float32))
        return self.from_frame(self.face.projection(far_side(solid, self.face.look.yaw)))

    def whole(self) -> Mask:
        """An empty mask as large as the canvas."""
        return np.zeros((self.height, self.width), dtype=np.uint8)

    def polygon(
        self,
        outline: Array,
        color: Any,
        alpha: float = 1.0,
        soft: float = 0.0,
        curved: bool = True,
        within: Mask | None = None,
    ) -> None:
        """Paint a closed shape, or several of one kind in one go.

        Args:
            outline: Corners (N, 2) in px, or (K, N, 2) of K shapes.
            color: RGB in 0..255, or a picture (H, W, 3) of the canvas's size to paint with.
            alpha: Opacity 0..1.
            soft: Standard deviation of the edge's blur in face units.
            curved: Whether a smooth curve joins the corners.
            within: Mask of the whole canvas that the colour must not leave.
        """
        if alpha <= _INVISIBLE:
            return
        if curved:
            outline = smooth(outline)
        sigma = soft * self.unit
        window, origin = self.window(outline, 2.5 * sigma + 1.5)
        if window is None:
            return
        mask = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), "u1")
        fixed = _fixed(outline - origin)
        cv2.fillPoly(mask, [fixed] if fixed.ndim == 2 else list(fixed), 255, cv2.LINE_AA, _SHIFT)
        self.blend(mask, window, color, alpha, sigma, within)

    def ellipse(
        self,
        centre: Any,
        radii: tuple[float, float],
        color: Any,
        alpha: float = 1.0,
        soft: float = 0.0,
        angle: Any = 0.0,
    ) -> None:
        """Paint an ellipse, or K of one size.

        Args:
            centre: px, shape (2,) or (K, 2).
            radii: Across and down, face units.
            color: RGB in 0..255.
            alpha: Opacity 0..1.
            soft: Standard deviation of the edge's blur in face units.
            angle: Turn in radians, a number or K of them.
        """
        if alpha <= _INVISIBLE:
            return
        c, s = np.cos(angle), np.sin(angle)
        turn = f32(((c, s), (-s, c)))
        if turn.ndim == 3:
            turn = turn.transpose(2, 0, 1)
        size = f32(radii) * np.float32(self.unit)
        outline = (_CIRCLE * size) @ turn + f32(centre)[..., None, :]
        self.polygon(outline, color, alpha, soft, curved=False)

    def line(
        self,
        path: Array,
        color: Any,
        width: float,
        alpha: float = 1.0,
        soft: float = 0.0,
        curved: bool = True,
    ) -> None:
        """Paint a stroke along a path (N, 2) in px, thinned at its ends, or K of them (K, N, 2).

        ``width`` is in face units; the other arguments are ``polygon``'s.
        """
        if alpha <= _INVISIBLE:
            return
        count = path.shape[-2]
        if curved and count > 2:
            path = smooth(path, closed=False)
            count = path.shape[-2]
        along = np.empty_like(path)
        along[..., 1:, :] = path[..., 1:, :] - path[..., :-1, :]
        along[..., 0, :] = along[..., 1, :]
        if count > 2:
            along[..., 1:-1, :] += along[..., 2:, :]
        length = np.sqrt((along * along).sum(axis=-1, keepdims=True)) + np.float32(1e-6)
        # A stroke thinner than a pixel is drawn one pixel wide and fainter instead.
        px = max(width * self.unit, 1.0)
        normal = along[..., ::-1] * (_taper(count) * np.float32(px / 2) / length)
        outline = np.concatenate((path + normal, (path - normal)[..., ::-1, :]), axis=-2)
        faded = alpha * min(1.0, width * self.unit / px)
        self.polygon(outline, color, faded, soft, curved=False)

    def blend(
        self,
        mask: Mask,
        window: Window,
        color: Any,
        alpha: float = 1.0,
        sigma: float = 0.0,
        within: Mask | None = None,
    ) -> None:
        """Blend ``color`` in by a uint8 mask over ``window``, blurred by ``sigma`` px first.

        ``within`` is a mask of the whole canvas that the colour must not leave.
        """
        if sigma > 0.35:
            mask = blur(mask, sigma)
        if within is not None:
            mask = np.minimum(mask, within[window])
        # cv2 instead of numpy broadcasting over three channels: four times as fast.
        patch = self.rgb[window]
        change: Any
        if getattr(color, "ndim", 1) == 3:
            change = color[window] - patch
        else:
            red, green, blue = (float(channel) for channel in color)
            scalar: Any = (red, green, blue, 0.0)
            change = cv2.subtract(scalar, patch)
        share = np.multiply(cv2.cvtColor(mask, cv2.COLOR_GRAY2RGB), np.float32(alpha / 255.0))
        change *= share
        patch += change

    def fill(self, mask: Mask, outline: Array, value: int = 255, curved: bool = True) -> None:
        """Add a shape to a whole-canvas mask; ``value`` 0 cuts it out."""
        if curved:
            outline = smooth(outline)
        cv2.fillPoly(mask, [_fixed(outline)], value, cv2.LINE_AA, _SHIFT)

    def window(self, outline: Array, margin: float) -> tuple[Window | None, Array]:
        """Part of the canvas around a shape, None where the shape lies outside, and its origin."""
        x, y, width, height = cv2.boundingRect(outline.reshape(-1, 1, 2))
        left, top = max(0, floor(x - margin)), max(0, floor(y - margin))
        right = min(self.width, ceil(x + width + margin) + 1)
        bottom = min(self.height, ceil(y + height + margin) + 1)
        if right <= left or bottom <= top:
            return None, np.zeros(2, dtype=np.float32)
        origin = np.array((left, top), dtype=np.float32)
        return (slice(top, bottom), slice(left, right)), origin


def blur(picture: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur by ``sigma`` px; wide blurs of masks go through a smaller picture."""
    if sigma > 4.0 and min(picture.shape[:2]) > 12:
        height, width = picture.shape[:2]
        reduced = (max(4, width // 3), max(4, height // 3))
        small = cv2.resize(picture, reduced, interpolation=cv2.INTER_AREA)
        small = blur(small, sigma / 3)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    size = 2 * int(2.3 * sigma + 0.8) + 1
    return cv2.GaussianBlur(picture, (size, size), sigma, borderType=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=128)
def _taper(count: int) -> Array:
    """Sideways reach (count, 2) of a stroke along its path: thin ends; turns along into across."""
    profile = np.sin(np.linspace(0.35, np.pi - 0.35, count))[:, None]
    return np.asarray(profile * (-1.0, 1.0), dtype=np.float32)


def _fixed(outline: Array) -> NDArray[np.int32]:
    fixed: NDArray[np.int32] = np.rint(outline * np.float32(1 << _SHIFT)).astype(np.int32)
    return fixed


@lru_cache(maxsize=8)
def noise_tile(kind: str) -> Array:
    """Fixed random texture (512, 512), zero mean, unit deviation, that repeats at its edges.

    Args:
        kind: "grain" (every pixel its own), "blotch" (spots of some 5 px) or "strand" (streaks
            along y).
    """
    grain = np.random.Generator(np.random.PCG64(98)).standard_normal((_TILE, _TILE))
    tile: Any = grain.astype(np.float32)
    if kind != "grain":
        sigma_x, sigma_y = {"blotch": (2.2, 2.2), "strand": (1.0, 26.0)}[kind]
        wrapped = np.pad(tile, 80, mode="wrap")
        tile = cv2.GaussianBlur(wrapped, (0, 0), sigma_x, sigmaY=sigma_y)[80:-80, 80:-80]
        tile = tile / tile.std()
    texture_tile: Array = np.ascontiguousarray(tile, dtype=np.float32)
    texture_tile.flags.writeable = False
    return texture_tile


def texture(kind: str, rng: np.random.Generator, height: int, width: int) -> Array:
    """A random cut (height, width) of a texture, read-only; sizes above 512 repeat it."""
    tile = noise_tile(kind)
    if height > _TILE or width > _TILE:
        tile = np.tile(tile, (-(-height // _TILE), -(-width // _TILE)))
    top = int(rng.integers(0, tile.shape[0] - height + 1))
    left = int(rng.integers(0, tile.shape[1] - width + 1))
    return tile[top : top + height, left : left + width]
