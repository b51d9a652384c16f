"""Keypoints `auto`: the best source that the data set and the machine allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from farbench.plugins.dataset import FaceIndex
from farbench.plugins.keypoints import KeypointModel
from farbench_keypoints.canonical import Canonical
from farbench_keypoints.celeba5 import CelebA5
from farbench_keypoints.dlib68 import PREDICTOR_VARIABLE, Dlib68
from farbench_keypoints.exact import Exact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Auto(KeypointModel):
    """The data set's 98 points, else its five landmarks, else dlib's 68, else one average face."""

    name = "auto"
    source = "This project's order of preference; each model names its own source."

    predictor: str | None = Field(
        None,
        description="dlib's 68-point predictor, where it comes to that; left out: "
        f"{PREDICTOR_VARIABLE}, else where Debian's libdlib-data puts it.",
    )

    def resolve(self, index: FaceIndex) -> KeypointModel:
        """Return the first of exact, celeba5, dlib68 and canonical that can serve."""
        models = (Exact(), CelebA5(), Dlib68(predictor=self.predictor), Canonical())
        return next(model for model in models if not model.unavailable(index))

    def unavailable(self, index: FaceIndex) -> str:
        """Serve every data set: there is always the average face."""
        return ""

    def note(self, index: FaceIndex) -> str:
        """Pass on the resolved model's note, and how to do better than the average face."""
        model = self.resolve(index)
        if not isinstance(model, Canonical):
            return model.note(index)
        reason = Dlib68(predictor=self.predictor).unavailable(index)
        return f"{model.note(index)} dlib68 would measure them, but {reason}"

    def points(
        self, index: FaceIndex, read: Callable[[int], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return the resolved model's points, ``(N, 98, 2)``."""
        return self.resolve(index).points(index, read)
