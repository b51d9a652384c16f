"""The 98-point WFLW face layout: named index ranges, mirror pairs and the canonical frontal face.

Source of the layout: Wu et al., "Look at Boundary: A Boundary-Aware Face Alignment Algorithm"
(CVPR 2018), the WFLW data set. All coordinates are ``(x, y)`` with x to the image's right and y
down. "Left" and "right" in the names are the *subject's*, as in WFLW, so ``RIGHT_EYE`` is the eye
at the image's left; names starting with ``IMAGE_`` say it the other way round.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

NUM_POINTS: Final = 98

# Contiguous ranges, usable on any (..., 98, 2) array as points[..., RANGE, :].
CONTOUR: Final = slice(0, 33)
RIGHT_EYEBROW: Final = slice(33, 42)
LEFT_EYEBROW: Final = slice(42, 51)
NOSE_BRIDGE: Final = slice(51, 55)
NOSE_BOTTOM: Final = slice(55, 60)
NOSE: Final = slice(51, 60)
RIGHT_EYE: Final = slice(60, 68)
LEFT_EYE: Final = slice(68, 76)
MOUTH: Final = slice(76, 96)
PUPILS: Final = slice(96, 98)

# Single points with a name of their own.
CHIN_TIP: Final = 16
NOSE_TIP: Final = 54
IMAGE_LEFT_MOUTH_CORNER: Final = 76
IMAGE_RIGHT_MOUTH_CORNER: Final = 82
IMAGE_LEFT_PUPIL: Final = 96
IMAGE_RIGHT_PUPIL: Final = 97

FLIP_PAIRS: Final[tuple[tuple[int, int], ...]] = (
    *((i, 32 - i) for i in range(16)),
    *((33, 46), (34, 45), (35, 44), (36, 43), (37, 42), (38, 50), (39, 49), (40, 48), (41, 47)),
    *((60, 72), (61, 71), (62, 70), (63, 69), (64, 68), (65, 75), (66, 74), (67, 73)),
    *((55, 59), (56, 58)),
    *((76, 82), (77, 81), (78, 80), (87, 83), (86, 84)),
    *((88, 92), (89, 91), (95, 93)),
    (96, 97),
)
"""Pairs of points that a horizontal mirror exchanges; a point in no pair lies on the midline."""


def _mirror_order() -> NDArray[np.int64]:
    """Permutation (98,) with ``order[i]`` the point that takes place ``i`` after a mirror."""
    order = np.arange(NUM_POINTS, dtype=np.int64)
    for first, second in FLIP_PAIRS:
        order[first], order[second] = second, first
    order.flags.writeable = False
    return order


FLIP_ORDER: Final[NDArray[np.int64]] = _mirror_order()

# Half of the canonical face (image left and midline); the mirror gives the rest. The unit is the
# distance between the eye centres, the origin lies midway between them. Proportions follow the
# mean aligned CelebA face, where the unit is 38.5 px and the origin is (88.75, 111.5).
_LEFT_HALF: Final[dict[int, tuple[float, float]]] = {
    **dict(
        enumerate(
            (
                *((-1.234, 0.000), (-1.232, 0.149), (-1.224, 0.298), (-1.210, 0.446)),
                *((-1.189, 0.594), (-1.160, 0.740), (-1.121, 0.884), (-1.071, 1.024)),
                *((-1.008, 1.160), (-0.931, 1.288), (-0.841, 1.407), (-0.737, 1.514)),
                *((-0.618, 1.606), (-0.482, 1.689), (-0.331, 1.760), (-0.168, 1.812)),
                (0.0, 1.831),
            )
        )
    ),
    **{33: (-0.930, -0.270), 34: (-0.790, -0.405), 35: (-0.610, -0.450), 36: (-0.420, -0.425)},
    **{37: (-0.240, -0.375), 38: (-0.235, -0.290), 39: (-0.420, -0.335), 40: (-0.605, -0.355)},
    41: (-0.780, -0.325),
    **{51: (0.0, -0.010), 52: (0.0, 0.190), 53: (0.0, 0.388), 54: (0.0, 0.584)},
    **{55: (-0.245, 0.665), 56: (-0.125, 0.715), 57: (0.0, 0.742)},
    **{60: (-0.735, 0.022), 61: (-0.630, -0.063), 62: (-0.500, -0.092), 63: (-0.370, -0.055)},
    **{64: (-0.265, 0.038), 65: (-0.375, 0.058), 66: (-0.500, 0.070), 67: (-0.625, 0.056)},
    **{76: (-0.455, 1.052), 77: (-0.285, 0.970), 78: (-0.105, 0.922), 79: (0.0, 0.942)},
    **{85: (0.0, 1.252), 86: (-0.155, 1.236), 87: (-0.315, 1.168)},
    **{88: (-0.395, 1.054), 89: (-0.190, 1.036), 90: (0.0, 1.040)},
    **{94: (0.0, 1.078), 95: (-0.190, 1.070)},
    96: (-0.500, -0.006),
}


def _canonical_face() -> NDArray[np.float32]:
    """Mirror the half table to all 98 points, shape (98, 2)."""
    face = np.zeros((NUM_POINTS, 2), dtype=np.float32)
    for index, (x, y) in _LEFT_HALF.items():
        face[index] = (x, y)
        face[FLIP_ORDER[index]] = (-x, y)
    face.flags.writeable = False
    return face


FRONTAL: Final[NDArray[np.float32]] = _canonical_face()
"""The canonical frontal face, shape (98, 2), read-only, symmetric under the mirror.

Unit face frame: origin midway between the eye centres, x to the image's right, y down, one unit is
the distance between the eye centres. The eye centres are (-0.5, ~0) and (0.5, ~0).
"""

CELEBA_ORIGIN: Final[tuple[float, float]] = (88.75, 111.5)
"""Where the unit frame's origin lies in aligned CelebA (178 x 218 px), in px."""

CELEBA_UNIT: Final = 38.5
"""Length of one unit of the face frame in aligned CelebA, in px."""

EYES_TO_MOUTH: Final = 1.05
"""From the middle of the eyes to the middle of the mouth corners, in units, on a frontal face."""


def five_points(points98: NDArray[np.floating]) -> NDArray[np.float32]:
    """Five alignment points from the 98.

    An eye centre is the mean of the eye's eight outline points rather than the pupil, because the
    pupil moves with the gaze.

    Args:
        points98: Points, shape (..., 98, 2), in any unit.

    Returns:
        Shape (..., 5, 2), float32, same unit: image-left eye centre, image-right eye centre, nose
        tip, image-left mouth corner, image-right mouth corner.

    Raises:
        ValueError: The last two dimensions are not (98, 2).
    """
    points = np.asarray(points98, dtype=np.float32)
    if points.ndim < 2 or points.shape[-2:] != (NUM_POINTS, 2):
        raise ValueError(f"expected points of shape (..., {NUM_POINTS}, 2), got {points.shape}")
    return np.stack(
        (
            points[..., RIGHT_EYE, :].mean(axis=-2),
            points[..., LEFT_EYE, :].mean(axis=-2),
            points[..., NOSE_TIP, :],
            points[..., IMAGE_LEFT_MOUTH_CORNER, :],
            points[..., IMAGE_RIGHT_MOUTH_CORNER, :],
        ),
        axis=-2,
    )
