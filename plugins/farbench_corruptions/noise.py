"""The grain of a sensor in poor light."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Corruption
from farbench.plugins.corruption import FivePositive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Noise(Corruption):
    """Gaussian noise, drawn for each pixel and colour."""

    name: ClassVar[str] = "noise"
    source: ClassVar[str] = "As in Hendrycks and Dietterich, ICLR 2019; widths: this project's."

    std: FivePositive = Field(
        (0.02, 0.04, 0.08, 0.12, 0.18),
        description="Standard deviation over 255, a strength.",
    )

    def apply(
        self, image: NDArray[np.uint8], strength: int, random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """See :meth:`farbench.Corruption.apply`."""
        import numpy as np

        noise = random.standard_normal(image.shape, dtype=np.float32)
        noisy = image + 255 * self.std[strength - 1] * noise
        return noisy.round().clip(0, 255).astype(np.uint8)
