"""The task of every binary-attribute benchmark: N images, A yes-or-no labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from farbench.errors import UserError
from farbench.tasks.base import Task, TrainStatistics

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench.tasks.base import Labels, Points


@dataclass(frozen=True)
class BinaryAttributes(Task):
    """A set of binary attributes predicted by one output of shape ``(N, A)`` (logits).

    Labels and targets are int8 ``(N, A)``: 1, 0, or -1 where unknown. Stored are the logits,
    float16; above 0 is yes.

    Attributes:
        attributes: The A attribute names in column order. In an index the labels are the columns
            ``<task>.<attribute>`` with 1 for yes, 0 for no and NA for unknown.
    """

    attributes: tuple[str, ...]

    kind: ClassVar[str] = "attributes"
    default_loss: ClassVar[str] = "bce"

    @property
    def outputs(self) -> int:
        """A, the number of attributes."""
        return len(self.attributes)

    @property
    def columns(self) -> tuple[str, ...]:
        """The index columns that hold the labels, in output order."""
        return tuple(f"{self.name}.{attribute}" for attribute in self.attributes)

    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Return int8 ``(N, A)``."""
        import numpy as np

        for column in self.columns:
            wrong = [value for value in frame[column].dropna().unique() if value not in (0, 1)]
            if wrong:
                raise UserError(
                    f"{column} has the label {wrong[0]}; allowed are 1, 0 and NA for unknown."
                )
        return np.asarray(frame[list(self.columns)].fillna(-1).to_numpy(dtype=np.int8))

    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which images have at least one known attribute."""
        import numpy as np

        return np.asarray((labels >= 0).any(1))

    def statistics(self, labels: Labels) -> TrainStatistics:
        """Return the share of positives among the known labels of each attribute."""
        known = (labels >= 0).sum(0)
        rates = (labels == 1).sum(0) / known.clip(min=1)
        return TrainStatistics(prevalence=tuple(float(rate) for rate in rates))

    def prior(self, statistics: TrainStatistics) -> tuple[float, ...]:
        """Return the log-odds of each attribute, of rates kept between 0.001 and 0.999."""
        rates = (min(max(rate, 1e-3), 1 - 1e-3) for rate in statistics.prevalence)
        return tuple(math.log(rate / (1 - rate)) for rate in rates)

    def wording(self) -> str:
        """Say what is predicted."""
        return f"{len(self.attributes)} attributes '{self.name}'"


CELEBA_ATTRIBUTES: tuple[str, ...] = tuple(
    """5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
    Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee
    Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard
    Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair
    Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie
    Young""".split()  # noqa: SIM905 - as a list it would be a column of 40 lines
)
"""The 40 attributes in the column order of CelebA's list_attr_celeba.txt."""
