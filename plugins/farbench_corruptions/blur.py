"""A face out of focus, or too few pixels enlarged."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Corruption
from farbench.plugins.corruption import FivePositive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Blur(Corruption):
    """A Gaussian blur."""

    name: ClassVar[str] = "blur"
    source: ClassVar[str] = "As in Hendrycks and Dietterich, ICLR 2019; widths: this project's."

    sigma: FivePositive = Field(
        (0.006, 0.01, 0.014, 0.02, 0.027),
        description="Standard deviation over the image's side, a strength.",
    )

    def apply(
        self, image: NDArray[np.uint8], strength: int, random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """See :meth:`farbench.Corruption.apply`."""
        import cv2
        import numpy as np

        sigma = self.sigma[strength - 1] * image.shape[0]
        blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(blurred, np.uint8)
