"""What of a cell's data changed, as far as its own files can tell: images, and labels of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS
from farbench.scoring.predictions import Predictions, load_predictions
from farbench.store.cells import PREDICTIONS
from farbench.tasks.base import Task

if TYPE_CHECKING:
    from farbench.running.plan import PlannedCell


def data_changes(record: dict[str, Any], folder: Path, planned: PlannedCell) -> list[str]:
    """Say where the data differ, for a cell whose data manifest does.

    A manifest is a digest. But a cell keeps how many images it had, and with its predictions the
    ids and labels of the valid and test images; train labels, points and images it does not keep.

    Args:
        record: The cell's ``cell.json``.
        folder: The cell's folder.
        planned: The same cell, planned now.
    """
    then = (record.get("dataset") or {}).get("images") or {}
    now = {split: len(planned.source.positions(split, planned.tasks)) for split in SPLITS}
    found = [
        f"{split}: {then[split]} -> {now[split]} images"
        for split in SPLITS
        if then.get(split) not in (None, now[split])
    ]
    # An identity's numbers mean nothing outside of their file.
    tasks = [task for task in planned.tasks if task.kind != "identity"]
    compared = 0
    for split, name in PREDICTIONS.items():
        held = [(task, kept) for task in tasks if (kept := _load(folder / name, task))]
        if held and then.get(split) == now[split]:
            compared += len(held) == len(planned.tasks)
            found += _in_split(planned, split, held)
    if found or compared < len(PREDICTIONS):
        return found
    return ["not in images or labels of valid or test: in train, other tasks, points or sizes"]


def _load(path: Path, task: Task) -> Predictions | None:
    try:
        return load_predictions(path, task)
    except UserError:  # of committed results, or of a task that is another now
        return None


def _in_split(
    planned: PlannedCell, split: str, held: Sequence[tuple[Task, Predictions]]
) -> list[str]:
    """Say what differs between the images of a split and those that predictions were made of."""
    source = planned.source
    positions = source.positions(split, planned.tasks)
    images = source.index.frame["image"].to_numpy(dtype=str)[positions]
    kept = held[0][1].image
    if not np.array_equal(images, kept):
        new, gone = (len(np.setdiff1d(*pair)) for pair in ((images, kept), (kept, images)))
        return [f"{split}: {new} images new, {gone} gone" if new or gone else f"{split}: reordered"]
    found = []
    for task, predictions in held:
        other = _differ(source.labels(task)[positions], predictions.target)
        if other.any():
            found.append(
                f"{split}: labels of {task.name} differ in {other.sum()} of {len(other)} images, "
                f"the first is {images[other][0]}"
            )
    return found


def _differ(now: NDArray[Any], then: NDArray[Any]) -> NDArray[np.bool_]:
    """Return of which images, the first axis, a label differs; NaN, an unknown one, is itself."""
    same = np.isclose(now.astype(then.dtype), then, rtol=0, atol=0, equal_nan=True)
    differ: NDArray[np.bool_] = ~same.reshape(len(same), -1).all(axis=1)
    return differ
