"""What every task shares: a name, the numbers a network gives for it, and how labels are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Labels = NDArray[Any]
    Points = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class TrainStatistics:
    """What is known of a task's labels on the train split; fields that do not apply are empty.

    Attributes:
        prevalence: Attributes: share of yes, one an attribute. Classes: share of each class.
        mean: A scalar's mean, in its unit. Landmarks: the mean shape, x and y of each point in
            turn, as fractions of the input's side (0 is its left or top edge).
        std: A scalar's standard deviation, in its unit.
        identities: How many identities there are to tell apart.
    """

    prevalence: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    identities: int = 0


@dataclass(frozen=True)
class Task(ABC):
    """Something that can be predicted for a face, by one output of the network.

    Labels, targets and predictions are three things. *Labels* are what an index holds, read by
    :meth:`labels`. *Targets* are what a loss sees, made by :meth:`targets` (a scalar's are
    standardised). *Predictions* are what is stored and scored, made from outputs by
    :meth:`predictions`. An unknown label is -1 where labels are whole numbers, NaN elsewhere.

    Attributes:
        name: The task's name; also the key of the network's output.
    """

    name: str

    kind: ClassVar[str]
    default_loss: ClassVar[str]

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers a network gives for one image: its output is ``(N, outputs)``."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns of an index that hold the labels."""

    @abstractmethod
    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Read the labels of all rows of an index.

        Raises:
            UserError: A label is not allowed; the message names it.
        """

    @abstractmethod
    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return ``(N,)``, which images carry at least one label of this task."""

    @abstractmethod
    def statistics(self, labels: Labels) -> TrainStatistics:
        """Summarise labels of the train split."""

    def targets(self, labels: Labels, statistics: TrainStatistics) -> Labels:
        """Turn labels into what a loss is given; the default changes nothing."""
        return labels

    def predictions(self, outputs: Labels, statistics: TrainStatistics) -> Labels:
        """Turn float32 outputs ``(N, outputs)`` into what is stored; by default nothing changes."""
        return outputs

    def prior(self, statistics: TrainStatistics) -> tuple[float, ...]:
        """Return the constant output that suits the train labels best, ``outputs`` numbers."""
        return (0.0,) * self.outputs

    def record(self) -> dict[str, Any]:
        """Return the task as JSON-able values, for identities and ``cell.json``."""
        return {"kind": self.kind, **asdict(self)}

    def wording(self) -> str:
        """Say in a few words what is predicted, for messages."""
        return f"{self.kind} '{self.name}'"
