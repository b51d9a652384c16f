"""The folder of a cell: what it holds, and when it counts as finished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.scoring.metrics import as_stored
from farbench.store.atomic import write_json, write_with

SCHEMA = 1
CELL = "cell.json"
METRICS = "metrics.json"
PLAN = "plan.json"
HISTORY = "history.csv"
LOG = "log.txt"
WEIGHTS = "model.safetensors"
PREDICTIONS = {"test": "predictions.npz", "valid": "predictions.valid.npz"}


def cell_status(folder: Path, key: str, *, weights: bool = False) -> str:
    """Return "finished", "started" (failed or cut short) or "new".

    A cell is finished when its ``cell.json``, which is written last, says so under this key, and,
    if ``weights`` are wanted, they are there too.
    """
    path = folder / CELL
    if not folder.is_dir():
        return "new"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "started"
    same = record.get("identity", {}).get("key") == key
    whole = not weights or (folder / WEIGHTS).is_file()
    return "finished" if same and whole and record.get("status") == "finished" else "started"


def write_predictions(
    path: Path,
    task: str,
    images: NDArray[np.str_],
    logits: NDArray[np.float32],
    targets: NDArray[np.int8],
) -> NDArray[np.float16]:
    """Store the predictions of one split and return the logits as they were stored.

    Args:
        path: The file.
        task: Name of the task.
        images: ``(N,)`` ids.
        logits: ``(N, A)``; stored as float16, clipped to +-65504.
        targets: ``(N, A)``; -1 where unknown.
    """
    stored = as_stored(logits)
    values = {"image": images, f"{task}.output": stored, f"{task}.target": targets}
    write_with(path, lambda temporary: np.savez_compressed(temporary, **values))  # type: ignore[arg-type]
    return stored


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Store one line an epoch."""
    write_with(path, lambda temporary: pd.DataFrame(rows).to_csv(temporary, index=False))


def write_cell(folder: Path, record: dict[str, Any]) -> None:
    """Store ``cell.json``; after this the cell counts."""
    write_json(folder / CELL, {"schema": SCHEMA, **record})
