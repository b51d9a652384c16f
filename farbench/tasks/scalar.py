"""A number with a unit: age in years."""

from __future__ import annotations

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
class Scalar(Task):
    """A number predicted by one output of shape ``(N, 1)``, in standard deviations.

    The network works in the train split's standard units (0 is the mean, 1 a standard deviation
    above it), so that losses of several tasks are of one size. Labels are float32 ``(N,)`` in the
    unit, NaN where unknown; targets are float32 ``(N, 1)`` in standard units; stored are float32
    ``(N,)`` in the unit, kept within ``low`` and ``high``.

    Attributes:
        unit: "years".
        low: The least value that a label may have.
        high: The largest.
    """

    unit: str
    low: float
    high: float

    kind: ClassVar[str] = "scalar"
    default_loss: ClassVar[str] = "l1"

    @property
    def outputs(self) -> int:
        """One number."""
        return 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that holds the numbers."""
        return (self.name,)

    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Return float32 ``(N,)``, NaN where unknown."""
        import numpy as np
        import pandas as pd

        column = frame[self.name]
        values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float32, na_value=np.nan)
        with np.errstate(invalid="ignore"):
            wrong = (np.isnan(values) & column.notna()) | (values < self.low) | (values > self.high)
        if wrong.any():
            first = column[np.asarray(wrong)].astype(object).iloc[0]
            raise UserError(
                f"{self.name} has the label {first!r}; allowed are {self.low:g} to {self.high:g} "
                f"({self.unit}), and NA for unknown."
            )
        return np.asarray(values)

    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which images have a known value."""
        import numpy as np

        return np.asarray(~np.isnan(labels))

    def statistics(self, labels: Labels) -> TrainStatistics:
        """Return mean and standard deviation of the known labels (1 where all are equal)."""
        import numpy as np

        values = labels.astype(np.float64)[self.known(labels)]
        if not len(values):
            return TrainStatistics(mean=(0.0,), std=(1.0,))
        return TrainStatistics(mean=(float(values.mean()),), std=(float(values.std()) or 1.0,))

    def targets(self, labels: Labels, statistics: TrainStatistics) -> Labels:
        """Return standard units, float32 ``(N, 1)``."""
        import numpy as np

        values = (labels.astype(np.float32) - statistics.mean[0]) / statistics.std[0]
        return np.asarray(values, np.float32)[:, None]

    def predictions(self, outputs: Labels, statistics: TrainStatistics) -> Labels:
        """Return the unit, float32 ``(N,)``."""
        import numpy as np

        values = outputs[:, 0].astype(np.float32) * statistics.std[0] + statistics.mean[0]
        return np.asarray(values.clip(self.low, self.high), np.float32)

    def wording(self) -> str:
        """Say what is predicted."""
        return f"'{self.name}' in {self.unit}"
