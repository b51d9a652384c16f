"""my_corruption, a corruption of test images. Change what is marked 1 and 2.

After each change: farbench test-plugin my_corruption.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Corruption
from farbench.plugins.corruption import FivePositive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MyCorruption(Corruption):
    """Poor light: the image gets darker, and grain shows."""

    name: ClassVar[str] = "my_corruption"
    source: ClassVar[str] = "TO FILL IN: paper, section, and whose the numbers are."

    # 1. Options: a number for each of the five strengths, and others. A benchmark sets them:
    #    `robustness: {corruptions: [{name: my_corruption, grain: 0.05}]}`. Give lengths as parts of
    #    the image's side, so that a strength means the same at any resolution.
    light: FivePositive = Field(
        (0.8, 0.65, 0.5, 0.35, 0.25), description="What is left of the light, a strength."
    )
    grain: float = Field(
        0.02, ge=0, description="Standard deviation of the grain over 255, at every strength."
    )

    # 2. The corruption. Where pixels move, as in a turn, leave `apply` out and override
    #    `matrix(self, side, strength, random)`: it returns the 2x3 map from pixels of the changed
    #    image to those of the image as it was, and masks and landmarks move with them.
    def apply(
        self, image: NDArray[np.uint8], strength: int, random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Return the changed image, uint8 `(R, R, 3)`; the given one is not written to."""
        import numpy as np

        # Whatever is random comes from `random`: its numbers belong to the image, and are the same
        # at every strength, so that every row of a table sees the very same images.
        grain = 255 * self.grain * random.standard_normal(image.shape, dtype=np.float32)
        changed = self.light[strength - 1] * image + grain
        return changed.round().clip(0, 255).astype(np.uint8)
