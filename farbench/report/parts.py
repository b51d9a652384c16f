"""The parts of a card, from a cell's record, scores and history."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from farbench.report.pool import Pool
from farbench.scoring.catalogue import HEADLINE, METRICS, MetricInfo
from farbench.scoring.per_detail import DETAILS
from farbench.store.cells import CELL, HISTORY
from farbench.tables.cells import CellResult
from farbench.tasks import recorded_tasks
from farbench.tasks.base import Task

PREVALENCE = MetricInfo("prevalence", "Prevalence", True, "Share of yes in the test split.")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One part of a card.

    Attributes:
        kind: How it is shown: a function of that name in ``assets/parts.js``.
        title: Its heading.
        content: What that function takes, as JSON.
        open: Whether it is unfolded at first.
    """

    kind: Literal["pairs", "grid", "command", "log", "curves", "bars", "faces"]
    title: str
    content: Mapping[str, Any]
    open: bool = True


def tasks_of(cell: CellResult) -> list[Task]:
    """Return the tasks of a cell that have scores."""
    return [task for task in recorded_tasks(cell.record, Path(CELL)) if task.name in cell.scores]


def headline(cell: CellResult, *, bare: bool) -> Pairs:
    """Return the usual metrics of each task, name and number.

    Args:
        cell: The cell.
        bare: Whether a name needs no task before it.
    """
    return [
        pair
        for task in tasks_of(cell)
        for pair in _metrics(cell, task, HEADLINE[task.kind], bare=bare)
    ]


def scores(cell: CellResult) -> Part:
    """Return all metrics of all tasks."""
    pairs = [
        pair
        for task in tasks_of(cell)
        for pair in _metrics(cell, task, METRICS[task.kind], bare=len(cell.scores) == 1)
    ]
    return Part("pairs", "Scores on the test split", {"pairs": pairs})


def _metrics(cell: CellResult, task: Task, names: Iterable[str], *, bare: bool) -> Pairs:
    held = cell.scores[task.name]
    pairs = []
    for info in (METRICS[task.kind][name] for name in names):
        if info.name in held:
            value, unit = held[info.name], info.unit.format(unit=getattr(task, "unit", ""))
            name = info.label if bare else f"{task.name} {info.label}"
            shown = "undefined" if value is None else f"{_rounded(info, value):.{info.decimals}f}"
            pairs.append((name, f"{shown} {unit}".strip()))
    return pairs


def _rounded(info: MetricInfo, value: float) -> float:
    return round(100 * value if info.percent else value, info.decimals)


def details(cell: CellResult, pool: Pool) -> Iterator[Part]:
    """Yield the scores of each attribute, class, decade or point, and confusions.

    Names and single series go into the pool by themselves: prevalences are those of the data set.
    """
    for task in tasks_of(cell):
        held = cell.scores[task.name]
        of = "" if len(cell.scores) == 1 else f" of {task.name}"
        for each in DETAILS.values():
            by_metric = {
                info: held[f"{info.name}_per_{each}"]
                for info in (*METRICS[task.kind].values(), PREVALENCE)
                if f"{info.name}_per_{each}" in held
            }
            if by_metric:
                series = [pool.add(_series(cell, task, *one)) for one in by_metric.items()]
                names = pool.add(list(next(iter(by_metric.values()))))
                yield Part("bars", f"Each {each}{of}", {"names": names, "series": series})
        confusion = held.get("confusion") or {}
        if confusion:
            rows = [
                [own, *(said.get(other, 0) for other in confusion)]
                for own, said in confusion.items()
            ]
            head = ["is, said", *confusion]
            yield Part("grid", f"Confusion{of}", {"head": head, "rows": rows}, open=False)


def _series(
    cell: CellResult, task: Task, info: MetricInfo, values: Mapping[str, float | None]
) -> dict[str, Any]:
    """Return one metric of each attribute, and beside accuracies those of the majority class."""
    scale, digits = 100 if info.percent else 1, info.decimals
    series: dict[str, Any] = {
        "label": info.label,
        "percent": info.percent,
        "decimals": info.decimals,
        "values": [None if v is None else round(scale * v, digits) for v in values.values()],
    }
    train = (cell.record.get("train_prevalence") or {}).get(task.name)
    test = cell.scores[task.name].get("prevalence_per_attribute")
    if task.kind == "attributes" and info.name == "accuracy" and train and test:
        pairs = zip(train, test.values(), strict=False)
        series["marks"] = [
            None if share is None else round(scale * (share if mostly > 0.5 else 1 - share), digits)
            for mostly, share in pairs
        ]
    return series


def curves(cell: CellResult, folder: Path) -> Part | None:
    """Return the loss and what was scored on the valid split, epoch by epoch."""
    try:
        with (folder / HISTORY).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return None
    if not lines:
        return None
    infos = {
        f"{prefix}{info.name}": (f"{prefix.replace('.', ' ')}{info.label}, valid split", info)
        for task in tasks_of(cell)
        for info in METRICS[task.kind].values()
        for prefix in (f"{task.name}.", *([""] if len(cell.scores) == 1 else []))
    }
    charts: list[tuple[str, list[float | None]]] = []
    for name in filter(None, lines[0]):  # fields that the header does not name come under None
        values = [_number(line.get(name)) for line in lines]
        if name == "loss" or name.startswith("loss_"):
            charts.append((name.replace("loss_", "loss of "), values))
        elif name.startswith("valid_"):
            title, info = infos.get(name.removeprefix("valid_"), (name, None))
            if info is not None:
                values = [None if v is None else _rounded(info, v) for v in values]
            charts.append((title, values))
    return Part(
        "curves", "Training", {"stages": [x.get("stage") or "" for x in lines], "charts": charts}
    )


def _number(text: str | None) -> float | None:
    """Read a number of a history, to five digits: nobody sees more in a curve."""
    try:
        value = float(f"{float(text or ''):.5g}")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def recipe(record: Mapping[str, Any]) -> Iterator[Part]:
    """Yield how the cell was made: stages, options, protocol, masks, identity, environment."""
    stages = record.get("stages") or []
    if stages:
        columns = {
            "name": "Stage",
            "epochs": "Epochs",
            "steps": "Steps",
            "trunk_steps": "Trunk steps",
            "images_per_second": "Images/s",
            "minutes": "Minutes",
            "parameters": "Parameters",
        }
        shown = [key for key in columns if any(key in stage for stage in stages)]
        rows = [[_brief(stage.get(key, ""), digits=3) for key in shown] for stage in stages]
        yield Part("grid", "Stages", {"head": [columns[key] for key in shown], "rows": rows})
    method = record.get("method") or {}
    dataset = record.get("dataset") or {}
    about = [
        ("method", str(method.get("name", ""))),
        *_flat(method.get("options") or {}),
        *_flat({key: record[key] for key in ("losses", "weighting", "selection") if key in record}),
    ]
    yield from _folded("Options", about if method else [])
    yield from _folded("Protocol", _flat(record.get("protocol") or {}))
    yield from _folded("Data", _flat({k: v for k, v in dataset.items() if k != "entries"}))
    masks = {key: value for key, value in (record.get("masks") or {}).items() if key != "f1"}
    f1 = (record.get("masks") or {}).get("f1") or {}
    yield from _folded(
        "Masks",
        [
            *_flat({"keypoints": record["keypoints"]} if record.get("keypoints") else {}),
            *_flat(masks),
            *((f"F1 {group}", _brief(value and 100 * value)) for group, value in f1.items()),
        ],
    )
    yield from _folded("Costs", _flat(record.get("costs") or {}))
    yield from _folded("Identity", _identity(record))
    yield from _folded("Environment", _flat(record.get("environment") or {}))


def _identity(record: Mapping[str, Any]) -> Pairs:
    """Return key, data and numerics; the whole is in cell.json, for `farbench why`."""
    identity = record.get("identity") or {}
    training = (identity.get("recipe") or {}).get("training") or {}
    return _flat(
        {
            key: value
            for key, value in (
                ("key", identity.get("key")),
                ("data", (training.get("data") or {}).get("manifest")),
                ("numerics", identity.get("numerics")),
                ("metric version", record.get("metric_version")),
                ("finished", record.get("finished")),
            )
            if value
        }
    )


def _folded(title: str, pairs: Pairs) -> Iterator[Part]:
    if pairs:
        yield Part("pairs", title, {"pairs": pairs}, open=False)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Pairs:
    """Return nested values by dotted keys, each as it would stand in a benchmark file."""
    pairs: Pairs = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", _brief(value)))
    return pairs


def _brief(value: Any, digits: int = 5) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000:
        return f"{value:,}"
    return json.dumps(value, ensure_ascii=False)
