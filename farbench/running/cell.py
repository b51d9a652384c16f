"""Runs one cell: data, masks, stages, predictions, scores, and its folder."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import torch
from safetensors.torch import load_file

from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.pack import PackedImages
from farbench.errors import CellFailed
from farbench.masks.artifact import make_masks
from farbench.plugins.events import CellEvent, EpochEvent
from farbench.running.environment import environment
from farbench.running.plan import PlannedCell
from farbench.running.progress import Progress, counted, duration
from farbench.scoring.metrics import METRIC_VERSION, score_attributes
from farbench.store import cells as files
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import write_json, write_with
from farbench.training.device import Forward
from farbench.training.predict import predict
from farbench.training.stage import WEIGHTS, Listeners, StageData, StageRun, train_stage


class CellRunner:
    """Runs cells of one benchmark; everything that they share is an artifact of the store."""

    def __init__(
        self, benchmark: str, store: ArtifactStore, hooks: pluggy.PluginManager, progress: Progress
    ) -> None:
        self.benchmark, self.store, self.hooks = benchmark, store, hooks
        self.progress = progress

    def run(self, cell: PlannedCell, packed: PackedImages, folder: Path) -> dict[str, Any]:
        """Train what is not trained yet, predict, score and store.

        Args:
            cell: The cell.
            packed: Its images.
            folder: Its folder, which exists.

        Returns:
            The contents of ``metrics.json``.

        Raises:
            CellFailed: Training or prediction gave values that are not finite.
        """
        started = time.perf_counter()
        # Also where every stage is in the cache: the last bits of predictions depend on it.
        torch.set_num_threads(cell.compute.threads)
        event = CellEvent(
            self.benchmark, cell.row.row.id, cell.source.dataset.name, cell.seed, folder
        )
        self._tell("farbench_cell_started", cell=event)
        masks, mask_meta = self._masks(cell, packed)
        stage_folders: list[Path] = []
        metas: list[dict[str, Any]] = []
        for run in cell.stages:
            parent = stage_folders[-1] if stage_folders else None
            stage_folder, meta = self._stage(cell, run, parent, packed, masks, event)
            stage_folders.append(stage_folder)
            metas.append(meta)
        metrics = self._predict(cell, stage_folders[-1], packed, masks, folder)
        if cell.row.protocol.keep_weights:
            source = stage_folders[-1] / WEIGHTS
            write_with(folder / files.WEIGHTS, lambda path: _copy(source, path))
        history = [{"stage": meta["stage"], **row} for meta in metas for row in meta["history"]]
        files.write_history(folder / files.HISTORY, history)
        files.write_cell(folder, self._record(cell, metas, mask_meta, started))
        self._tell("farbench_cell_finished", cell=event, metrics=metrics)
        return metrics

    def _tell(self, hook: str, **records: Any) -> None:
        """Call a life-cycle hook. A logger that fails must not cost a trained cell."""
        try:
            getattr(self.hooks.hook, hook)(**records)
        except Exception as error:
            self.progress.line(
                f"  warning: {hook} of a plugin failed: {type(error).__name__}: {error}"
            )
            self.progress.to_log(traceback.format_exc())

    def _masks(
        self, cell: PlannedCell, packed: PackedImages
    ) -> tuple[StoredMasks | None, Mapping[str, Any] | None]:
        if cell.masks is None:
            return None, None
        new = self.store.meta("masks", cell.masks.network.key) is None
        if new:
            self.progress.line(
                f"  mask network: {counted(cell.masks.protocol.epochs, 'epoch')}, keypoints from "
                f"{cell.masks.keypoints.name}, shared by all rows"
            )
        masks, meta = make_masks(
            cell.masks, cell.area, cell.source, packed, self.store, cell.compute, self.progress.step
        )
        mean = meta["f1"]["mean"]
        score = "undefined" if mean is None else f"{100 * mean:.2f}"
        made = f"mean F1 on the test split {score}, in {duration(60 * meta['minutes'])}"
        self.progress.line(f"  mask network: {made if new else 'taken from the cache'}")
        return masks, meta

    def _stage(
        self,
        cell: PlannedCell,
        run: StageRun,
        parent: Path | None,
        packed: PackedImages,
        masks: StoredMasks | None,
        event: CellEvent,
    ) -> tuple[Path, dict[str, Any]]:
        data = StageData(
            self._batches(cell, packed, masks if run.masked else None),
            cell.source.positions("train"),
            cell.source.positions("valid"),
        )

        def epoch_ended(stage: str, epoch: int, values: dict[str, float]) -> None:
            self.progress.line(
                f"  {stage} {epoch}/{run.epochs}: loss {values['loss']:.4f}, valid accuracy "
                f"{100 * values['valid_accuracy']:.2f}, mA {100 * values['valid_mA']:.2f}, "
                f"{values['images_per_second']:.0f} images/s"
            )
            record = EpochEvent(stage, epoch, values)
            self._tell("farbench_epoch_ended", cell=event, epoch=record)

        def step_done(stage: str, epoch: int, step: int, steps: int) -> None:
            self.progress.step(f"{stage} {epoch}/{run.epochs}", step, steps)

        listeners = Listeners(epoch_ended, step_done)
        parent_weights = parent / WEIGHTS if parent else None
        stage_folder, meta, shared = self.store.get(
            "stages",
            run.identity.key,
            lambda folder: train_stage(run, folder, parent_weights, data, cell.compute, listeners),
        )
        if shared:
            self.progress.line(f"  {run.stage.name}: taken from the cache")
        return stage_folder, {**meta, "shared": shared}

    def _batches(
        self, cell: PlannedCell, packed: PackedImages, masks: StoredMasks | None
    ) -> Batches:
        protocol = cell.row.protocol
        return Batches(
            packed.pixels,
            cell.source.targets(),
            masks,
            protocol.crop,
            round(protocol.crop * protocol.mask_warp),
            protocol.batch_size,
        )

    def _predict(
        self,
        cell: PlannedCell,
        stage_folder: Path,
        packed: PackedImages,
        masks: StoredMasks | None,
        folder: Path,
    ) -> dict[str, Any]:
        """Predict valid and test with the selected weights; score what was stored of test."""
        run, task = cell.stages[-1], cell.source.task
        network = run.build()
        network.load_state_dict(load_file(stage_folder / WEIGHTS))
        network = cell.compute.place(network)
        forward = Forward(network, task.name, cell.compute, run.masked)
        batches = self._batches(cell, packed, masks if run.masked else None)
        images = cell.source.index.frame["image"].to_numpy(dtype=str)
        metrics: dict[str, Any] = {}
        for split, name in files.PREDICTIONS.items():
            positions = cell.source.positions(split)
            logits = predict(forward, batches, positions)
            if not np.isfinite(logits).all():
                raise CellFailed(f"predictions of the {split} split are not finite")
            targets = batches.targets[positions]
            stored = files.write_predictions(
                folder / name, task.name, images[positions], logits, targets
            )
            if split == "test":
                metrics[task.name] = score_attributes(stored, targets, task.attributes)
        write_json(folder / files.METRICS, metrics)
        return metrics

    def _record(
        self,
        cell: PlannedCell,
        metas: list[dict[str, Any]],
        mask_meta: Mapping[str, Any] | None,
        started: float,
    ) -> dict[str, Any]:
        source, run = cell.source, cell.stages[-1]
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
                        "shared",
                    )
                },
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
            **describe(cell),
            "status": "finished",
            "error": None,
            "attributes": {source.task.name: list(source.task.attributes)},
            "groups": None
            if grouping is None
            else {group.name: list(group.columns) for group in run.problem.groups(grouping)},
            "environment": environment(cell.compute),
            "stages": stages,
            "keypoints": cell.masks.keypoints.name if cell.masks else None,
            "masks": masks,
            "selection": {
                "rule": cell.row.protocol.selection,
                "epoch": metas[-1]["epoch_selected"],
            },
            "train_prevalence": {source.task.name: list(source.prevalence())},
            "metric_version": METRIC_VERSION,
            "minutes": (time.perf_counter() - started) / 60,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def describe(cell: PlannedCell) -> dict[str, Any]:
    """Return the part of ``cell.json`` that is known before the cell runs."""
    source = cell.source
    return {
        "row": cell.row.row.id,
        "dataset": {
            "name": source.dataset.name,
            "title": source.dataset.info.title,
            "options": source.dataset.options(),
            "synthetic": source.dataset.info.synthetic,
            "images": {s: len(source.positions(s)) for s in ("train", "valid", "test")},
            "notes": list(source.index.notes),
        },
        "seed": cell.seed,
        "identity": cell.identity.as_dict(),
        "method": {"name": cell.row.method.name, "options": cell.row.method.options()},
        "protocol": cell.row.protocol.model_dump(mode="json"),
    }


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
