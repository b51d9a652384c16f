"""What ``cell.json`` says of a cell: before it runs, and when it is finished."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from farbench.benchmark.datasets import entries_of
from farbench.running.costs import Costs
from farbench.running.environment import environment
from farbench.running.plan import PlannedCell
from farbench.scoring.catalogue import METRIC_VERSION
from farbench.tasks.attributes import BinaryAttributes


def planned_record(cell: PlannedCell) -> dict[str, Any]:
    """Return the part of ``cell.json`` that is known before the cell runs."""
    source = cell.source
    return {
        "row": cell.row.row.id,
        "tasks": [task.record() for task in cell.tasks],
        "losses": {task: loss.name for task, loss in cell.stages[-1].losses.items()},
        "weighting": cell.row.weighting.name,
        "substituted": cell.row.substituted,
        "dataset": {
            "name": source.dataset.name,
            "title": source.dataset.info.title,
            "options": source.dataset.options(),
            "entries": entries_of(source.dataset),
            "synthetic": source.dataset.info.synthetic,
            "images_may_be_shown": source.dataset.info.images_may_be_shown,
            "images": {s: len(source.positions(s, cell.tasks)) for s in ("train", "valid", "test")},
            "notes": list(source.index.notes),
        },
        "seed": cell.seed,
        "identity": cell.identity.as_dict(),
        "method": {"name": cell.row.method.name, "options": cell.row.method.options()},
        "protocol": cell.row.protocol.model_dump(mode="json"),
    }


def input_share(stage: Mapping[str, Any]) -> float:
    """Return the share of a stage's time in which steps wait for images: the median epoch's."""
    return float(statistics.median(epoch["input_share"] for epoch in stage["history"]))


def finished_record(
    cell: PlannedCell,
    metas: list[dict[str, Any]],
    mask_meta: Mapping[str, Any] | None,
    costs: Costs,
    images_at: str,
    cells_at_once: int,
) -> dict[str, Any]:
    """Return ``cell.json`` of a finished cell.

    Args:
        cell: The cell.
        metas: What each of its stages says of itself.
        mask_meta: What its masks say of themselves, if it has masks.
        costs: What training and predicting cost.
        images_at: Where batches were read from: "mmap", "pinned" or "resident".
        cells_at_once: The most cells that shared the machine.
    """
    source, run = cell.source, cell.stages[-1]
    attributes = [task for task in cell.tasks if isinstance(task, BinaryAttributes)]
    stages = [
        {
            "name": meta["stage"],
            "key": stage.identity.key,
            **{
                key: meta[key]
                for key in (
                    "epochs",
                    "steps",
                    "trunk_steps",
                    "images_per_second",
                    "minutes",
                    "parameters",
                )
            },
            "input_share": input_share(meta),
        }
        for meta, stage in zip(metas, cell.stages, strict=True)
    ]
    masks = None
    if cell.masks is not None and mask_meta is not None:
        masks = {
            "f1": mask_meta["f1"],
            "key": cell.masks.network.key,
            "area": cell.area,
            "minutes": mask_meta["minutes"],
            "keypoints_found": mask_meta["found"],
            "images": len(source),
        }
    grouping = getattr(cell.row.method, "grouping", None)
    return {
        **planned_record(cell),
        "status": "finished",
        "error": None,
        "attributes": {task.name: list(task.attributes) for task in attributes},
        "groups": None
        if grouping is None or not attributes
        else {group.name: list(group.columns) for group in run.problem.groups(grouping)},
        "environment": environment(cell.compute, cells_at_once),
        "stages": stages,
        "keypoints": cell.masks.keypoints.name if cell.masks else None,
        "masks": masks,
        "selection": {
            "rule": cell.row.protocol.selection,
            "epoch": metas[-1]["epoch_selected"],
        },
        "train_prevalence": {
            task.name: list(run.problem.statistics[task.name].prevalence) for task in attributes
        },
        # What a network's outputs are read with: a scalar's mean and deviation, a mean shape.
        "statistics": {name: asdict(known) for name, known in run.problem.statistics.items()},
        "parameters": metas[-1]["parameters"],
        "costs": costs,
        "input": {"warp": cell.compute.warp, "place": images_at},
        "metric_version": METRIC_VERSION,
        # Of all its stages over all calls, also of those that another row shares or trained.
        "minutes": sum(meta["minutes"] for meta in metas),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
