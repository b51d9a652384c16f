"""The records that the life-cycle hooks receive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CellEvent:
    """Which cell: the row, data set and seed, and the folder of its results."""

    benchmark: str
    row: str
    dataset: str
    seed: int
    folder: Path


@dataclass(frozen=True)
class EpochEvent:
    """What one epoch gave.

    Attributes:
        stage: The stage's name.
        epoch: Counted from 1 within the stage.
        values: ``loss``, ``learning_rate``, ``images_per_second`` and, where the stage is
            evaluated, ``valid_<metric>``.
    """

    stage: str
    epoch: int
    values: dict[str, float]
