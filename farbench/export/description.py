"""What an exported cell says of itself: ``farbench.json``, and the metadata of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import farbench
from farbench.export.about import dataset_facts
from farbench.masks.network import WEIGHTS as MASK_WEIGHTS
from farbench.running.trained import TrainedCell
from farbench.running.trained_masks import mask_recipe
from farbench.running.trained_record import AGAIN, EXPORTED, alignment_of, training_recipe
from farbench.scoring.catalogue import METRICS
from farbench.store.atomic import read_json
from farbench.store.cells import CELL, WEIGHTS
from farbench.store.cells import METRICS as METRICS_FILE
from farbench.store.shapes import Shape, check_scores, check_shape
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks
from farbench.tasks.scalar import Scalar
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD

SCHEMA = 1

TOLD: Shape = {
    "environment!": {"farbench!": str, "commit": str},
    "selection!": {"rule!": str},
    "dataset!": {"images!": {"train!": int, "test!": int}},
}
"""What of a cell's record people are told, beside what loading it needs."""


def describe(trained: TrainedCell) -> dict[str, Any]:
    """Return ``farbench.json`` of an exported cell.

    People and programs read all but ``cell``, which is the cell's record as it is, for
    :func:`farbench.running.trained.load_trained`.

    Raises:
        UserError: The cell's record, scores or recipe lack what is told.
    """
    record, protocol = trained.record, trained.protocol
    check_shape(trained.folder / CELL, record, TOLD, AGAIN)
    network, method = trained.network, trained.method
    return {
        "schema": SCHEMA,
        "farbench": farbench.__version__,
        "name": f"{record['row']} on {record['dataset']['title']}",
        "method": {
            "name": method.name,
            "summary": type(method).summary(),
            "source": method.source,
            "options": method.options(),
        },
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "started_from": started_from(record),
        "weights": WEIGHTS,
        "tasks": [
            {**task.record(), "output": output_meaning(task, trained)} for task in trained.tasks
        ],
        "groups": record.get("groups"),
        "input": {
            "align": alignment_of(record),
            "resize": protocol.resize,
            "resize_filter": "bilinear, antialiased (Pillow), to a square",
            "crop": protocol.crop,
            "crop_offset": (protocol.resize - protocol.crop) // 2,
            "colour": "RGB, pixels in [0, 1], (pixel - mean) / std",
            "mean": list(getattr(network, "pixel_mean", IMAGENET_MEAN)),
            "std": list(getattr(network, "pixel_std", IMAGENET_STD)),
        },
        "masks": _masks(trained),
        "dataset": dataset_facts(trained).record(),
        "metrics": read_metrics(trained),
        "cell": record,
    }


def output_meaning(task: Task, trained: TrainedCell) -> str:
    """Say how the output of a network is read."""
    if task.kind == "attributes":
        return f"logits (N, {task.outputs}); above 0 is yes, the sigmoid is its probability"
    if task.kind == "classes":
        return f"logits (N, {task.outputs}); the largest is the answer, softmax its probability"
    if isinstance(task, Scalar):
        known = trained.problem.statistics[task.name]
        return (
            f"(N, 1) in standard deviations: x * {known.std[0]:.9g} + {known.mean[0]:.9g} "
            f"{task.unit}, kept within {task.low:g} and {task.high:g}"
        )
    if isinstance(task, Landmarks):
        return f"(N, {task.outputs}), x and y of each point as fractions of the crop's side"
    return f"embedding (N, {task.outputs}); faces are compared by the cosine of two"


def started_from(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the identity of the weights that the first stage started from, if it had any."""
    stage = training_recipe(record)
    while stage.get("parent"):
        stage = stage["parent"]
    found: dict[str, Any] | None = stage.get("pretrained")
    return found


def read_metrics(trained: TrainedCell) -> dict[str, Any]:
    """Return the scores of the test split: by task, those of the catalogue and per detail."""
    exported = trained.folder / EXPORTED
    if exported.is_file():
        kept: dict[str, Any] = read_json(exported).get("metrics") or {}
        check_scores(exported, kept, name="metrics")
        return kept
    path = trained.folder / METRICS_FILE
    if not path.is_file():
        return {}
    scores = read_json(path)
    check_scores(path, scores, "Score the cell again: `farbench rescore`.")
    known = {task.name: METRICS[task.kind] for task in trained.tasks}
    return {
        task: {
            key: value
            for key, value in scores.get(task, {}).items()
            if key.split("_per_")[0] in (*infos, "prevalence", "images")
        }
        for task, infos in known.items()
    }


def _masks(trained: TrainedCell) -> dict[str, Any] | None:
    if trained.request is None:
        return None
    protocol = trained.protocol
    recipe = mask_recipe(trained)
    return {
        "weights": MASK_WEIGHTS,
        "grouping": trained.request.grouping,
        "groups": [name for name, _ in recipe["groups"]],
        "encoder": recipe["protocol"]["encoder"],
        "size": recipe["protocol"]["size"],
        "threshold": recipe["protocol"]["threshold"],
        "stored_size": recipe["protocol"]["stored_size"],
        "area": trained.request.area,
        "warped_size": round(protocol.crop * protocol.mask_warp),
        "f1": (trained.record.get("masks") or {}).get("f1"),
    }
