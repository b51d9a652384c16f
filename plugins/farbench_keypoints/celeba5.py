"""Keypoints `celeba5`: the canonical 98-point face, placed and turned to fit five landmarks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class CelebA5(KeypointModel):
    """Five landmarks and a canonical face fitted to them: no model, no download, no image opened.

    The fit is a least-squares similarity plus one displacement that grows with a point's depth, the
    first-order effect of turning the head: x = s R X + t + z v, six numbers from five points. A
    similarity alone places the outline of a turned face badly (the nose moves against the jaw), an
    affine map is no better; the depth term halves that error. Depths z are rough and hand-set (nose
    tip 0.55 of the distance between the eyes before them, ears 0.8 behind). What the five points do
    not show (an open mouth, raised brows, a long face) is the canonical face's.
    """

    name = "celeba5"
    source = "farbench.masks.wflw98.FRONTAL; landmarks: list_landmarks_align_celeba of CelebA."

    def unavailable(self, index: FaceIndex) -> str:
        """Say whether the data set lacks five landmarks."""
        if "landmarks5" in index.points:
            return ""
        return (
            "the data set has no five landmarks. For CelebA put list_landmarks_align_celeba.txt "
            "beside the labels, or name a CSV with the data set's option `landmarks`."
        )

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return ``(N, 98, 2)``, NaN where the landmarks are unknown. No image is opened."""
        if reason := self.unavailable(index):
            raise UserError(f"keypoints 'celeba5': {reason}")
        return fit_canonical(index.points["landmarks5"])


def fit_canonical(five: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fit the canonical face to five landmarks a face.

    Args:
        five: ``(N, 5, 2)`` pixels: image-left eye, image-right eye, nose tip, image-left and
            image-right mouth corner.

    Returns:
        float32 ``(N, 98, 2)`` pixels; NaN where a landmark is NaN.
    """
    import numpy as np

    flat = np.asarray(five, dtype=np.float64).reshape(len(five), 10)
    # The design is the same for every face, so the whole fit is one (196, 10) linear map.
    fitted: NDArray[np.float64] = np.einsum("pk,nk->np", _fit(), flat)
    return fitted.reshape(-1, 98, 2).astype(np.float32)


@lru_cache(maxsize=1)
def _fit() -> NDArray[np.float64]:
    """Return the linear map from five landmarks to 98 points, ``(196, 10)``."""
    import numpy as np

    from farbench.masks import wflw98

    face = wflw98.FRONTAL.astype(np.float64)
    five = wflw98.five_points(wflw98.FRONTAL).astype(np.float64)
    depth = _depths()
    five_depth = np.array(
        [
            depth[wflw98.RIGHT_EYE].mean(),
            depth[wflw98.LEFT_EYE].mean(),
            depth[wflw98.NOSE_TIP],
            depth[wflw98.IMAGE_LEFT_MOUTH_CORNER],
            depth[wflw98.IMAGE_RIGHT_MOUTH_CORNER],
        ]
    )
    solve = np.linalg.pinv(_design(five, five_depth))
    fit: NDArray[np.float64] = _design(face, depth) @ solve
    return fit


def _design(points: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix ``(2P, 6)`` of (scale cos, scale sin, tx, ty, vx, vy), rows x, y, x, y."""
    import numpy as np

    x, y = points.T
    one, none = np.ones_like(x), np.zeros_like(x)
    rows_x = np.stack([x, -y, one, none, depth, none], axis=1)
    rows_y = np.stack([y, x, none, one, none, depth], axis=1)
    return np.stack([rows_x, rows_y], axis=1).reshape(-1, 6)


def _depths() -> NDArray[np.float64]:
    """Return how far each point lies before the eyes, ``(98,)``, in distances between the eyes."""
    import numpy as np

    from farbench.masks import wflw98

    depth = np.zeros(wflw98.NUM_POINTS)
    from_chin = np.abs(np.arange(33) - wflw98.CHIN_TIP) / 16
    depth[wflw98.CONTOUR] = 0.2 - from_chin  # chin 0.2 before the eyes, ears 0.8 behind
    depth[wflw98.RIGHT_EYEBROW] = depth[wflw98.LEFT_EYEBROW] = 0.05
    depth[wflw98.NOSE_BRIDGE] = (0.10, 0.25, 0.40, 0.55)
    depth[wflw98.NOSE_BOTTOM] = (0.15, 0.25, 0.30, 0.25, 0.15)
    depth[wflw98.MOUTH] = 0.15
    depth[[76, 82, 88, 92]] = 0.05  # mouth corners
    return depth
