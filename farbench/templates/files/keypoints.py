"""my_keypoints, a keypoint model. Change what is marked 1 to 3.

After each change: farbench test-plugin my_keypoints.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import FaceIndex, KeypointModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The package that finds faces is imported inside `points`: `farbench list` loads this file too.


class MyKeypoints(KeypointModel):
    """The average face in the middle of each image: stands in for a model that finds it."""

    name: ClassVar[str] = "my_keypoints"
    source: ClassVar[str] = "TO FILL IN: the model's paper, and where its weights are from."

    # 1. Options. A protocol or a row sets them: `keypoints: {name: my_keypoints, size: 0.3}`. A
    #    model that reads a file overrides `identity` too, with what is in the file in place of its
    #    path: `{**self.options(), "model": farbench.plugins.model_file.file_digest(path)}`.
    size: float = Field(
        0.22, gt=0, description="Distance between the eyes, over the width of the image."
    )

    def unavailable(self, index: FaceIndex) -> str:
        """Return why it cannot serve a data set and what to do, or "". Nothing is loaded here."""
        # 2. What it needs, such as:
        #    if importlib.util.find_spec("PACKAGE") is None:
        #        return "it needs PACKAGE: pip install PACKAGE"
        #    if "landmarks5" not in index.points:
        #        return "the data set has no five landmarks."
        return ""

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return float32 `(N, 98, 2)`: pixels (x, y) of the original images, in WFLW's order."""
        import numpy as np

        found = np.full((len(index.frame), 98, 2), np.nan, np.float32)
        for position in range(len(found)):
            face = self._find(read(position))
            if face is not None:  # no face is a row of NaN
                found[position] = face
        return found

    def _find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Return the 98 points of the face in an image `(H, W, 3)`, or None where there is none."""
        import numpy as np

        from farbench.masks import wflw98

        # 3. The model. 68 points of iBUG's order (dlib, and many more) become 98 by
        #    farbench_keypoints.ibug68.wflw98_from_ibug68; five (eyes, nose, corners of the mouth)
        #    by farbench_keypoints.celeba5.fit_canonical. Both take points of several faces.
        height, width = image.shape[:2]
        # The average face: its origin lies between the eyes, which are 1 apart.
        eyes = np.array([width / 2, height / 2], np.float32)
        return np.asarray(eyes + self.size * width * wflw98.FRONTAL, np.float32)
