"""A face that is not upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Corruption
from farbench.plugins.corruption import FivePositive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Rotation(Corruption):
    """A turn in the plane about the middle of the image, to the left or to the right."""

    name: ClassVar[str] = "rotation"
    source: ClassVar[str] = (
        "MGMTN, section 5, names pose; in the plane, and angles: this project's."
    )

    degrees: FivePositive = Field(
        (5, 10, 20, 30, 45), description="The turn, a strength; its direction is drawn."
    )

    def matrix(self, side: int, strength: int, random: np.random.Generator) -> NDArray[np.float64]:
        """See :meth:`farbench.Corruption.matrix`."""
        import numpy as np

        angle = np.deg2rad(self.degrees[strength - 1]) * (1 if random.random() < 0.5 else -1)
        linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.full(2, (side - 1) / 2)
        return np.column_stack([linear, middle - linear @ middle])
