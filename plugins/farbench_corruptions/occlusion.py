"""Something in front of the face."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Corruption
from farbench.plugins.corruption import FivePositive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIDDLE = (0.25, 0.75)
"""The part of the image, along each axis, that the centre of the square lies in: the face."""
GREY = 128


class Occlusion(Corruption):
    """A flat square hides a part of the face."""

    name: ClassVar[str] = "occlusion"
    source: ClassVar[str] = "Grey squares: Zeiler and Fergus, ECCV 2014; sizes: this project's."

    side: FivePositive = Field(
        (0.08, 0.16, 0.24, 0.32, 0.4),
        description="Side of the square over the image's, a strength.",
    )
    colour: Literal["grey", "random"] = Field(
        "grey", description="Of the square: middle grey, or one drawn for each image."
    )

    def apply(
        self, image: NDArray[np.uint8], strength: int, random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """See :meth:`farbench.Corruption.apply`."""
        side = image.shape[0]
        centre = random.uniform(*MIDDLE, size=2) * side
        half = self.side[strength - 1] * side / 2
        top, left = (centre - half).round().astype(int).clip(0)
        bottom, right = (centre + half).round().astype(int)
        changed = image.copy()
        grey = self.colour == "grey"
        changed[top:bottom, left:right] = GREY if grey else random.integers(0, 256, 3)
        return changed
