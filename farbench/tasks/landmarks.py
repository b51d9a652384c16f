"""Points on a face: five landmarks, 68, 98."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from farbench.tasks.base import Task, TrainStatistics

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from farbench.tasks.base import Labels, Points


@dataclass(frozen=True)
class Landmarks(Task):
    """P points predicted by one output of shape ``(N, 2 P)``: x and y of each point in turn.

    The network works in fractions of its input's side: 0 is the left or top edge, 1 the right or
    bottom one. Labels are float32 ``(N, P, 2)`` in pixels (x, y) of the original image, NaN where
    unknown; the core moves them with every crop, rotation and flip. Targets are ``(N, 2 P)``.
    Stored are pixels of the original image, float32 ``(N, P, 2)``.

    Attributes:
        points: The point set of the index that holds the labels ("landmarks5").
        count: P.
        mirror: For each point the one that takes its place in a mirrored image.
        eyes: Two tuples of points; the distance of their centres is the interocular distance
            (for 68 points the outer eye corners, ``((36,), (45,))``, as 300-W has it).
    """

    points: str
    count: int
    mirror: tuple[int, ...]
    eyes: tuple[tuple[int, ...], tuple[int, ...]]

    kind: ClassVar[str] = "landmarks"
    default_loss: ClassVar[str] = "l1"

    @property
    def outputs(self) -> int:
        """Two numbers a point."""
        return 2 * self.count

    @property
    def columns(self) -> tuple[str, ...]:
        """None: points lie beside the frame."""
        return ()

    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Return float32 ``(N, P, 2)``; NaN everywhere where the index has no such point set."""
        import numpy as np

        if self.points not in points:
            return np.full((len(frame), self.count, 2), np.nan, np.float32)
        return np.asarray(points[self.points], np.float32)

    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which images have at least one known point."""
        import numpy as np

        return np.asarray((~np.isnan(labels)).any((1, 2)))

    def statistics(self, labels: Labels) -> TrainStatistics:
        """Return the mean shape; labels are fractions of the input's side here."""
        import numpy as np

        values = labels.astype(np.float64)
        count = (~np.isnan(values)).sum(0).clip(min=1)
        return TrainStatistics(mean=tuple(float(v) for v in (np.nansum(values, 0) / count).ravel()))

    def prior(self, statistics: TrainStatistics) -> tuple[float, ...]:
        """Return the mean shape."""
        return statistics.mean

    def wording(self) -> str:
        """Say what is predicted."""
        return f"{self.count} points '{self.name}'"


FIVE_MIRROR = (1, 0, 2, 4, 3)
"""Five landmarks (image-left eye, image-right eye, nose, mouth corners) in a mirrored image."""

FIVE_EYES = ((0,), (1,))
"""The eyes among five landmarks."""
