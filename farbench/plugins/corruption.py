"""The contract of a corruption: a face made harder to read at test time, at five strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from farbench.plugins.base import Plugin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRENGTHS = (1, 2, 3, 4, 5)
"""Every corruption has these; 0 stands for the image as it is."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FivePositive = Annotated[
    tuple[Positive, ...], Field(min_length=len(STRENGTHS), max_length=len(STRENGTHS))
]
"""The type of an option that gives each strength its number."""


class Corruption(Plugin):
    """Changes a packed image, as it would be fed to a network, at strengths 1 to 5.

    Strength 1 is hardly visible; at 5 a human can still tell most attributes. Override
    :meth:`apply` where pixels change and stay where they are, :meth:`matrix` where they move: the
    core then moves masks and landmarks with them.

    What is random is drawn from ``random``. Its numbers belong to the image's id, the corruption's
    name and a seed, and are the same at every strength: the same spot is hidden, ever more of it.
    """

    def apply(
        self, image: NDArray[np.uint8], strength: int, random: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Return the changed image, uint8 ``(R, R, 3)``; the default changes nothing.

        Args:
            image: uint8 ``(R, R, 3)`` RGB of any side R. It must not be written to.
            strength: 1 to 5.
            random: Random numbers of this image.
        """
        return image

    def matrix(
        self, side: int, strength: int, random: np.random.Generator
    ) -> NDArray[np.float64] | None:
        """Return where pixels come from, ``(2, 3)``; the default, None, leaves them in place.

        The map goes from pixels (x, y) of the changed image to pixels of the image as it was, as
        OpenCV samples it; pixel centres lie at whole numbers. It must have an inverse.

        Args:
            side: R, side of the image.
            strength: 1 to 5.
            random: Random numbers of this image, the same as :meth:`apply` is given.
        """
        return None
