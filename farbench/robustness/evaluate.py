"""Evaluates a trained network under one condition: change, predict, move back, score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from farbench.data import geometry
from farbench.data.mask_bits import StoredMasks
from farbench.errors import CellFailed
from farbench.robustness.conditions import Condition
from farbench.robustness.corrupt import corrupt
from farbench.robustness.faces import TestFaces
from farbench.robustness.masks import MaskSource, move_masks, part
from farbench.scoring.catalogue import HEADLINE, METRICS
from farbench.scoring.score import reference, score
from farbench.tasks.landmarks import Landmarks
from farbench.training.predict import predict

if TYPE_CHECKING:
    from farbench.running.trained import TrainedCell

CHUNK = 500
"""Images that are changed and held in memory at a time."""


@dataclass(frozen=True)
class Evaluation:
    """What became of one condition.

    Attributes:
        scores: Task to metric to value, with the headline metrics attribute by attribute; of clean
            images also the constant predictor's under ``reference``.
        agreement: Pixel F1 of predicted masks to the clean ones, moved with the face: a group, and
            ``mean``; empty where no masks were predicted.
        predictions: By task, as they would be stored.
    """

    scores: dict[str, dict[str, Any]]
    agreement: dict[str, float | None]
    predictions: dict[str, NDArray[Any]]


def evaluate(
    cell: TrainedCell, faces: TestFaces, masks: MaskSource | None, condition: Condition, seed: int
) -> Evaluation:
    """Predict and score a cell's test images under a condition.

    Points that were predicted on a turned or scaled image are moved back to where they lie in the
    original, and scored there.

    Args:
        cell: The trained cell.
        faces: Its test images.
        masks: Their masks, where its method looks through masks.
        condition: What is done to the images.
        seed: Of the corruption's random numbers.

    Raises:
        CellFailed: A prediction is not finite.
    """
    corruption, strength = condition.corruption, condition.strength
    whole: StoredMasks | None = None
    agreement: dict[str, float | None] = {}
    if masks is not None:
        from_changed = corruption if condition.masks == "predicted" else None
        whole, agreement = masks.predicted(from_changed, strength, seed)
    parts: list[dict[str, NDArray[Any]]] = []
    forward = cell.forward
    for start in range(0, len(faces), CHUNK):
        stop = min(start + CHUNK, len(faces))
        images, matrices = faces.read(start, stop), None
        if corruption is not None:
            images, matrices = corrupt(corruption, images, faces.ids[start:stop], strength, seed)
        own = None if whole is None else part(whole, start, stop)
        if own is not None and condition.masks == "clean":
            own = move_masks(own, matrices, images.shape[1])
        outputs = predict(forward, cell.batches(images, own), np.arange(stop - start))
        for task in cell.tasks:
            if not np.isfinite(outputs[task.name]).all():
                raise CellFailed(f"predictions under {_named(condition)} are not finite")
            if isinstance(task, Landmarks) and matrices is not None:
                outputs[task.name] = points_moved_back(
                    outputs[task.name], matrices, images.shape[1], cell.protocol.crop
                )
        parts.append(cell.decode(outputs, images, faces.sizes[start:stop]))
    predictions = {
        task.name: np.concatenate([one[task.name] for one in parts]) for task in cell.tasks
    }
    return Evaluation(_scores(cell, faces, condition, predictions), agreement, predictions)


def points_moved_back(
    outputs: NDArray[np.float32], matrices: geometry.Matrices, packed: int, crop: int
) -> NDArray[np.float32]:
    """Move points on changed images to where they lie in the images as they were.

    Args:
        outputs: ``(N, 2 P)`` fractions of the side of the centre crop.
        matrices: ``(N, 2, 3)`` from changed to packed pixels.
        packed: Side of the packed images.
        crop: Side of the centre crop.
    """
    offset = (packed - crop) // 2
    points = outputs.reshape(len(outputs), -1, 2) * crop - 0.5 + offset
    before = points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    return np.asarray((before - offset + 0.5) / crop, np.float32).reshape(outputs.shape)


def _scores(
    cell: TrainedCell,
    faces: TestFaces,
    condition: Condition,
    predictions: dict[str, NDArray[Any]],
) -> dict[str, dict[str, Any]]:
    """Score each task; of the details, the headline metrics' are kept."""
    found: dict[str, dict[str, Any]] = {}
    side, crop = faces.side, cell.protocol.crop
    for task in cell.tasks:
        labels = faces.labels[task.name]
        every = score(task, predictions[task.name], labels, sizes=faces.sizes)
        kept = {"metric_version", "images", *METRICS[task.kind]}
        kept |= {name for name in every if name.startswith(HEADLINE[task.kind]) and "_per_" in name}
        found[task.name] = {name: value for name, value in every.items() if name in kept}
        if condition.corruption is None:
            statistics = cell.problem.statistics[task.name]
            frame = ((side - crop) // 2 / side, crop / side)
            found[task.name]["reference"] = reference(
                task, statistics, labels, sizes=faces.sizes, frame=frame
            )
    return found


def _named(condition: Condition) -> str:
    corruption = condition.corruption
    return f"{corruption.name} {condition.strength}" if corruption else "clean images"
