"""Keypoints `exact`: the 98 points that the data set itself carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Exact(KeypointModel):
    """The data set's own 98 points (synthetic faces have them)."""

    name = "exact"
    source = "Point set `wflw98` of the data set's index."

    def unavailable(self, index: FaceIndex) -> str:
        """Say whether the data set lacks 98 points of its own."""
        if "wflw98" in index.points:
            return ""
        return (
            "the data set has no 98 points of its own. Use `keypoints: auto`, or a data set that "
            "has them (synthetic_faces)."
        )

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return the points as they are, ``(N, 98, 2)``."""
        if reason := self.unavailable(index):
            raise UserError(f"keypoints 'exact': {reason}")
        return index.points["wflw98"]
