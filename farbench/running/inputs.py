"""What the stages of a cell are given: its images, targets and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.on_device import DeviceWarp
from farbench.data.online_masks import OnlineMasks
from farbench.data.pack import PackedImages
from farbench.data.placement import place_images
from farbench.data.targets import Targets, make_targets
from farbench.masks.artifact import make_masks
from farbench.masks.network import WEIGHTS as MASK_WEIGHTS
from farbench.masks.plan import MaskPlan
from farbench.masks.trained import load_mask_network
from farbench.running.plan import PlannedCell
from farbench.running.progress import Progress
from farbench.scoring.masks import NOT_LEARNED
from farbench.store.artifacts import ArtifactStore
from farbench.training.distributed import own_part, ranks_on_a_device
from farbench.training.stage import StageData, StageRun
from farbench.wording import counted, duration

Masks = StoredMasks | OnlineMasks | None


@dataclass(frozen=True)
class CellInputs:
    """What all stages of a cell are made from.

    Attributes:
        cell: The cell, with what is known of its labels now that the images are packed.
        packed: Its images.
        targets: What its losses see.
        masks: Its masks, or None.
    """

    cell: PlannedCell
    packed: PackedImages
    targets: Targets
    masks: Masks


class InputMaker:
    """Makes the inputs of cells; images are placed on a device once for all that share them."""

    def __init__(self, store: ArtifactStore, progress: Progress, cells_at_once: int) -> None:
        """Bind the cache, what the user sees, and how many cells share the machine."""
        self.store, self.progress, self.cells_at_once = store, progress, cells_at_once
        self._warp: tuple[object, DeviceWarp] | None = None

    def inputs(self, cell: PlannedCell, packed: PackedImages, masks: Masks) -> CellInputs:
        """Return what the stages of a cell are made from."""
        targets = make_targets(cell.source, cell.tasks, packed, cell.row.protocol.crop)
        stages = tuple(
            replace(run, problem=replace(run.problem, statistics=targets.statistics))
            for run in cell.stages
        )
        return CellInputs(replace(cell, stages=stages), packed, targets, masks)

    def masks(
        self, cell: PlannedCell, packed: PackedImages
    ) -> tuple[Masks, Mapping[str, Any] | None]:
        """Return a cell's masks, made if they are not there, and what they say of themselves."""
        plan = cell.masks
        if plan is None:
            return None, None
        new = self.store.meta("masks", plan.network.key) is None
        if new:
            self.progress.line(
                f"  mask network: {counted(plan.protocol.epochs, 'epoch')}, keypoints from "
                f"{plan.keypoints.name}, shared by all rows"
            )
        masks, meta = make_masks(
            plan, cell.area, cell.source, packed, self.store, cell.compute, self.progress.step
        )
        self._tell_of_masks(meta, new)
        if plan.protocol.online:
            return self._online_masks(cell, plan), meta
        return masks, meta

    def _tell_of_masks(self, meta: Mapping[str, Any], new: bool) -> None:
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

    def _online_masks(self, cell: PlannedCell, plan: MaskPlan) -> OnlineMasks:
        """Return the mask network as what predicts masks in every step."""
        weights = self.store.folder("masks", plan.network.key) / MASK_WEIGHTS
        trained = load_mask_network(weights, plan.network.recipe, cell.area, cell.compute)
        return trained.online(cell.row.protocol.resize)

    def stage_data(self, inputs: CellInputs, run: StageRun) -> StageData:
        """Return the images and labels of one stage; masks only if its network looks at them."""
        cell, packed = inputs.cell, inputs.packed
        protocol = cell.row.protocol
        batches = Batches(
            packed.pixels,
            inputs.targets,
            inputs.masks if run.masked else None,
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
