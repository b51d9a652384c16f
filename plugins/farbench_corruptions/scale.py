"""A face that a detector framed too tightly or too widely."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from farbench import Corruption

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Factor = Annotated[float, Field(gt=1, allow_inf_nan=False)]


class Scale(Corruption):
    """The face larger or smaller about the middle of the image; which of the two is drawn."""

    name: ClassVar[str] = "scale"
    source: ClassVar[str] = "This project's."

    factor: Annotated[tuple[Factor, ...], Field(min_length=5, max_length=5)] = Field(
        (1.05, 1.1, 1.2, 1.35, 1.5),
        description="How many times larger or smaller, a strength.",
    )

    def matrix(self, side: int, strength: int, random: np.random.Generator) -> NDArray[np.float64]:
        """See :meth:`farbench.Corruption.matrix`."""
        import numpy as np

        factor = self.factor[strength - 1]
        step = 1 / factor if random.random() < 0.5 else factor
        middle = (side - 1) / 2
        return np.array([[step, 0, middle * (1 - step)], [0, step, middle * (1 - step)]])
