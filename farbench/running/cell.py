"""Runs one cell: its masks and stages, then its predictions and its folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pluggy
import torch

from farbench.data.pack import PackedImages
from farbench.plugins.events import CellEvent, EpochEvent
from farbench.running.costs import device_memory, forget_peak_memory, peak_memory_mb
from farbench.running.inputs import CellInputs, InputMaker
from farbench.running.life_cycle import cell_event, tell
from farbench.running.plan import PlannedCell
from farbench.running.predictions import predict_and_score
from farbench.running.progress import Progress, told_score
from farbench.running.record import finished_record, input_share
from farbench.store import cells as files
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import write_with
from farbench.training.assist import Assignment, assist_stage
from farbench.training.distributed import helped
from farbench.training.faster_steps import share_compiled_code
from farbench.training.stage import TERMS, WEIGHTS, Listeners, StageData, StageRun
from farbench.training.train import train_stage


class TrainedStage(NamedTuple):
    """The folder of a trained stage, and what it says of itself."""

    folder: Path
    meta: dict[str, Any]


class CellRunner:
    """Runs cells of one benchmark; everything that they share is an artifact of the store."""

    def __init__(
        self,
        benchmark: str,
        store: ArtifactStore,
        hooks: pluggy.PluginManager,
        progress: Progress,
        cells_at_once: int,
    ) -> None:
        """Bind what cells of a run have in common.

        Args:
            benchmark: Its name, for hooks.
            store: The cache.
            hooks: The plugins, which are told how cells get on.
            progress: What the user sees.
            cells_at_once: The most cells that share the machine.
        """
        self.benchmark, self.store, self.hooks = benchmark, store, hooks
        self.progress, self.cells_at_once = progress, cells_at_once
        self._maker = InputMaker(store, progress, cells_at_once)
        share_compiled_code(store.root)

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
        # Also where every stage is in the cache: the last bits of predictions depend on it.
        torch.set_num_threads(cell.compute.threads)
        event = cell_event(self.benchmark, cell, folder)
        tell(self.hooks, self.progress, "farbench_cell_started", cell=event)
        masks, mask_meta = self._maker.masks(cell, packed)
        inputs = self._maker.inputs(cell, packed, masks)
        cell = inputs.cell
        trained = self._train(inputs, event)
        last = trained[-1]
        data = self._maker.stage_data(inputs, cell.stages[-1])
        metrics, costs = predict_and_score(cell, last.folder, data, folder, self.progress)
        costs["train_images_per_second"] = last.meta["images_per_second"]
        costs["input_share"] = input_share(last.meta)
        costs["peak_memory_mb"] = last.meta.get("peak_memory_mb")
        _keep_training(trained, folder, weights=cell.row.protocol.keep_weights)
        metas = [stage.meta for stage in trained]
        warp = data.batches.on_device
        place = "mmap" if warp is None else warp.images_at.place
        record = finished_record(cell, metas, mask_meta, costs, place, self.cells_at_once)
        files.write_cell(folder, record)
        tell(self.hooks, self.progress, "farbench_cell_finished", cell=event, metrics=metrics)
        return metrics

    def failed(self, cell: PlannedCell, folder: Path, reason: str) -> None:
        """Tell plugins that a cell could not be finished."""
        event = cell_event(self.benchmark, cell, folder)
        tell(self.hooks, self.progress, "farbench_cell_failed", cell=event, reason=reason)

    def make(self, cell: PlannedCell, packed: PackedImages, kind: str, key: str) -> None:
        """Make something that a cell shares with others, and no more of the cell.

        Hooks are told of cells; of what is made for several they are not.

        Args:
            cell: One that needs it.
            packed: Its images.
            kind: "masks", or "stages" for a stage, with those that it starts from.
            key: Its identity.

        Raises:
            CellFailed: Training gave values that are not finite.
        """
        torch.set_num_threads(cell.compute.threads)
        if kind == "masks":
            self._maker.masks(cell, packed)
            return
        number = [run.identity.key for run in cell.stages].index(key) + 1
        cell = replace(cell, stages=cell.stages[:number])
        masked = any(run.masked for run in cell.stages)
        masks = self._maker.masks(cell, packed)[0] if masked else None
        self._train(self._maker.inputs(cell, packed, masks), None)

    def assist(self, cell: PlannedCell, packed: PackedImages, assignment: Assignment) -> None:
        """Help another process to train a stage, see :mod:`farbench.training.distributed`."""
        number = [run.identity.key for run in cell.stages].index(assignment.stage)
        masks = self._maker.masks(cell, packed)[0] if cell.stages[number].masked else None
        inputs = self._maker.inputs(cell, packed, masks)
        run = inputs.cell.stages[number]
        assist_stage(run, assignment, self._maker.stage_data(inputs, run), cell.compute)

    def _train(self, inputs: CellInputs, event: CellEvent | None) -> list[TrainedStage]:
        """Train the stages that are not trained yet, in order; return all."""
        trained: list[TrainedStage] = []
        for run in inputs.cell.stages:
            parent = trained[-1].folder if trained else None
            data = self._maker.stage_data(inputs, run)
            trained.append(self._stage(inputs.cell, run, parent, data, event))
        return trained

    def _stage(
        self,
        cell: PlannedCell,
        run: StageRun,
        parent: Path | None,
        data: StageData,
        event: CellEvent | None,
    ) -> TrainedStage:
        """Train a stage, or take it from the cache.

        Args:
            cell: One that needs it.
            run: The stage.
            parent: The folder of the stage before, or None.
            data: Its images and labels.
            event: What hooks are told of the cell; None: they are not told.
        """
        parent_weights = parent / WEIGHTS if parent else None
        listeners = self._listeners(cell, run, event)

        def build(folder: Path) -> dict[str, Any]:
            forget_peak_memory(cell.compute)
            assignment = Assignment(cell.folder, run.identity.key, folder, parent_weights)
            with helped(assignment):
                meta = train_stage(run, folder, parent_weights, data, cell.compute, listeners)
            return {**meta, "peak_memory_mb": peak_memory_mb(cell.compute)}

        folder, meta, cached = self.store.get("stages", run.identity.key, build)
        if cached:
            self.progress.line(f"  {run.stage.name}: taken from the cache")
        return TrainedStage(folder, meta)

    def _listeners(self, cell: PlannedCell, run: StageRun, event: CellEvent | None) -> Listeners:
        """Return what tells the user and the plugins how a stage gets on."""

        def epoch_ended(stage: str, epoch: int, values: dict[str, float]) -> None:
            scores = ", ".join(
                _valid_score(run, name.removeprefix("valid_"), value)
                for name, value in values.items()
                if name.startswith("valid_")
            )
            self.progress.line(
                f"  {stage} {epoch}/{run.epochs}: loss {values['loss']:.4f}, valid {scores}, "
                f"{values['images_per_second']:.0f} images/s"
            )
            if event is not None:
                record = EpochEvent(stage, epoch, values)
                tell(self.hooks, self.progress, "farbench_epoch_ended", cell=event, epoch=record)

        def step_done(stage: str, epoch: int, step: int, steps: int) -> None:
            if step == 1 and cell.compute.device.type == "cuda":
                self.progress.memory(*device_memory(cell.compute))
            self.progress.step(f"{stage} {epoch}/{run.epochs}", step, steps)

        return Listeners(epoch_ended, step_done, self.progress.line)


def _valid_score(run: StageRun, name: str, value: float) -> str:
    """Write one metric of the valid split, ``TASK.METRIC`` or, of a single task, ``METRIC``."""
    task_name, _, metric = name.rpartition(".")
    tasks = {task.name: task for task in run.problem.tasks}
    task = tasks[task_name] if task_name else run.problem.tasks[0]
    return told_score(task, metric, value, named=bool(task_name))


def _keep_training(trained: Sequence[TrainedStage], folder: Path, *, weights: bool) -> None:
    """Write into a cell's folder what its training leaves: weights, history, terms of the loss."""
    if weights:
        source = trained[-1].folder / WEIGHTS
        write_with(folder / files.WEIGHTS, lambda path: shutil.copyfile(source, path))
    history = [{"stage": meta["stage"], **row} for _, meta in trained for row in meta["history"]]
    files.write_history(folder / files.HISTORY, history)
    terms = [
        (meta["stage"], meta["terms"], np.load(place / TERMS))
        for place, meta in trained
        if (place / TERMS).is_file()
    ]
    if terms:
        files.write_terms(folder / files.TERMS, terms)
