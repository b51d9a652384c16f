"""Reading the stored predictions of a cell."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.limits import PREDICTIONS


@dataclass(frozen=True)
class Predictions:
    """What predictions.npz holds of one task.

    Attributes:
        image: ``(N,)``, image ids.
        output: What the network said, as ``farbench.scoring.score.as_stored`` keeps it.
        target: The labels, as ``task.labels`` gives them.
        sizes: ``(N, 2)``, height and width of the originals, where they were stored (landmarks).
        identity: ``(N,)``, a number for each person, -1 where unknown; None where nobody is known
            or the file is of an earlier version. The numbers mean nothing outside this file.
    """

    image: NDArray[np.str_]
    output: NDArray[Any]
    target: NDArray[Any]
    sizes: NDArray[np.int32] | None = None
    identity: NDArray[np.int64] | None = None


def load_predictions(path: Path, task_name: str = "attributes") -> Predictions:
    """Read one task of a predictions file: ``image``, ``<task>.output``, ``.target``, and beside.

    Raises:
        UserError: The file is absent (committed results carry none), damaged, or of other tasks.
    """
    if not path.is_file():
        raise UserError(
            f"{path} does not exist: committed results carry no predictions. "
            "Run the benchmark again (`farbench run`) to have them."
        )
    try:
        with zipfile.ZipFile(path) as members:
            unpacked = sum(member.file_size for member in members.infolist())
        if unpacked > PREDICTIONS:
            raise ValueError(f"its arrays would take {unpacked:,} bytes")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return Predictions(
                held["image"],
                held[f"{task_name}.output"],
                held[f"{task_name}.target"],
                held.get("sizes"),
                held.get("identity"),
            )
    except Exception as error:  # each byte of a damaged file may be anything, so may the error
        raise UserError(f"{path} is no predictions file of task '{task_name}': {error}.") from error
