"""A method ready to train: planned as `farbench run` would, over noise in place of images."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.named import find_entry
from farbench.benchmark.resolve import resolve_benchmark
from farbench.data.batches import Batch, Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.on_device import DeviceWarp
from farbench.data.online_masks import OnlineMasks
from farbench.data.pack import PackedImages
from farbench.data.placement import place_images
from farbench.data.targets import make_targets
from farbench.masks.network import MaskNetwork
from farbench.masks.plan import MaskPlan
from farbench.masks.trained import TrainedMasks
from farbench.plugins.registry import Registry
from farbench.running.plan import PlannedCell, Planner
from farbench.store.artifacts import ArtifactStore
from farbench.training.device import Forward
from farbench.training.epoch import train_epoch
from farbench.training.faster_steps import speed_up
from farbench.training.stage import StageData, StageRun
from farbench.training.terms import TrainingLoss
from farbench.training.train import begin_stage
from farbench.training.weights import set_to_train

PACKED_TO_CROP = 8 / 7
"""Images are packed this much larger than they are cropped: 128 for 112, 256 for 224."""


@dataclass(frozen=True)
class Workload:
    """The last stage of a row, ready to step.

    Attributes:
        cell: The row as it was planned.
        run: Its last stage.
        forward: Its network, placed on the device.
        loss: Its loss.
        optimizer: Its optimizer.
        data: Its batches, over noise.
    """

    cell: PlannedCell
    run: StageRun
    forward: Forward
    loss: TrainingLoss
    optimizer: torch.optim.Optimizer
    data: StageData

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.data.batches.steps(len(self.data.train))

    def epoch(self) -> float:
        """Train an epoch with farbench's own loop; return the share of time it waited for input."""
        started = time.perf_counter()
        done = train_epoch(
            self.run, 1, self.forward, self.loss, self.optimizer, self.data, lambda *_: None
        )
        return done.waited / (time.perf_counter() - started)

    def set_to_train(self) -> None:
        """Put what is trained into training mode, and what is frozen into eval mode."""
        set_to_train(self.forward.network, self.run.stage.frozen)

    def batches(self, *, masks: bool = True) -> Iterator[Batch]:
        """Make the batches of an epoch, with masks if the method asks for them."""
        maker = self.data.batches if masks else replace(self.data.batches, masks=None)
        protocol, stage = self.run.protocol, self.run.stage.name
        return maker.train(self.data.train, protocol.augmentation, self.run.seed, stage, 1)


def plan_method(
    method: str,
    registry: Registry,
    *,
    protocol: str | None = None,
    dataset: str = "synthetic_faces",
    data_root: Path | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    steps: int = 4,
    sets: Sequence[str] = (),
    device: str = "auto",
) -> PlannedCell:
    """Plan a benchmark of one row.

    Args:
        method: The method's name.
        registry: The plugins.
        protocol: A name or path; None is the schema's defaults without pretrained weights, whose
            values cost as much as random ones.
        dataset: Gives tasks and labels. No image of it is read.
        data_root: Where it lies.
        image_size: Side of the network's input; None is the protocol's.
        batch_size: Images a step; None is the protocol's.
        steps: Of an epoch.
        sets: ``--set`` of ``farbench run``.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        UserError: Something is wrong with what was asked.
    """
    find_entry("method", registry.methods, method, "METHOD", registry.broken)
    changes = list(sets)
    if image_size is not None:
        packed = round(image_size * PACKED_TO_CROP)
        changes += [f"protocol.resize={packed}", f"protocol.crop={image_size}"]
    if batch_size is not None:
        changes.append(f"protocol.batch_size={batch_size}")
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:
        folder = Path(name)
        (folder / "defaults.yaml").write_text("pretrained: false\n", encoding="utf-8")
        file = folder / "profile.yaml"
        file.write_text(f"rows: {json.dumps({method: {'method': method}})}\n", encoding="utf-8")
        protocol = protocol or str(folder / "defaults.yaml")
        size = load_benchmark(file, protocol=protocol, sets=changes).benchmark.protocol.batch_size
        few = {"train": steps * size, "valid": 2, "test": 2}
        changes += [f"protocol.images.{split}={count}" for split, count in few.items()]
        loaded = load_benchmark(file, protocol=protocol, dataset=dataset, sets=changes)
        store = ArtifactStore(folder / "cache")
        planner = Planner(registry, store, folder / "runs", data_root, device)
        return planner.plan(resolve_benchmark(loaded, registry)).cells[0]


def make_ready(cell: PlannedCell, pixels: NDArray[np.uint8] | None = None) -> Workload:
    """Build network, loss, optimizer and batches of a planned cell's last stage.

    Args:
        cell: The cell.
        pixels: Packed images, uint8 ``(N, R, R, 3)``. None, as always for masks, is noise: a warp,
            a step and a copy of it take as long as of faces. So does a mask network that was never
            trained, where masks are predicted in every step.
    """
    data = _data(cell, pixels)
    run = cell.stages[-1]
    statistics = data.batches.targets.statistics
    run = replace(run, problem=replace(run.problem, statistics=statistics))
    with tempfile.TemporaryDirectory(prefix="farbench-") as name:  # nothing to go on with
        begun = begin_stage(run, Path(name), None, cell.compute)
    work = Workload(cell, run, begun.forward, begun.loss, begun.optimizer, data)
    work.set_to_train()
    whole_batch = min(run.protocol.batch_size, len(data.train))
    speed_up(
        work.forward,
        run.speedups,
        data.batches,
        whole_batch,
        lambda text: print(text, file=sys.stderr),
    )
    return work


def _data(cell: PlannedCell, pixels: NDArray[np.uint8] | None) -> StageData:
    """Return batches of a cell's data set, over noise where no packed images are given."""
    protocol, source = cell.row.protocol, cell.source
    side = protocol.resize
    if pixels is None:
        noise = np.random.default_rng(0)
        pixels = noise.integers(0, 256, (len(source), side, side, 3), dtype=np.uint8)
    packed = PackedImages(pixels, np.full((len(source), 2), side, np.int32), {})
    batches = Batches(
        pixels,
        make_targets(source, cell.tasks, packed, protocol.crop),
        None if cell.masks is None else _masks(cell, cell.masks),
        protocol.crop,
        round(protocol.crop * protocol.mask_warp),
        protocol.batch_size,
        _device_warp(cell, pixels) if cell.compute.warp == "device" else None,
        pin=cell.compute.device.type == "cuda",
    )
    return StageData(
        batches,
        packed,
        {task.name: source.labels(task) for task in cell.tasks},
        source.positions("train", cell.tasks),
        source.positions("valid", cell.tasks),
    )


def _masks(cell: PlannedCell, plan: MaskPlan) -> StoredMasks | OnlineMasks:
    """Return masks of noise, or what predicts them in every step, with random weights."""
    if plan.protocol.online:
        network = MaskNetwork(len(plan.groups), plan.protocol, pretrained=False)
        placed = cell.compute.place(network).eval()
        trained = TrainedMasks(placed, plan.group_names, plan.protocol, 1.0, cell.compute)
        return trained.online(cell.row.protocol.resize)
    stored, groups = plan.protocol.stored_size, plan.group_names
    size = (len(cell.source), -(-len(groups) * stored * stored // 8))
    noise = np.random.default_rng(1)
    return StoredMasks(noise.integers(0, 256, size, dtype=np.uint8), groups, stored)


def _device_warp(cell: PlannedCell, pixels: NDArray[np.uint8]) -> DeviceWarp:
    device = cell.compute.device
    return DeviceWarp(place_images(pixels, cell.row.protocol.input, device), device)
