"""From the 68 points of iBUG (300-W) to the 98 of WFLW, by interpolation along the curves.

The 98 points are a fixed linear map of the 68, so they follow every translation, rotation,
scaling and shear of the face:

- contour: the 17 points of the jaw, and a cubic interpolation between each two;
- brows: iBUG's five points are the upper edge; the lower edge lies a quarter of the way to the eye;
- nose and lips: point for point;
- eyes: the cubic through each lid's four points, sampled at its quarters instead of its thirds;
- pupils: the middle of the eye, since neither layout follows the gaze.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_BROW_TO_EYE = 0.25

# Lower brow points of WFLW, from the upper brow point of iBUG and the eye point of WFLW that it is
# moved towards. The eye points are filled in first.
_LOWER_BROWS = {
    38: (21, 64),
    39: (20, 63),
    40: (19, 62),
    41: (18, 61),
    50: (22, 68),
    49: (23, 69),
    48: (24, 70),
    47: (25, 71),
}

# First point of each lid in WFLW, and the four points of iBUG's lid from corner to corner.
_LIDS = {
    61: (36, 37, 38, 39),
    65: (39, 40, 41, 36),
    69: (42, 43, 44, 45),
    73: (45, 46, 47, 42),
}


def _lagrange(nodes: list[float], at: float) -> list[float]:
    """Return the weights of the values at ``nodes`` in their polynomial's value at ``at``."""
    weights = []
    for own in nodes:
        others = [other for other in nodes if other != own]
        weights.append(float(np.prod([(at - other) / (own - other) for other in others])))
    return weights


@lru_cache(maxsize=1)
def _weights() -> NDArray[np.float64]:
    """Return the map, ``(98, 68)``; each row sums to 1."""
    weights = np.zeros((98, 68))
    for jaw in range(17):
        weights[2 * jaw, jaw] = 1
    for jaw in range(16):
        first = min(max(jaw - 1, 0), 13)
        nodes = [float(first + step) for step in range(4)]
        weights[2 * jaw + 1, first : first + 4] = _lagrange(nodes, jaw + 0.5)
    for point in range(5):
        weights[33 + point, 17 + point] = 1  # image-left brow, outer to inner
        weights[42 + point, 22 + point] = 1  # image-right brow, inner to outer
    for point in range(9):
        weights[51 + point, 27 + point] = 1  # nose bridge and bottom
    for point in range(20):
        weights[76 + point, 48 + point] = 1  # outer and inner lips
    for corner, ibug in ((60, 36), (64, 39), (68, 42), (72, 45)):
        weights[corner, ibug] = 1
    for first, lid in _LIDS.items():
        for step in range(3):
            values = _lagrange([0, 1 / 3, 2 / 3, 1], (step + 1) / 4)
            weights[first + step, list(lid)] = values
    for lower, (upper, eye) in _LOWER_BROWS.items():
        weights[lower] = _BROW_TO_EYE * weights[eye]
        weights[lower, upper] += 1 - _BROW_TO_EYE
    weights[96, 36:42] = 1 / 6
    weights[97, 42:48] = 1 / 6
    return weights


def wflw98_from_ibug68(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the 98 points for ``(N, 68, 2)`` points, ``(N, 98, 2)`` in the same pixels.

    A face of NaN stays NaN.
    """
    # einsum, not matmul: BLAS may warn of NaN, and its bits may depend on the number of rows.
    mapped: NDArray[np.float64] = np.einsum(
        "pk,nkc->npc", _weights(), np.asarray(points, dtype=np.float64)
    )
    return mapped.astype(np.float32)
