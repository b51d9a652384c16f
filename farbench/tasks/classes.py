"""One of several classes: gender, race, expression, age groups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from farbench.errors import UserError, did_you_mean
from farbench.tasks.base import Task, TrainStatistics

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench.tasks.base import Labels, Points


@dataclass(frozen=True)
class Classes(Task):
    """Exclusive classes predicted by one output of shape ``(N, C)`` (logits).

    Labels and targets are int16 ``(N,)``: the class's number, or -1 where unknown. Stored are the
    logits, float16; the largest one is the answer (the first of equals).

    Attributes:
        classes: The C canonical class names in output order. In an index the labels are the
            column ``<task>`` with class names, NA for unknown.
    """

    classes: tuple[str, ...]

    kind: ClassVar[str] = "classes"
    default_loss: ClassVar[str] = "cross_entropy"

    @property
    def outputs(self) -> int:
        """C, the number of classes."""
        return len(self.classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that holds the class names."""
        return (self.name,)

    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Return int16 ``(N,)``."""
        import numpy as np

        column = frame[self.name]
        for name in column.dropna().unique():
            if name not in self.classes:
                raise UserError(
                    f"{self.name} has the label {name!r}.{did_you_mean(str(name), self.classes)} "
                    f"Allowed: {', '.join(self.classes)}, and NA for unknown."
                )
        number = {name: position for position, name in enumerate(self.classes)}
        return np.asarray(column.map(number).fillna(-1).to_numpy(dtype=np.int16))

    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which images have a known class."""
        return labels >= 0

    def statistics(self, labels: Labels) -> TrainStatistics:
        """Return the share of each class among the known labels."""
        counts = [int((labels == number).sum()) for number in range(self.outputs)]
        total = max(sum(counts), 1)
        return TrainStatistics(prevalence=tuple(count / total for count in counts))

    def prior(self, statistics: TrainStatistics) -> tuple[float, ...]:
        """Return the log of each class's share, of shares not below 0.001."""
        return tuple(math.log(max(share, 1e-3)) for share in statistics.prevalence)

    def wording(self) -> str:
        """Say what is predicted."""
        return f"{len(self.classes)} classes '{self.name}' ({', '.join(self.classes)})"
