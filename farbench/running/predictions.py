"""Predicts with a trained cell, stores what it says, scores it, and measures what that costs."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.torch import load_file

from farbench.data.source import Source
from farbench.data.targets import to_predictions
from farbench.errors import CellFailed
from farbench.running.costs import Costs, image_costs, image_flops
from farbench.running.plan import PlannedCell
from farbench.running.progress import Progress
from farbench.scoring.score import as_stored, reference, score
from farbench.store import cells as files
from farbench.store.atomic import write_json
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import Task
from farbench.tasks.landmarks import Landmarks
from farbench.training.device import Forward
from farbench.training.predict import predict
from farbench.training.stage import WEIGHTS, StageData
from farbench.training.validation import kept_valid_outputs

WARM_UP = 100
"""Images that a network predicts before its speed is taken."""


def predict_and_score(
    cell: PlannedCell, stage_folder: Path, data: StageData, folder: Path, progress: Progress
) -> tuple[dict[str, Any], Costs]:
    """Predict valid and test with the selected weights; score what was stored of test.

    Args:
        cell: The cell, with what is known of its train labels.
        stage_folder: Of its last stage.
        data: Images and labels.
        folder: The cell's folder, where predictions and ``metrics.json`` are written.
        progress: Told where costs cannot be measured.

    Returns:
        The contents of ``metrics.json``, and what predicting costs.

    Raises:
        CellFailed: Predictions are not finite.
    """
    run = cell.stages[-1]
    network = run.build()
    network.load_state_dict(load_file(stage_folder / WEIGHTS))
    forward = Forward(cell.compute.place(network), cell.tasks, cell.compute, run.masked)
    valid = kept_valid_outputs(stage_folder)
    if valid is None:
        valid = predict(forward, data.batches, data.valid)
    else:
        # Test's speed must not be that of a network's first batches.
        predict(forward, data.batches, data.valid[:WARM_UP])
    _store(cell, "valid", data.valid, valid, data, folder)
    test = cell.source.positions("test", cell.tasks)
    started = time.perf_counter()
    outputs = predict(forward, data.batches, test)
    costs: Costs = {"inference_images_per_second": len(test) / (time.perf_counter() - started)}
    stored = _store(cell, "test", test, outputs, data, folder)
    metrics = {task.name: _scores(cell, task, stored[task.name], test, data) for task in cell.tasks}
    write_json(folder / files.METRICS, metrics)
    return metrics, costs | _image_costs(cell, forward, data, progress)


def _store(
    cell: PlannedCell,
    split: str,
    positions: NDArray[np.int64],
    outputs: Mapping[str, NDArray[np.float32]],
    data: StageData,
    folder: Path,
) -> dict[str, NDArray[Any]]:
    """Write the predictions of one split; return them by task, as they are stored.

    Args:
        cell: The cell.
        split: "valid" or "test".
        positions: ``(N,)``, where the images of the split are.
        outputs: Of the network, by task ``(N, task.outputs)``.
        data: Images and labels.
        folder: The cell's folder.

    Raises:
        CellFailed: Predictions are not finite.
    """
    statistics = cell.stages[-1].problem.statistics
    stored: dict[str, NDArray[Any]] = {}
    for task in cell.tasks:
        if not np.isfinite(outputs[task.name]).all():
            raise CellFailed(f"predictions of the {split} split are not finite")
        predictions = to_predictions(
            task,
            outputs[task.name],
            statistics[task.name],
            data.packed,
            positions,
            data.batches.crop,
        )
        stored[task.name] = as_stored(task, predictions)
    in_pixels = any(isinstance(task, Landmarks) for task in cell.tasks)
    files.write_predictions(
        folder / files.PREDICTIONS[split],
        cell.source.index.frame["image"].to_numpy(dtype=str)[positions],
        stored,
        {task.name: data.labels[task.name][positions] for task in cell.tasks},
        data.packed.sizes[positions] if in_pixels else None,
        _people(cell.source, positions),
    )
    return stored


def _scores(
    cell: PlannedCell,
    task: Task,
    stored: NDArray[Any],
    positions: NDArray[np.int64],
    data: StageData,
) -> dict[str, Any]:
    """Score what was stored of a task in the images at ``positions``."""
    known, sizes = data.labels[task.name][positions], data.packed.sizes[positions]
    scores = score(task, stored, known, sizes=sizes)
    if not isinstance(task, BinaryAttributes):
        # Committed results carry no labels, so the constant predictor's scores are kept; those of
        # attributes follow from the prevalences.
        statistics = cell.stages[-1].problem.statistics[task.name]
        scores["reference"] = reference(task, statistics, known, sizes=sizes, frame=_frame(data))
    return scores


def _image_costs(cell: PlannedCell, forward: Forward, data: StageData, progress: Progress) -> Costs:
    """Measure what one image costs. A network that cannot take it must not cost the cell."""
    costs: Costs = {}
    first = cell.source.positions("test", cell.tasks)[:1]
    try:
        (image,) = data.batches.evaluate(first)
        if image.predict_masks is not None:  # what masks cost stands by itself
            masks = image.predict_masks(image.images.to(cell.compute.device))
            image = replace(image, masks=masks, predict_masks=None)
        costs |= image_costs(forward, image, cell.masks)
        costs["flops"] = image_flops(forward, image)
    except Exception as error:
        what = "FLOPs" if costs else "costs"
        progress.line(
            f"  warning: {what} of one image are not known: {type(error).__name__}: {error}"
        )
        progress.to_log(traceback.format_exc())
    return costs


def _people(source: Source, positions: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return a number for each person on these images, -1 where unknown; None of nobody."""
    if "identity" not in source.index.frame.columns:
        return None
    numbers, names = pd.factorize(source.index.frame["identity"].iloc[positions], sort=True)
    return numbers.astype(np.int64) if len(names) else None


def _frame(data: StageData) -> tuple[float, float]:
    """Return where the centre crop begins and how long it is, as fractions of the packed side."""
    packed, crop = data.packed.pixels.shape[1], data.batches.crop
    return (packed - crop) // 2 / packed, crop / packed
