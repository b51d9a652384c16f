"""The folder of a cell: what it holds, and when it counts as finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from farbench.errors import DamagedFile, UserError
from farbench.store.atomic import check_format, read_json, write_sealed, write_with
from farbench.store.checksums import checksums, damage

SCHEMA = 1
"""Of ``cell.json`` and ``plan.json``."""
CELL = "cell.json"
METRICS = "metrics.json"
PLAN = "plan.json"
HISTORY = "history.csv"
TERMS = "terms.csv"
LOG = "log.txt"
WEIGHTS = "model.safetensors"
PREDICTIONS = {"test": "predictions.npz", "valid": "predictions.valid.npz"}

KEPT = (METRICS, *PREDICTIONS.values(), HISTORY, TERMS, WEIGHTS)
"""The files of a cell whose checksums its ``cell.json`` holds."""


def cell_status(folder: Path, key: str, *, weights: bool | None = None) -> str:
    """Return "finished", "started" (failed, cut short or damaged) or "new".

    A cell is finished when its ``cell.json``, which is written last, says so under this key, and
    its files are what was written then. See :func:`cell_damage` for ``weights``.

    Raises:
        UserError: It was written by a later farbench.
    """
    if not folder.is_dir():
        return "new"
    try:
        record = read_record(folder)
    except (OSError, UserError):
        return "started"
    check_format(folder / CELL, record.get("schema"), SCHEMA)
    whole = _is_finished(record, key) and not _missing_or_changed(folder, record, weights)
    return "finished" if whole else "started"


def cell_damage(folder: Path, key: str, *, weights: bool | None = None) -> str | None:
    """Return what is wrong with a cell that was finished, or None; None if it was not.

    Args:
        folder: The cell's folder.
        key: Its identity.
        weights: Whether its weights are wanted. None is a cell that is only to be shown: there
            predictions and weights may be absent, as in results that were committed.
    """
    try:
        record = read_record(folder)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        return error.damage
    except (OSError, UserError) as error:
        return str(error)
    return _missing_or_changed(folder, record, weights) if _is_finished(record, key) else None


def read_record(folder: Path) -> dict[str, Any]:
    """Return a cell's ``cell.json``.

    Raises:
        UserError: It is damaged.
        OSError: It is not there, or cannot be read.
    """
    record = read_json(folder / CELL)
    if not isinstance(record, dict):
        raise DamagedFile(f"{folder / CELL} holds no JSON object")
    return record


def _is_finished(record: Mapping[str, Any], key: str) -> bool:
    identity = record.get("identity")
    same = isinstance(identity, dict) and identity.get("key") == key
    return same and record.get("status") == "finished"


def _missing_or_changed(
    folder: Path, record: Mapping[str, Any], weights: bool | None
) -> str | None:
    if weights and not (folder / WEIGHTS).is_file():
        return f"{WEIGHTS} is missing"
    kept = dict(record.get("files", {}))
    if weights is False:
        kept.pop(WEIGHTS, None)
    if weights is None:
        kept = {name: one for name, one in kept.items() if (folder / name).is_file()}
    # Weights may have gigabytes in all: their checksum is compared when they are loaded.
    heavy = {WEIGHTS: kept.pop(WEIGHTS)} if WEIGHTS in kept else {}
    return damage(folder, kept) or damage(folder, heavy, lengths=True)


def file_damage(folder: Path, record: Mapping[str, Any], name: str) -> str | None:
    """Return what is wrong with one file of a cell, or None; None if nothing is known of it."""
    kept = record.get("files", {})
    return damage(folder, {name: kept[name]}) if name in kept else None


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
    """Store ``cell.json`` with the checksums of the files beside it; after this the cell counts."""
    made = checksums(folder, KEPT) if record.get("status") == "finished" else {}
    write_sealed(folder / CELL, {"schema": SCHEMA, **record, "files": made})


def write_scores_again(folder: Path, record: dict[str, Any]) -> None:
    """Store ``cell.json`` of a cell whose ``metrics.json`` was written again."""
    if "files" in record:
        record = {**record, "files": {**record["files"], **checksums(folder, [METRICS])}}
    write_sealed(folder / CELL, record)
