"""Who it is: verification of two faces by their embeddings."""

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
class Identity(Task):
    """Identity, predicted by an embedding of shape ``(N, embedding)``.

    The classifier over the identities of the train split is the loss's own and is not part of
    the network: what is scored is whether embeddings of two faces of *other* people tell if they
    are the same. Labels and targets are int32 ``(N,)``: identities of the train split are numbered
    first, -1 is unknown. Stored are the embeddings, float32.

    Attributes:
        embedding: Size of the embedding.
    """

    embedding: int = 128

    kind: ClassVar[str] = "identity"
    default_loss: ClassVar[str] = "softmax_centre"

    @property
    def outputs(self) -> int:
        """The size of the embedding."""
        return self.embedding

    @property
    def columns(self) -> tuple[str, ...]:
        """The identity column of the index."""
        return ("identity",)

    def labels(self, frame: pd.DataFrame, points: Points) -> Labels:
        """Return int32 ``(N,)``; identities of the train split come first, sorted by name."""
        import numpy as np

        identity, train = frame["identity"], frame["split"] == "train"
        names = sorted(identity[train].dropna().unique())
        seen = set(names)
        names += sorted(name for name in identity.dropna().unique() if name not in seen)
        number = {name: position for position, name in enumerate(names)}
        return np.asarray(identity.map(number).fillna(-1).to_numpy(dtype=np.int32))

    def known(self, labels: Labels) -> NDArray[np.bool_]:
        """Return which images have a known identity."""
        return labels >= 0

    def statistics(self, labels: Labels) -> TrainStatistics:
        """Return how many identities the train split has."""
        return TrainStatistics(identities=int(labels.max(initial=-1)) + 1)

    def wording(self) -> str:
        """Say what is predicted."""
        return f"identity '{self.name}'"
