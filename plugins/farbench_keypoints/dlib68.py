"""Keypoints `dlib68`: dlib's 68-point model, interpolated to the 98 points of WFLW."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from farbench.errors import UserError
from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.model_file import file_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PREDICTOR_VARIABLE = "FARBENCH_DLIB68"
DEBIAN_PREDICTOR = Path("/usr/share/dlib/shape_predictor_68_face_landmarks.dat")
"""Where Debian's and Ubuntu's package libdlib-data puts the predictor."""

_FILE = "shape_predictor_68_face_landmarks.dat"

BOX_CENTRE = 0.57
"""Centre of the detector's boxes between the eyes (0) and the mouth (1): median of 300 faces."""

BOX_SIDE = 2.25
"""Side of the detector's boxes in units of the distance between the eyes: median of 300 faces."""


class Dlib68(KeypointModel):
    """dlib's frontal face detector and 68-point predictor; about 10 ms an image, no network.

    The detector misses a few per cent of CelebA's faces (profiles, hats, hands): their points
    are unknown, and the image takes no part in training or scoring the mask network. With
    ``box: landmarks5`` the predictor starts from the data set's five landmarks instead, which finds
    every face that has them.
    """

    name = "dlib68"
    source = (
        "Kazemi and Sullivan, One Millisecond Face Alignment with an Ensemble of Regression Trees, "
        "CVPR 2014; model shape_predictor_68_face_landmarks.dat of dlib."
    )

    predictor: str | None = Field(
        None,
        description=f"The file {_FILE}. Left out: the environment variable {PREDICTOR_VARIABLE}, "
        "else where Debian's libdlib-data puts it.",
    )
    box: Literal["detector", "landmarks5"] = Field(
        "detector",
        description="Where the face is: dlib's detector, or a box round the five landmarks.",
    )
    upsample: int = Field(
        0, ge=0, le=3, description="The detector doubles the image this often to find small faces."
    )

    def predictor_path(self) -> Path:
        """Return where the predictor is, or where it is expected."""
        given = self.predictor or os.environ.get(PREDICTOR_VARIABLE)
        return Path(given).expanduser() if given else DEBIAN_PREDICTOR

    def unavailable(self, index: FaceIndex) -> str:
        """Say whether the package, the predictor or the five landmarks are missing."""
        if importlib.util.find_spec("dlib") is None:
            return "the package dlib is not installed. Type: pip install 'farbench[dlib]'"
        path = self.predictor_path()
        if not path.is_file():
            return (
                f"the predictor {path} is not there. Type: apt-get install libdlib-data, or get "
                f"{_FILE} from http://dlib.net/files/ and give its path with the option "
                f"`predictor` or in {PREDICTOR_VARIABLE}."
            )
        if self.box == "landmarks5" and "landmarks5" not in index.points:
            return "the data set has no five landmarks. Use `box: detector`."
        return ""

    def identity(self) -> dict[str, Any]:
        """Return the options, with the digest of the predictor in place of its path."""
        return {**self.options(), "predictor": file_digest(self.predictor_path())}

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return ``(N, 98, 2)``, NaN where no face was found.

        Where several faces are found, the one nearest to the five landmarks is taken, or, without
        landmarks, the one nearest to the middle of the image.
        """
        import dlib
        import numpy as np

        from farbench_keypoints.ibug68 import wflw98_from_ibug68

        if reason := self.unavailable(index):
            raise UserError(f"keypoints 'dlib68': {reason}")
        predictor = _load_predictor(self.predictor_path(), file_digest(self.predictor_path()))
        detector = dlib.get_frontal_face_detector() if self.box == "detector" else None
        landmarks = index.points.get("landmarks5")
        found = np.full((len(index.frame), 68, 2), np.nan, dtype=np.float32)
        for position in range(len(found)):
            five = None if landmarks is None else landmarks[position]
            if five is not None and np.isnan(five).any():
                five = None
            image = np.ascontiguousarray(read(position))
            if detector is not None:
                face = _nearest(detector(image, self.upsample), five, image)
            else:
                face = None if five is None else _box_of(five)
            if face is None:
                continue
            shape = predictor(image, face)
            if shape.num_parts != 68:
                raise UserError(
                    f"keypoints 'dlib68': {self.predictor_path()} gives {shape.num_parts} points, "
                    f"not 68. Use {_FILE}."
                )
            found[position] = [(part.x, part.y) for part in shape.parts()]
        return wflw98_from_ibug68(found)


@lru_cache(maxsize=1)
def _load_predictor(path: Path, digest: str) -> Any:
    """Load a predictor (0.3 s) and keep it for the next part of the images."""
    import dlib

    try:
        return dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise UserError(
            f"keypoints 'dlib68': {path} is no dlib shape predictor ({error})."
        ) from error


def _nearest(faces: Any, five: NDArray[np.float32] | None, image: NDArray[np.uint8]) -> Any:
    """Return the detection nearest to the landmarks or to the middle of the image, or None."""
    height, width = image.shape[:2]
    x, y = five.mean(axis=0) if five is not None else (width / 2, height / 2)

    def distance(face: Any) -> float:
        centre = face.center()
        return float((centre.x - x) ** 2 + (centre.y - y) ** 2)

    return min(faces, key=distance, default=None)


def _box_of(five: NDArray[np.float32]) -> Any:
    """Return the box that dlib's detector would give for a face with these five landmarks."""
    import dlib
    import numpy as np

    from farbench.masks.wflw98 import EYES_TO_MOUTH

    eyes, mouth = five[:2].mean(axis=0), five[3:].mean(axis=0)
    between_eyes, height = np.linalg.norm(five[1] - five[0]), np.linalg.norm(eyes - mouth)
    unit = max(float(between_eyes), float(height) / EYES_TO_MOUTH)
    x, y = eyes + BOX_CENTRE * (mouth - eyes)
    half = BOX_SIDE * unit / 2
    return dlib.rectangle(*(round(float(v)) for v in (x - half, y - half, x + half, y + half)))
