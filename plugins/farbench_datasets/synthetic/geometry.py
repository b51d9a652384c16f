"""Shape of one synthetic face in space and its projection: where each of the 98 points lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import cos, exp, sin, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from farbench.masks import wflw98

from .expressions import move
from .sampling import Look

Array = NDArray[np.float32]

FRAME_WIDTH: Final = 178
FRAME_HEIGHT: Final = 218

# Mean of the five alignment points in aligned CelebA, px: faces are aligned by it.
_ALIGNED_CENTRE: Final = (88.75, 132.2)
_CAMERA_DISTANCE: Final = 9.0  # in face units; sets how much nearer parts are enlarged


def f32(values: Any) -> Any:
    """``values`` as float32, a scalar or an array: keeps arithmetic from turning to float64."""
    return np.float32(values)


def amount(strength: float) -> float:
    """Visible amount in 0..1 of a strength: 0.5 and steepest at the label's threshold 0."""
    return 1.0 / (1.0 + exp(-1.5 * max(-8.0, min(8.0, strength))))


def _depth() -> Array:
    """Depth (98,) of the canonical points towards the viewer, in face units."""
    x, y = wflw98.FRONTAL[:, 0], wflw98.FRONTAL[:, 1]
    depth = np.zeros(98, dtype=np.float32)
    down = np.clip(y[wflw98.CONTOUR] / 1.831, 0.0, 1.0)
    depth[wflw98.CONTOUR] = -0.72 + 0.80 * down**1.3
    for brow in (wflw98.RIGHT_EYEBROW, wflw98.LEFT_EYEBROW):
        depth[brow] = 0.24 - 0.32 * x[brow] ** 2
    for eye in (wflw98.RIGHT_EYE, wflw98.LEFT_EYE):
        depth[eye] = 0.10 - 0.28 * x[eye] ** 2
    depth[wflw98.NOSE_BRIDGE] = (0.20, 0.32, 0.46, 0.60)
    depth[wflw98.NOSE_BOTTOM] = (0.26, 0.36, 0.42, 0.36, 0.26)
    depth[wflw98.MOUTH] = 0.34 - 0.75 * x[wflw98.MOUTH] ** 2
    depth[wflw98.PUPILS] = 0.06
    return depth


_DEPTH: Final = _depth()
_BROW_ARCH: Final = np.array((-0.3, 0.8, 1.0, 0.25, -0.4, -0.4, 0.25, 1.0, 0.8), dtype=np.float32)
_LEFT_BROW_ORDER: Final = wflw98.FLIP_ORDER[wflw98.RIGHT_EYEBROW]


def face_shape(look: Look, shown: Mapping[str, float]) -> Array:
    """The 98 points in space before the pose, shape (98, 3), face units, z towards the viewer."""
    points = np.concatenate((wflw98.FRONTAL, _DEPTH[:, None]), axis=1)
    build = look.build
    smile, open_mouth = amount(shown["Smiling"]), mouth_opening(shown)
    points[:, 1] *= np.where(points[:, 1] > 0, 1.0 + 0.03 * build[0], 1.0).astype(np.float32)
    _shape_contour(points, look, shown, open_mouth)
    _shape_brows(points, look, shown)
    _shape_eyes(points, look, shown, smile)
    _shape_nose(points, look, shown)
    _shape_mouth(points, look, shown, smile, open_mouth)
    if look.expression is not None:
        move(points, look.expression)
    return points


def mouth_opening(shown: Mapping[str, float]) -> float:
    """Height of the gap between the lips in face units, 0 where they are closed."""
    return 0.32 * max(0.0, amount(0.8 * shown["Mouth_Slightly_Open"]) - 0.42)


def _shape_contour(
    points: Array, look: Look, shown: Mapping[str, float], open_mouth: float
) -> None:
    contour = points[wflw98.CONTOUR]
    down = np.clip(contour[:, 1] / 1.83, 0.0, 1.0)
    jaw = 4.0 * down * (1.0 - down)
    plump = amount(shown["Chubby"]) + 0.03 * look.build[1]
    oval = amount(shown["Oval_Face"]) - 0.4
    square = 0.045 if look.male else -0.035
    contour[:, 0] *= 1.0 + 0.15 * plump * jaw + square * jaw - 0.13 * oval * down
    contour[:, 0] *= 1.0 + 0.025 * look.build[2] - 0.03 * oval
    contour[:, 1] *= 1.0 + 0.06 * oval
    contour[:, 1] += 0.75 * open_mouth * down**2


def _shape_brows(points: Array, look: Look, shown: Mapping[str, float]) -> None:
    arch = amount(shown["Arched_Eyebrows"]) - 0.35
    bushy = amount(shown["Bushy_Eyebrows"])
    lift = 0.035 * look.build[3] + (0.045 if look.male else -0.015)
    middle = (points[33:38].mean(axis=0) + points[38:42].mean(axis=0))[1] / 2
    thickness = 0.62 + 0.85 * bushy + (0.12 if look.male else 0.0)
    brow = points[wflw98.RIGHT_EYEBROW]
    level = middle + (brow[:, 1] - middle) * np.float32(1.0)
    # The pairs (34,41) .. (37,38) face each other: scale their gap about its own middle.
    gap_middle = (level[1:5] + level[8:4:-1]) / 2
    half = (level[8:4:-1] - level[1:5]) / 2 * thickness
    level[1:5], level[8:4:-1] = gap_middle - half, gap_middle + half
    brow[:, 1] = level + lift - 0.15 * arch * _BROW_ARCH
    points[_LEFT_BROW_ORDER] = brow * f32((-1.0, 1.0, 1.0))


def _shape_eyes(points: Array, look: Look, shown: Mapping[str, float], smile: float) -> None:
    narrow = amount(shown["Narrow_Eyes"])
    opening = 1.22 + 0.09 * look.build[4] - 0.75 * narrow - (0.08 if look.male else 0.0)
    opening = max(0.3, opening)
    for eye, pupil, centre in (
        (wflw98.RIGHT_EYE, wflw98.IMAGE_LEFT_PUPIL, -0.5),
        (wflw98.LEFT_EYE, wflw98.IMAGE_RIGHT_PUPIL, 0.5),
    ):
        outline = points[eye]
        spaced = centre * (1.0 + 0.025 * look.build[5])
        outline[:, 0] = spaced + (outline[:, 0] - centre) * (1.0 + 0.04 * look.build[6])
        outline[:, 1] *= opening
        # A smile pushes the lower lid up.
        outline[:, 1] -= np.where(outline[:, 1] > 0.045, 0.035 * smile, 0.0).astype(np.float32)
        points[pupil, 0] = spaced + 0.045 * look.gaze[0]
        points[pupil, 1] = float(outline[:, 1].mean()) - 0.012 + 0.02 * look.gaze[1]


def _shape_nose(points: Array, look: Look, shown: Mapping[str, float]) -> None:
    big, pointy = amount(shown["Big_Nose"]), amount(shown["Pointy_Nose"])
    width = (0.88 + 0.42 * big) * (1.05 - 0.22 * pointy) * (1.0 + 0.03 * look.build[7])
    points[wflw98.NOSE_BOTTOM, 0] *= width
    points[wflw98.NOSE_BOTTOM, 1] += 0.03 * big
    points[53:55, 1] += (0.01 + 0.04 * big + 0.02 * pointy, 0.02 * big + 0.05 * pointy - 0.02)
    points[57, 1] += 0.06 * pointy - 0.02
    points[54, 2] += 0.12 * pointy + 0.05 * big


def _shape_mouth(
    points: Array, look: Look, shown: Mapping[str, float], smile: float, open_mouth: float
) -> None:
    full = amount(shown["Big_Lips"]) - 0.3
    lips = points[wflw98.MOUTH]
    line = np.float32(1.055 * (1.0 + 0.03 * look.build[0]))
    thickness = 0.84 + 0.85 * full - 0.05 * look.age - (0.06 if look.male else 0.0)
    outer, inner = lips[:12], lips[12:]
    outer[:, 1] = line + (outer[:, 1] - line) * max(0.4, thickness)
    # The gap widens from the corners to the middle; the lower lip moves with the jaw.
    for part, reach in ((outer, 0.46), (inner, 0.40)):
        middle = np.clip(1.0 - (part[:, 0] / reach) ** 2, 0.0, 1.0)
        lower = part[:, 1] > line + 0.001
        part[:, 1] += np.where(lower, 0.85, -0.15).astype(np.float32) * open_mouth * middle
    lips[:, 0] *= 0.94 + 0.20 * smile + 0.03 * look.build[8]
    corner = (lips[:, 0] / 0.5) ** 2
    lips[:, 1] += 0.03 * smile - 0.13 * smile * np.clip(corner, 0.0, 1.4) + 0.02 * look.build[9]


@dataclass(frozen=True)
class Projection:
    """Pose and camera: turns points in face units into px of the 178 x 218 frame.

    Attributes:
        rotation: Rotation matrix (3, 3).
        scale: px per face unit.
        offset: Where the frame's origin of the face lies, px, shape (2,).
    """

    rotation: Array
    scale: float
    offset: Array

    def __call__(self, points: Any) -> Array:
        """Project points (N, 3) to px (N, 2), float32."""
        turned = np.asarray(points, dtype=np.float32) @ self.rotation.T
        nearness = 1.0 + turned[:, 2:] / _CAMERA_DISTANCE
        return turned[:, :2] * (nearness * self.scale) + self.offset


def far_side(points: Array, yaw: float) -> Array:
    """Points (N, 3) of the head's outline with those on the side turned away brought forward.

    On that side the outline is no fixed place on the jaw but where the cheek ends against the
    background, which lies nearer to the viewer.
    """
    moved = points.copy()
    share = np.clip(points[:, 0] * np.float32(1.6 * sin(yaw)), 0.0, 0.85)
    moved[:, 2] -= np.minimum(points[:, 2], 0.0) * share
    return moved


def pose(look: Look, shape: Array) -> tuple[Projection, Array]:
    """Projection of a face and its 98 points in px of the 178 x 218 frame, (98, 2) float32.

    The face is placed as an aligner would place it: the middle of the five alignment points comes
    to CelebA's mean place, up to the look's shift.
    """
    cy, sy, cp, sp = cos(look.yaw), sin(look.yaw), cos(look.pitch), sin(look.pitch)
    cr, sr = cos(look.roll), sin(look.roll)
    turn = np.array(((cy, 0, sy), (0, 1, 0), (-sy, 0, cy)), dtype=np.float32)
    nod = np.array(((1, 0, 0), (0, cp, sp), (0, -sp, cp)), dtype=np.float32)
    tilt = np.array(((cr, -sr, 0), (sr, cr, 0), (0, 0, 1)), dtype=np.float32)
    rotation: Array = (tilt @ nod @ turn).astype(np.float32)
    solid = shape.copy()
    solid[wflw98.CONTOUR] = far_side(solid[wflw98.CONTOUR], look.yaw)
    # An aligner that fits the five points enlarges a turned face, whose eyes are closer together.
    scale = wflw98.CELEBA_UNIT * look.scale / sqrt(cy)
    raw = Projection(rotation, scale, np.zeros(2, dtype=np.float32))(solid)
    wanted = np.array(_ALIGNED_CENTRE, dtype=np.float32) + f32(look.shift)
    offset = wanted - wflw98.five_points(raw).mean(axis=0)
    return Projection(rotation, scale, offset), raw + offset


@lru_cache(maxsize=64)
def _smoothing(count: int, factor: int, closed: bool) -> Array:
    """Matrix that turns ``count`` control points into a Catmull-Rom curve through them."""
    spans = count if closed else count - 1
    rows = np.zeros((spans * factor + (0 if closed else 1), count), dtype=np.float32)
    for row in range(rows.shape[0]):
        span, t = min(row // factor, spans - 1), row / factor
        t -= span
        weights = (
            (-t + 2 * t**2 - t**3) / 2,
            (2 - 5 * t**2 + 3 * t**3) / 2,
            (t + 4 * t**2 - 3 * t**3) / 2,
            (-(t**2) + t**3) / 2,
        )
        for step, weight in zip((-1, 0, 1, 2), weights, strict=True):
            place = (span + step) % count if closed else min(max(span + step, 0), count - 1)
            rows[row, place] += weight
    return rows


def smooth(points: Array, factor: int = 4, closed: bool = True) -> Array:
    """A smooth curve through points (..., N, 2).

    Returns:
        Shape (..., N * factor, 2), of an open curve (..., (N - 1) * factor + 1, 2).
    """
    return _smoothing(points.shape[-2], factor, closed) @ points
