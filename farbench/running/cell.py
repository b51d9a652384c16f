"""Runs one cell: data, masks and stages, then its predictions and its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import torch

from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.on_device import DeviceWarp
from farbench.data.online_masks import OnlineMasks
from farbench.data.pack import PackedImages
from farbench.data.placement import place_images
from farbench.data.targets import Targets, make_targets
from farbench.masks.artifact import make_masks
from farbench.masks.network import WEIGHTS as MASK_WEIGHTS
from farbench.masks.trained import load_mask_network
from farbench.plugins.events import CellEvent, EpochEvent
from farbench.running.costs import (
    device_memory,
    forget_peak_memory,
    peak_memory_mb,
)
from farbench.running.life_cycle import cell_event, tell
from farbench.running.plan import PlannedCell
from farbench.running.predictions import predict_and_score
from farbench.running.progress import Progress, counted, duration
from farbench.running.record import finished_record, input_share
from farbench.scoring.catalogue import metric_info
from farbench.scoring.masks import NOT_LEARNED
from farbench.store import cells as files
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import write_with
from farbench.training.assist import Assignment, assist_stage
from farbench.training.distributed import helped, own_part, ranks_on_a_device
from farbench.training.faster_steps import share_compiled_code
from farbench.training.stage import TERMS, WEIGHTS, Listeners, StageData, StageRun
from farbench.training.train import train_stage


class CellRunner:
    """Runs cells of one benchmark; everything that they share is an artifact of the store."""

    def __init__(
        self,
        benchmark: str,
        store: ArtifactStore,
        hooks: pluggy.PluginManager,
        progress: Progress,
        cells_at_once: int = 1,
    ) -> None:
        self.benchmark, self.store, self.hooks = benchmark, store, hooks
        self.progress, self.cells_at_once = progress, cells_at_once
        self._warp: tuple[object, DeviceWarp] | None = None
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
        masks, mask_meta = self._masks(cell, packed)
        targets = make_targets(cell.source, cell.tasks, packed, cell.row.protocol.crop)
        cell = _with_statistics(cell, targets)
        trained = self._train(cell, packed, targets, masks, event)
        stage_folders, metas = [folder for folder, _ in trained], [meta for _, meta in trained]
        data = self._data(cell, cell.stages[-1], packed, targets, masks)
        metrics, costs = predict_and_score(cell, stage_folders[-1], data, folder, self.progress)
        costs["train_images_per_second"] = metas[-1]["images_per_second"]
        costs["input_share"] = input_share(metas[-1])
        costs["peak_memory_mb"] = metas[-1].get("peak_memory_mb")
        if cell.row.protocol.keep_weights:
            source = stage_folders[-1] / WEIGHTS
            write_with(folder / files.WEIGHTS, lambda path: _copy(source, path))
        history = [{"stage": meta["stage"], **row} for meta in metas for row in meta["history"]]
        files.write_history(folder / files.HISTORY, history)
        terms = [
            (meta["stage"], meta["terms"], np.load(place / TERMS))
            for meta, place in zip(metas, stage_folders, strict=True)
            if (place / TERMS).is_file()
        ]
        if terms:
            files.write_terms(folder / files.TERMS, terms)
        record = finished_record(cell, metas, mask_meta, costs, self.cells_at_once)
        place = "mmap" if data.batches.on_device is None else data.batches.on_device.images_at.place
        record["input"] = {"warp": cell.compute.warp, "place": place}
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
            self._masks(cell, packed)
            return
        number = [run.identity.key for run in cell.stages].index(key) + 1
        cell = replace(cell, stages=cell.stages[:number])
        masked = any(run.masked for run in cell.stages)
        masks = self._masks(cell, packed)[0] if masked else None
        targets = make_targets(cell.source, cell.tasks, packed, cell.row.protocol.crop)
        self._train(_with_statistics(cell, targets), packed, targets, masks, None)

    def assist(self, cell: PlannedCell, packed: PackedImages, assignment: Assignment) -> None:
        """Help another process to train a stage, see :mod:`farbench.training.distributed`."""
        number = [run.identity.key for run in cell.stages].index(assignment.stage)
        run = cell.stages[number]
        masks = self._masks(cell, packed)[0] if run.masked else None
        targets = make_targets(cell.source, cell.tasks, packed, cell.row.protocol.crop)
        run = _with_statistics(cell, targets).stages[number]
        data = self._data(cell, run, packed, targets, masks)
        assist_stage(run, assignment, data, cell.compute)

    def _train(
        self,
        cell: PlannedCell,
        packed: PackedImages,
        targets: Targets,
        masks: StoredMasks | OnlineMasks | None,
        event: CellEvent | None,
    ) -> list[tuple[Path, dict[str, Any]]]:
        """Train the stages that are not trained yet; return folder and meta data of each."""
        trained: list[tuple[Path, dict[str, Any]]] = []
        for run in cell.stages:
            parent = trained[-1][0] if trained else None
            data = self._data(cell, run, packed, targets, masks)
            trained.append(self._stage(cell, run, parent, data, event))
        return trained

    def _masks(
        self, cell: PlannedCell, packed: PackedImages
    ) -> tuple[StoredMasks | OnlineMasks | None, Mapping[str, Any] | None]:
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
        lost = [name for name, f1 in meta["f1"].items() if f1 is not None and f1 < NOT_LEARNED]
        if lost:
            self.progress.line(
                f"  warning: the mask network has not learned {', '.join(lost)} (F1 below "
                f"{100 * NOT_LEARNED:.0f}): these masks are empty or elsewhere. More epochs "
                "(--set protocol.masks.epochs=...), more images, or --set protocol.masks.dice=1."
            )
        if cell.masks.protocol.online:
            network = cell.masks.network
            weights = self.store.folder("masks", network.key) / MASK_WEIGHTS
            trained = load_mask_network(weights, network.recipe, cell.area, cell.compute)
            return trained.online(cell.row.protocol.resize), meta
        return masks, meta

    def _data(
        self,
        cell: PlannedCell,
        run: StageRun,
        packed: PackedImages,
        targets: Targets,
        masks: StoredMasks | OnlineMasks | None,
    ) -> StageData:
        protocol = cell.row.protocol
        batches = Batches(
            packed.pixels,
            targets,
            masks if run.masked else None,
            protocol.crop,
            round(protocol.crop * protocol.mask_warp),
            protocol.batch_size,
            self._device_warp(cell, packed) if cell.compute.warp == "device" else None,
            pin=cell.compute.device.type == "cuda",
            part=own_part if cell.compute.ranks > 1 else slice,
        )
        return StageData(
            batches,
            packed,
            {task.name: cell.source.labels(task) for task in cell.tasks},
            cell.source.positions("train", cell.tasks),
            cell.source.positions("valid", cell.tasks),
        )

    def _device_warp(self, cell: PlannedCell, packed: PackedImages) -> DeviceWarp:
        """Return what warps a cell's batches on its device; images are placed once for cells."""
        asked, device = cell.row.protocol.input, cell.compute.device
        of = (id(packed), asked, device)
        if self._warp is None or self._warp[0] != of:
            self._warp = None  # the images of another cell go before these come
            sharers = self.cells_at_once * ranks_on_a_device()
            placed = place_images(packed.pixels, asked, device, sharers)
            self.progress.line(f"  images: {placed.place} ({placed.reason})")
            self._warp = of, DeviceWarp(placed, device)
        return self._warp[1]

    def _stage(
        self,
        cell: PlannedCell,
        run: StageRun,
        parent: Path | None,
        data: StageData,
        event: CellEvent | None,
    ) -> tuple[Path, dict[str, Any]]:
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

        listeners = Listeners(epoch_ended, step_done, self.progress.line)
        parent_weights = parent / WEIGHTS if parent else None

        def build(folder: Path) -> dict[str, Any]:
            forget_peak_memory(cell.compute)
            assignment = Assignment(cell.folder, run.identity.key, folder, parent_weights)
            with helped(assignment):
                meta = train_stage(run, folder, parent_weights, data, cell.compute, listeners)
            return {**meta, "peak_memory_mb": peak_memory_mb(cell.compute)}

        stage_folder, meta, cached = self.store.get("stages", run.identity.key, build)
        if cached:
            self.progress.line(f"  {run.stage.name}: taken from the cache")
        return stage_folder, meta


def _with_statistics(cell: PlannedCell, targets: Targets) -> PlannedCell:
    """Return the cell with what is known of its labels now that the images are packed."""
    stages: list[StageRun] = []
    for run in cell.stages:
        problem = replace(run.problem, statistics=targets.statistics)
        stages.append(replace(run, problem=problem))
    return replace(cell, stages=tuple(stages))


def _valid_score(run: StageRun, name: str, value: float) -> str:
    """Write one metric of the valid split: ``accuracy 88.12``, ``age mae 6.30``."""
    task_name, _, metric = name.rpartition(".")
    kinds = {task.name: task.kind for task in run.problem.tasks}
    info = metric_info(kinds[task_name] if task_name else run.problem.tasks[0].kind, metric)
    shown = f"{100 * value if info.percent else value:.2f}"
    return f"{task_name} {metric} {shown}".lstrip()


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
