"""What loggers tell of a cell: numbers of epochs, scores, and the settings behind them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from farbench.scoring.catalogue import METRICS
from farbench.store.cells import CELL, HISTORY

Setting = str | int | float | bool


class Epoch(NamedTuple):
    """One epoch: its stage, its number in it (from 1), and its values by name."""

    stage: str
    number: int
    values: dict[str, float]


def epochs(folder: Path) -> Iterator[Epoch]:
    """Yield every epoch of a finished cell, those of its shared stages among them.

    No hook tells of a stage that was taken from the cache; here it is told of all the same.
    """
    with (folder / HISTORY).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            stage, number = row.pop("stage"), int(row.pop("epoch"))
            yield Epoch(stage, number, {name: float(text) for name, text in row.items() if text})


def scores(metrics: Mapping[str, Mapping[str, object]]) -> dict[str, float]:
    """Return the scores of the test split: ``test/<task>/<metric>``; no values per attribute."""
    known = {name for of_kind in METRICS.values() for name in of_kind}
    return {
        f"test/{task}/{metric}": float(value)
        for task, values in metrics.items()
        for metric, value in values.items()
        if isinstance(value, int | float) and metric in known
    }


def settings(folder: Path) -> dict[str, Setting]:
    """Return what a cell was made of, flat: ``method.hidden``, ``protocol.masks.epochs``, ..."""
    cell = json.loads((folder / CELL).read_text(encoding="utf-8"))
    chosen = {
        "row": cell["row"],
        "dataset": cell["dataset"]["name"],
        "seed": cell["seed"],
        "key": cell["identity"]["key"],
        "weighting": cell["weighting"],
        "losses": cell["losses"],
        "method": {"name": cell["method"]["name"], **cell["method"]["options"]},
        "protocol": cell["protocol"],
    }
    return dict(_flat(chosen))


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Setting]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float):
            yield prefix + key, value
        elif value is not None:
            yield prefix + key, json.dumps(value)
