"""The valid split after an epoch: its scores, and its outputs, kept so that none is made twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from farbench.data.targets import to_predictions
from farbench.errors import CellFailed
from farbench.scoring.catalogue import HEADLINE, SELECTION
from farbench.scoring.score import as_stored, score
from farbench.store.atomic import write_with
from farbench.training.device import Forward
from farbench.training.predict import Outputs, predict
from farbench.training.stage import StageData, StageRun

VALID = "valid.npz"
"""float32 ``(N, outputs)`` by task: what the selected weights give on the valid split. It is not
there if a stage was picked up again after the epoch that was selected."""


def validate(
    run: StageRun, forward: Forward, data: StageData
) -> tuple[dict[str, float], float, Outputs]:
    """Score the valid split.

    Returns:
        The usual metrics of each task, the mean over tasks of the metric that an epoch is chosen
        by, and the network's outputs by task.

    Raises:
        CellFailed: It predicts what cannot be scored.
    """
    outputs = predict(forward, data.batches, data.valid)
    values: dict[str, float] = {}
    merits = []
    tasks = run.problem.tasks
    for task in tasks:
        if not np.isfinite(outputs[task.name]).all():
            raise CellFailed(f"stage '{run.stage.name}' predicts values that are not finite")
        statistics = run.problem.statistics[task.name]
        predictions = to_predictions(
            task, outputs[task.name], statistics, data.packed, data.valid, data.batches.crop
        )
        scores = score(
            task,
            as_stored(task, predictions),
            data.labels[task.name][data.valid],
            sizes=data.packed.sizes[data.valid],
        )
        prefix = f"{task.name}." if len(tasks) > 1 else ""
        for metric in HEADLINE[task.kind]:
            if scores[metric] is not None:
                values[f"valid_{prefix}{metric}"] = scores[metric]
        merit = scores[SELECTION[task.kind]]
        if merit is None and run.protocol.selection == "best_valid":
            raise CellFailed(
                f"{SELECTION[task.kind]} of '{task.name}' is undefined on the valid split "
                f"({len(data.valid)} images), so no epoch can be chosen by it; take more images"
            )
        merits.append(max(merit or 0.0, 0.0))  # one task without a floor must not decide alone
    return values, sum(merits) / len(merits), outputs


def keep_valid_outputs(folder: Path, outputs: Outputs) -> None:
    """Store what the selected weights give on the valid split beside them."""
    write_with(folder / VALID, lambda path: np.savez(path, **outputs))  # type: ignore[arg-type]


def kept_valid_outputs(folder: Path) -> Outputs | None:
    """Return what a stage kept of the valid split, or None."""
    path = folder / VALID
    if not path.is_file():
        return None
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
