"""The folder of a cell: what it holds, and when it counts as finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.store.atomic import write_json, write_with

SCHEMA = 1
CELL = "cell.json"
METRICS = "metrics.json"
PLAN = "plan.json"
HISTORY = "history.csv"
TERMS = "terms.csv"
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
    images: NDArray[np.str_],
    predictions: Mapping[str, NDArray[Any]],
    labels: Mapping[str, NDArray[Any]],
    sizes: NDArray[np.int32] | None = None,
    identity: NDArray[np.int64] | None = None,
) -> None:
    """Store the predictions of one split.

    Args:
        path: The file.
        images: ``(N,)`` ids.
        predictions: By task, as they are to be stored (see ``scoring.score.as_stored``).
        labels: By task.
        sizes: ``(N, 2)``, height and width of the original images, where a task is in pixels.
        identity: ``(N,)``, a number for each person, -1 where unknown; None where nobody is known.
    """
    values: dict[str, NDArray[Any]] = {"image": images}
    for task, stored in predictions.items():
        values |= {f"{task}.output": stored, f"{task}.target": labels[task]}
    if sizes is not None:
        values["sizes"] = sizes
    if identity is not None:
        values["identity"] = identity
    write_with(path, lambda temporary: np.savez_compressed(temporary, **values))  # type: ignore[arg-type]


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Store one line an epoch."""
    write_with(path, lambda temporary: pd.DataFrame(rows).to_csv(temporary, index=False))


def write_terms(path: Path, stages: list[tuple[str, list[str], NDArray[np.float32]]]) -> None:
    """Store one line a training step: stage, step, loss and weight of each term.

    Args:
        path: The file.
        stages: Name, terms and ``(steps, 2, T)`` of each stage that has several terms.
    """
    frames = []
    for stage, names, values in stages:
        columns = {"stage": [stage] * len(values), "step": range(1, len(values) + 1)}
        frame = pd.DataFrame(columns)
        for number, name in enumerate(names):
            frame[f"loss_{name}"] = values[:, 0, number]
            frame[f"weight_{name}"] = values[:, 1, number]
        frames.append(frame)
    whole = pd.concat(frames)
    write_with(path, lambda temporary: whole.to_csv(temporary, index=False, float_format="%.6g"))


def write_cell(folder: Path, record: dict[str, Any]) -> None:
    """Store ``cell.json``; after this the cell counts."""
    write_json(folder / CELL, {"schema": SCHEMA, **record})
