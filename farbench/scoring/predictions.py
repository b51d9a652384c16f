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
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.classes import Classes
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar


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


def load_predictions(path: Path, task: Task) -> Predictions:
    """Read one task of a predictions file: ``image``, ``<task>.output``, ``.target``, and beside.

    Raises:
        UserError: The file is absent (committed results carry none), damaged, of other tasks, or
            holds what this task cannot have.
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
            found = Predictions(
                held["image"],
                held[f"{task.name}.output"],
                held[f"{task.name}.target"],
                held.get("sizes"),
                held.get("identity"),
            )
            _check(found, task)
    except Exception as error:  # each byte of a damaged file may be anything, so may the error
        raise UserError(f"{path} is no predictions file of task '{task.name}': {error}.") from error
    return found


def _check(found: Predictions, task: Task) -> None:
    """Refuse arrays that cannot be those of a task.

    Raises:
        ValueError: Says which.
    """
    output, target = _shapes(task)
    count = len(np.atleast_1d(found.image))
    if not count:
        raise ValueError("it holds no image")
    _check_array("image", found.image, (count,), "U")
    _check_array(f"{task.name}.output", found.output, (count, *output), "f")
    _check_array(f"{task.name}.target", found.target, (count, *target), "iuf")
    if found.sizes is not None:
        _check_array("sizes", found.sizes, (count, 2), "iu")
    if found.identity is not None:
        _check_array("identity", found.identity, (count,), "iu")
    if not np.isfinite(found.output).all():
        raise ValueError(f"{task.name}.output is not finite everywhere")
    highest = {BinaryAttributes: 1, Classes: task.outputs - 1}.get(type(task))
    if highest is not None and not ((found.target >= -1) & (found.target <= highest)).all():
        raise ValueError(f"{task.name}.target is not within -1 and {highest} everywhere")


def _shapes(task: Task) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of one image's output and label, as they are stored."""
    match task:
        case BinaryAttributes():
            return (task.outputs,), (task.outputs,)
        case Landmarks():
            return (task.count, 2), (task.count, 2)
        case Scalar():
            return (), ()
    return (task.outputs,), ()


def _check_array(name: str, held: NDArray[Any], shape: tuple[int, ...], kinds: str) -> None:
    if held.shape != shape or held.dtype.kind not in kinds:
        raise ValueError(f"{name} is {held.dtype} {held.shape}, not of the shape {shape}")
