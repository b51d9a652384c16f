"""The contract of a keypoint model: where the parts of a face are, for the mask rectangles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farbench.plugins.base import Plugin
from farbench.plugins.dataset import FaceIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class KeypointModel(Plugin):
    """Gives every image 98 points in the WFLW layout (see ``farbench.masks.wflw98``)."""

    def unavailable(self, index: FaceIndex) -> str:
        """Return why this model cannot serve the data set (and what to do), or "" if it can.

        Called before anything is built, so it must be cheap: look at ``index.points``, at files
        and at whether a package can be found, but load no model.
        """
        raise NotImplementedError

    def resolve(self, index: FaceIndex) -> KeypointModel:
        """Return the model that does the work for this data set: itself, unless it chooses one.

        Identities and captions are to name the resolved model, not the one that chose it.
        """
        return self

    def identity(self) -> dict[str, Any]:
        """Return what the points depend on beside the data set and the code, JSON-able.

        It is part of the masks' key, and asked of the resolved model where it is not unavailable.
        The options say it, unless they do not tell all (what is in a model file; see
        ``farbench.plugins.model_file.file_digest``) or too much (where that file lies).
        """
        return self.options()

    def note(self, index: FaceIndex) -> str:
        """Return what a table's reader must know of these points, or "" (the usual case)."""
        return ""

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return float32 ``(len(index.frame), 98, 2)`` in pixels (x, y) of the original images.

        Called for one part of the data set after the other, and what came of each part is kept, so
        that a killed run goes on from there. So the points of an image must not depend on the other
        images of the index, and a model that is slow to load should be kept between calls.

        Args:
            index: A part of the data set's index, its frame numbered from 0; may already hold
                point sets.
            read: Opens the image at a position of the index, uint8 ``(H, W, 3)`` RGB.

        Returns:
            The points; a row of NaN where no face was found.
        """
        raise NotImplementedError
