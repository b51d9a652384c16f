"""Evaluates finished cells under corruptions, from their stored weights; what is done stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from farbench.benchmark.robustness import AskedCorruptions
from farbench.data.pack import PackedImages
from farbench.errors import CellFailed, UserError
from farbench.masks.artifact import make_masks
from farbench.masks.trained import TrainedMasks
from farbench.plugins.registry import Registry
from farbench.robustness.conditions import Condition, conditions
from farbench.robustness.evaluate import Evaluation, evaluate
from farbench.robustness.faces import TestFaces, choose_faces
from farbench.robustness.masks import MaskSource
from farbench.running.plan import PlannedCell
from farbench.running.progress import Progress
from farbench.running.trained import TrainedCell, load_trained
from farbench.running.trained_masks import mask_network, mask_weights
from farbench.scoring.catalogue import HEADLINE, metric_info
from farbench.scoring.predictions import load_predictions
from farbench.store.artifacts import ArtifactStore
from farbench.store.cells import PREDICTIONS
from farbench.store.folders import locked
from farbench.store.robustness import RobustnessFile, read_robustness
from farbench.tasks.base import Task
from farbench.training.device import Compute
from farbench.wording import counted

OFF = 0.1
"""Predictions on clean images may differ from the stored ones by this part of their deviation on
average: devices and precisions do; another network or preparation does more."""


@dataclass(frozen=True)
class _Work:
    """What a cell's file holds, what is asked, and what of it is missing, with its keys."""

    held: RobustnessFile
    wanted: list[Condition]
    missing: list[tuple[Condition, str]]


class RobustnessRun:
    """Evaluates one cell after the other under what was asked."""

    def __init__(
        self,
        asked: AskedCorruptions,
        registry: Registry,
        store: ArtifactStore,
        device: str,
        progress: Progress,
    ) -> None:
        """Bind what is asked.

        Args:
            asked: Corruptions, strengths, images, masks and seed.
            registry: The plugins.
            store: Where mask networks are, and masks of corrupted images are kept.
            device: "auto", "cpu", "cuda" or "cuda:N".
            progress: Is told what was found.
        """
        self.asked, self.registry, self.store = asked, registry, store
        self.device, self.progress = device, progress

    def trained(self, cell: PlannedCell, packed: PackedImages, folder: Path) -> None:
        """Evaluate a cell of a run that has just finished, or is finished already.

        Args:
            cell: The cell.
            packed: Its images.
            folder: Its folder.

        Raises:
            UserError: Weights or the mask network are not there.
            CellFailed: As of :meth:`stored`.
        """
        side = cell.row.protocol.resize
        faces = choose_faces(cell.source, cell.tasks, self.asked.settings.images, side, packed)
        work = self._work(
            folder, cell.identity.key, faces, cell.compute, masked=cell.masks is not None
        )
        if not work.missing:
            return
        if cell.masks is not None:  # its mask network is there, unless the cache was emptied
            make_masks(
                cell.masks,
                cell.area,
                cell.source,
                packed,
                self.store,
                cell.compute,
                self.progress.step,
            )
        self._evaluate(load_trained(folder, self.registry, self.device), faces, work)

    def stored(self, folder: Path, data_root: Path | None) -> int:
        """Evaluate a finished cell from its folder alone, whichever version trained it.

        Args:
            folder: The cell's folder.
            data_root: Where data sets are.

        Returns:
            How many conditions were evaluated now; the others were there.

        Raises:
            UserError: Weights, data or the mask network are not there.
            CellFailed: The network does not predict what it stored, or what is not finite.
        """
        cell = load_trained(folder, self.registry, self.device)
        source, side = cell.open_source(data_root), cell.protocol.resize
        faces = choose_faces(source, cell.tasks, self.asked.settings.images, side)
        key = str(cell.record["identity"]["key"])
        with locked(folder, lambda: self.progress.line("  another process is at it, waiting")):
            work = self._work(folder, key, faces, cell.compute, masked=cell.request is not None)
            if work.missing:
                self._evaluate(cell, faces, work)
        return len(work.missing)

    def _work(
        self, folder: Path, key: str, faces: TestFaces, compute: Compute, *, masked: bool
    ) -> _Work:
        """Read the cell's file, and see which conditions it does not hold as they would be now."""
        held = read_robustness(folder, key)
        settings = self.asked.settings.model_dump(mode="json")
        settings["corruptions"] = [corruption.name for corruption in self.asked.corruptions]
        if held.entries and held.settings != settings:
            held.settings = settings
            held.write()
        held.settings = settings
        wanted = conditions(self.asked, masked=masked)
        missing = []
        for condition in wanted:
            own = condition.key(key, faces.digest, compute.numerics(), self.asked.settings.seed)
            known = held.find(**condition.place(self.asked))
            if known is None or known["key"] != own:
                missing.append((condition, own))
        return _Work(held, wanted, missing)

    def _evaluate(self, cell: TrainedCell, faces: TestFaces, work: _Work) -> None:
        cell.check_decodes()
        masks = self._masks(cell, faces)
        torch.set_num_threads(cell.compute.threads)
        self.progress.line(
            f"  robustness of {cell.folder.name}: {counted(len(work.missing), 'condition')} on "
            f"{counted(len(faces), 'test image')}"
        )
        seed = self.asked.settings.seed
        for number, (condition, key) in enumerate(work.missing, 1):
            found = evaluate(cell, faces, masks, condition, seed)
            if condition.corruption is None:
                _check_clean(cell, faces, found)
            entry = {
                "key": key,
                **condition.place(self.asked),
                "options": condition.corruption.options() if condition.corruption else {},
                "scores": found.scores,
                "mask_agreement": found.agreement,
            }
            work.held.add(entry)
            self.progress.step("robustness", number, len(work.missing))
        self._tell(work, cell.tasks[0])

    def _masks(self, cell: TrainedCell, faces: TestFaces) -> MaskSource | None:
        if cell.request is None:
            return None
        if cell.protocol.masks.online:
            raise UserError(
                f"{cell.folder} predicts its masks in every step (protocol.masks.online), and "
                "robustness moves stored masks with the face. Run the row with "
                "--set protocol.masks.online=false."
            )
        mask_weights(cell, self.store)  # if it is not there, that is told at once

        def load() -> TrainedMasks:
            masks = mask_network(cell, self.store)
            assert masks is not None  # the method asks for them
            return masks

        return MaskSource(
            str(cell.record["masks"]["key"]),
            load,
            cell.request.area,
            cell.compute.numerics(),
            faces,
            self.store,
        )

    def _tell(self, work: _Work, task: Task) -> None:
        """Print a task's first metric: of clean images, then of each corruption by strength."""
        info = metric_info(task.kind, HEADLINE[task.kind][0])
        shown: dict[str, list[str]] = {}
        for condition in work.wanted:
            entry = work.held.find(**condition.place(self.asked)) or {}
            value: float | None = entry["scores"][task.name][info.name] if entry else None
            name = condition.corruption.name if condition.corruption else "clean"
            name += ", clean masks" if condition.masks == "clean" else ""
            number = "-" if value is None else f"{100 * value if info.percent else value:.2f}"
            shown.setdefault(name, []).append(number)
        self.progress.line(f"  robustness, {task.name} {info.name} by strength:")
        for name, values in shown.items():
            self.progress.line(f"    {name}: {', '.join(values)}")


def _check_clean(cell: TrainedCell, faces: TestFaces, found: Evaluation) -> None:
    """Refuse a network that does not predict what it predicted when it was trained.

    Raises:
        CellFailed: The stored predictions are others.
    """
    path = cell.folder / PREDICTIONS["test"]
    if not path.is_file():
        return
    for task in cell.tasks:
        stored = load_predictions(path, task)
        row = {str(name): number for number, name in enumerate(stored.image)}
        if not set(faces.ids) <= set(row):
            raise CellFailed(f"{path} holds other images than the test split has now")
        then = stored.output[[row[name] for name in faces.ids]].astype(np.float64)
        now = found.predictions[task.name].astype(np.float64)
        off = float(np.abs(now - then).mean())
        if off > OFF * float(then.std()):
            raise CellFailed(
                f"on clean images {cell.folder.name} predicts '{task.name}' otherwise than when it "
                f"was trained (off by {off:.3g} on average): code, images or masks have changed "
                "since. Train it again"
            )
