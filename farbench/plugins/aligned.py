"""A data set whose faces are found and turned upright first: the ``align:`` of a benchmark file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import FaceIndex, read_index
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.view import DatasetView
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FIVE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
        (70.7299, 92.2041))  # fmt: skip
"""Eyes, nose tip and mouth corners of an upright face on 112 x 112 pixels (ArcFace, Deng et al.,
CVPR 2019, as its code aligns faces)."""

FIVE_OF_98 = (96, 97, 54, 76, 82)
"""Pupils, nose tip and mouth corners among the 98 points of WFLW."""


class AlignedDataset(DatasetView):
    """A data set seen through a keypoint model: each face is found, turned upright and cut out.

    A similarity transform (least squares, Umeyama 1991) takes eyes, nose and mouth corners to the
    places that they have in an upright face. An image in which no face is found stays as it is.
    Tasks in pixels (landmarks) are not offered: their points would have to move as well.
    """

    keypoints: KeypointModel
    side: int = Field(224, ge=32, description="Side of the cut-out face in pixels.")
    margin: float = Field(
        0.0, ge=0, description="What is kept around ArcFace's narrow crop, as a share of its side."
    )

    def options(self) -> dict[str, Any]:
        """Return the data set's options and how faces are aligned."""
        model = {"name": self.keypoints.name, **self.keypoints.identity()}
        align = {"keypoints": model, "side": self.side, "margin": self.margin}
        return {**self.inner.options(), "align": align}

    def modules(self) -> tuple[str, ...]:
        """Return the data set's modules, the model's, and this one."""
        return (*super().modules(), *self.keypoints.modules())

    def tasks(self) -> tuple[Task, ...]:
        """Return the tasks that are not in pixels."""
        return tuple(task for task in self.inner.tasks() if not isinstance(task, Landmarks))

    def refused_tasks(self) -> dict[str, str]:
        """Return the tasks in pixels too, and why they are not offered."""
        moved = {
            task.name: f"task '{task.name}' of {self.name} is in pixels of the images as they are, "
            "and `align:` moves the faces. Leave one of the two out."
            for task in self.inner.tasks()
            if isinstance(task, Landmarks)
        }
        return {**super().refused_tasks(), **moved}

    def index(self, root: Path | None) -> FaceIndex:
        """Return the data set's index without its points, which are of the original images.

        Raises:
            UserError: The keypoint model cannot find faces by the image alone.
        """
        index = read_index(self.inner, root)
        bare = FaceIndex(index.frame, {}, index.notes)
        reason = self.keypoints.unavailable(bare)
        if reason:
            raise UserError(
                f"align: keypoint model '{self.keypoints.name}' cannot find faces in "
                f"{self.name}: {reason}"
            )
        note = f"faces found and aligned by {self.keypoints.name}; where none is found, as they are"
        return FaceIndex(index.frame, {}, [*index.notes, f"{note}."])

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Return the aligned face, uint8 ``(side, side, 3)``, or the image without one."""
        image = self.inner.read(root, row)
        places = upright_places(self.side, self.margin)
        face = cut_out(image, self.keypoints, places, (self.side, self.side), str(row.image))
        return image if face is None else face[0]


def upright_places(side: int, margin: float) -> NDArray[np.float64]:
    """Return where the five points lie in a cut-out of this side, ``(5, 2)`` in pixels."""
    import numpy as np

    fractions = (np.array(FIVE) + 0.5) / 112
    inside = 0.5 + (fractions - 0.5) / (1 + margin)
    return np.asarray(inside * side - 0.5)


def cut_out(
    image: NDArray[np.uint8],
    keypoints: KeypointModel,
    places: NDArray[np.float64],
    size: tuple[int, int],
    name: str,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
    """Find the face of an image, turn it upright and cut it out; None where there is none.

    Args:
        image: uint8 ``(H, W, 3)`` RGB.
        keypoints: The model that finds it, by the image alone.
        places: ``(5, 2)``, where eyes, nose tip and mouth corners go.
        size: Width and height of the cut-out.
        name: The image's name, for models that have their points in a file.

    Returns:
        uint8 ``(height, width, 3)``, and the 2x3 map from pixels of the image to its pixels.
    """
    import cv2
    import numpy as np
    import pandas as pd

    alone = FaceIndex(pd.DataFrame({"image": [name], "split": ["train"]}))
    points = keypoints.points(alone, lambda position: image)[0]
    five = points[list(FIVE_OF_98)]
    if np.isnan(points).any() or not np.ptp(five, axis=0).any():  # all in one place is no face
        return None
    # A large image is shrunk by whole pixels first: one bilinear sample would alias.
    scale = np.linalg.det(similarity(five, places)[:, :2]) ** 0.5
    factor = np.ones(2)
    if (shrink := int(1 / scale)) > 1:
        small = (image.shape[1] // shrink, image.shape[0] // shrink)
        factor = np.array(small) / image.shape[1::-1]
        five = (five + 0.5) * factor - 0.5
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    matrix = similarity(five, places)
    face = cv2.warpAffine(
        image,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,  # black, as the field pads
    )
    shift = matrix[:, 2] + matrix[:, :2] @ (0.5 * factor - 0.5)
    return face, np.column_stack([matrix[:, :2] * factor, shift])  # type: ignore[return-value]


def similarity(source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.float64]:
    """Return the 2x3 map (scale, rotation, shift) that takes points nearest to others.

    Least squares in closed form: Umeyama, IEEE TPAMI 13(4), 1991, without reflection.

    Args:
        source: ``(P, 2)``.
        target: ``(P, 2)``.
    """
    import numpy as np

    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    middle, goal = source.mean(0), target.mean(0)
    # A similarity is a complex number: z -> a z.
    z = (source - middle) @ np.array([1, 1j])
    w = (target - goal) @ np.array([1, 1j])
    a = (np.conj(z) @ w) / (np.conj(z) @ z).real
    linear = np.array([[a.real, -a.imag], [a.imag, a.real]])
    return np.concatenate([linear, (goal - linear @ middle)[:, None]], axis=1)
