"""Keypoints `canonical`: one average face for all images, the last resort."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH, _HEIGHT = 178, 218
"""The frame of aligned CelebA, in which the average face is known."""


class Canonical(KeypointModel):
    """The same average frontal face for every image, where aligned CelebA has it: a makeshift.

    The face is stretched with the image where that is not 178 x 218. It knows nothing of pose or
    expression, and is wrong altogether on images that are not aligned like CelebA's.
    """

    name = "canonical"
    source = "farbench.masks.wflw98.FRONTAL"

    def unavailable(self, index: FaceIndex) -> str:
        """Serve every data set."""
        return ""

    def note(self, index: FaceIndex) -> str:
        """Warn: nothing was measured on the images."""
        return (
            "Mask regions come from one average face at CelebA's aligned position, not from "
            "keypoints of each image."
        )

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return the average face for each image, ``(N, 98, 2)``, at the size of the image."""
        import numpy as np

        from farbench.masks import wflw98

        face = wflw98.FRONTAL * wflw98.CELEBA_UNIT + np.array(wflw98.CELEBA_ORIGIN, np.float32)
        points = np.empty((len(index.frame), wflw98.NUM_POINTS, 2), dtype=np.float32)
        for position in range(len(points)):
            height, width = read(position).shape[:2]
            # Pixel centres are integers, so the frame begins half a pixel before the first.
            points[position] = (face + 0.5) * (width / _WIDTH, height / _HEIGHT) - 0.5
        return points
