"""Reading the stored predictions of a cell and scoring them again."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.scoring.metrics import score_attributes


@dataclass(frozen=True)
class Predictions:
    """The contents of predictions.npz.

    Attributes:
        image: ``(N,)``, image ids.
        logits: ``(N, A)`` float16.
        targets: ``(N, A)`` int8; -1 where the label is unknown.
    """

    image: NDArray[np.str_]
    logits: NDArray[np.float16]
    targets: NDArray[np.int8]


def load_predictions(path: Path, task: str = "attributes") -> Predictions:
    """Read one predictions file.

    Raises:
        UserError: The file is absent (committed results carry none), damaged, or of another task.
    """
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: committed results carry no predictions. "
            "Run the benchmark again (`farbench run`) to have them."
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Predictions(held["image"], held[f"{task}.output"], held[f"{task}.target"])
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no predictions file of task '{task}': {error}.") from error


def score_predictions(path: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what metrics.json holds, computed from the stored values."""
    held = load_predictions(path)
    return {"attributes": score_attributes(held.logits, held.targets, names)}
