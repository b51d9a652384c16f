"""A finished cell, loaded again: its network, what it predicts, and what it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from farbench.benchmark.datasets import from_entries
from farbench.benchmark.explain import user_error
from farbench.benchmark.named import resolve_plugin
from farbench.benchmark.places import Places
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batches
from farbench.data.mask_bits import StoredMasks
from farbench.data.online_masks import OnlineMasks
from farbench.data.pack import PackedImages
from farbench.data.source import Source, open_source
from farbench.data.targets import Targets, to_predictions
from farbench.errors import UserError
from farbench.plugins.dataset import Dataset
from farbench.plugins.method import MaskRequest, Method, Problem
from farbench.plugins.registry import Registry
from farbench.running.trained_record import (
    counts,
    entries_of,
    made_by,
    read_trained_record,
    statistics_of,
)
from farbench.scoring.score import as_stored
from farbench.store.cells import CELL, WEIGHTS, file_damage
from farbench.tasks import recorded_tasks
from farbench.tasks.base import Task
from farbench.tasks.scalar import Scalar
from farbench.training.device import Compute, Forward, choose_compute
from farbench.training.predict import predict


@dataclass(frozen=True)
class TrainedCell:
    """A cell whose training is done.

    Attributes:
        folder: Where it lies: a cell's folder, or one that ``farbench export`` made.
        record: Its ``cell.json``.
        method: The method of its last stage.
        protocol: Its protocol.
        problem: What its network was built for: tasks, image size, train statistics.
        network: In eval mode, on the device.
        compute: Device and precision.
        registry: The plugins.
    """

    folder: Path
    record: Mapping[str, Any]
    method: Method
    protocol: Protocol
    problem: Problem
    network: nn.Module
    compute: Compute
    registry: Registry

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What it predicts."""
        return self.problem.tasks

    @property
    def request(self) -> MaskRequest | None:
        """Which masks the network is called with, or None."""
        return self.method.mask_request()

    @property
    def forward(self) -> Forward:
        """The network as ``training`` calls it: normalised images, and masks if it takes them."""
        return Forward(self.network, self.tasks, self.compute, self.request is not None)

    def batches(
        self, pixels: NDArray[np.uint8], masks: StoredMasks | OnlineMasks | None = None
    ) -> Batches:
        """Return what makes batches of images for :attr:`forward`; they carry no targets.

        Args:
            pixels: Packed images, uint8 ``(N, R, R, 3)``, R = ``protocol.resize``.
            masks: The masks of these N images, where the method asks for masks.
        """
        protocol = self.protocol
        return Batches(
            pixels,
            Targets((), {}, {}),
            masks if self.request is not None else None,
            protocol.crop,
            round(protocol.crop * protocol.mask_warp),
            protocol.batch_size,
        )

    def predict(
        self,
        pixels: NDArray[np.uint8],
        masks: StoredMasks | OnlineMasks | None,
        sizes: NDArray[np.int32],
    ) -> dict[str, NDArray[Any]]:
        """Return the predictions for images by task, as ``predictions.npz`` holds them.

        Args:
            pixels: Packed images, uint8 ``(N, R, R, 3)``.
            masks: Their masks, where the method asks for masks.
            sizes: int32 ``(N, 2)``, height and width of the originals (of use to landmarks).
        """
        positions = np.arange(len(pixels))
        return self.decode(
            predict(self.forward, self.batches(pixels, masks), positions), pixels, sizes
        )

    def decode(
        self,
        outputs: Mapping[str, NDArray[np.float32]],
        pixels: NDArray[np.uint8],
        sizes: NDArray[np.int32],
    ) -> dict[str, NDArray[Any]]:
        """Turn outputs on centre crops into predictions, as they are stored.

        Args:
            outputs: By task, ``(N, task.outputs)``.
            pixels: The packed images.
            sizes: int32 ``(N, 2)``, height and width of the originals.

        Raises:
            UserError: The cell does not say how its numbers are to be read, or there are none.
        """
        self.check_decodes()
        for task in self.tasks:
            if not np.isfinite(outputs[task.name]).all():
                raise UserError(
                    f"{self.folder}: what its network predicts for '{task.name}' is not finite: "
                    "its weights are damaged. Run the cell again."
                )
        packed = PackedImages(pixels, sizes, {})
        positions = np.arange(len(pixels))
        return {
            task.name: as_stored(
                task,
                to_predictions(
                    task,
                    outputs[task.name],
                    self.problem.statistics[task.name],
                    packed,
                    positions,
                    self.protocol.crop,
                ),
            )
            for task in self.tasks
        }

    def check_decodes(self) -> None:
        """Refuse a cell that was stored before the statistics of its numbers were.

        Raises:
            UserError: Names the task.
        """
        for task in self.tasks:
            if isinstance(task, Scalar) and not self.problem.statistics[task.name].std:
                raise UserError(
                    f"{self.folder} does not hold mean and standard deviation of '{task.name}', in "
                    "which its network counts: it was made by an earlier version of farbench. Run "
                    "the cell again."
                )

    def dataset(self) -> Dataset:
        """Return the data set that it was trained on, with its options.

        Raises:
            UserError: Its plugin is gone.
        """
        return from_entries(entries_of(self.record), self.registry, Places())

    def open_source(self, data_root: Path | None) -> Source:
        """Return the data set as the cell saw it: the same images of each split.

        Raises:
            UserError: The data is not there, or there are other images.
        """
        source = open_source(self.dataset(), data_root, self.protocol.images)
        then: Mapping[str, int] = self.record["dataset"]["images"]
        now = {split: len(source.positions(split, self.tasks)) for split in then}
        if now != dict(then):
            raise UserError(
                f"{self.folder} was made from {counts(then)} images of {source.dataset.name}, "
                f"and here there are {counts(now)}. Give the same data with --data-root DIR, or "
                "run the cell again."
            )
        return source


def load_trained(folder: Path, registry: Registry, device: str = "cpu") -> TrainedCell:
    """Load a finished cell.

    Args:
        folder: A cell's folder, or one that ``farbench export`` made.
        registry: The plugins.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        UserError: There is no such cell, it is not finished, its weights were not kept or do not
            fit, its method is gone, or an option of it is not allowed any more.
    """
    record = read_trained_record(folder)
    version = made_by(record)
    if not (folder / WEIGHTS).is_file():
        kept = record["protocol"].get("keep_weights", True)
        raise UserError(
            f"{folder} has no {WEIGHTS}: "
            + (
                "results that were committed hold no weights. "
                if kept
                else "the cell was run with keep_weights off. "
            )
            + "Run it again with --set protocol.keep_weights=true."
        )
    wrong = file_damage(folder, record, WEIGHTS)
    if wrong is not None:
        raise UserError(
            f"{folder} is damaged: {wrong}. Delete that file, and run the cell again: it is made "
            "again from the cache."
        )
    try:
        protocol = Protocol.model_validate(record["protocol"])
    except ValidationError as error:
        told = str(user_error(error, Protocol, record["protocol"], Places(), ("protocol",)))
        first = told.split("\n")[0]
        raise UserError(
            f"{folder} cannot be read by this version of farbench: {version} ({first})."
        ) from error
    tasks = recorded_tasks(record, folder / CELL)
    statistics = statistics_of(record, tasks)
    spec = {**record["method"]["options"], "name": record["method"]["name"]}
    method = _method(spec, registry, f"{folder.name} ({version})")
    built = method.stages()[-1].method
    problem = Problem(
        tasks=tasks,
        image_size=protocol.crop,
        statistics=statistics,
        start_at_prior=protocol.start_at_prior,
        pretrained=False,  # all weights are the cell's own
        groupings=registry.grouping_records(),
    )
    compute = choose_compute(device, protocol.precision, protocol.threads)
    try:
        network = built.build(problem)
    except UserError as error:
        raise UserError(f"{folder}: {error}") from error
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(
            f"the weights of {folder} do not fit the network that method '{built.name}' builds "
            f"now ({reason}). The method has changed: {version}. Use that version, or run the "
            "cell again."
        ) from error
    return TrainedCell(
        folder, record, built, protocol, problem, compute.place(network).eval(), compute, registry
    )


def _method(spec: Mapping[str, Any], registry: Registry, where: str) -> Method:
    """Return the row's method with the options that it had."""
    try:
        method: Method = resolve_plugin(
            "method", registry.methods, spec, Places({(): where}), broken=registry.broken
        )
    except UserError as error:
        if spec["name"] in registry.methods:
            raise
        raise UserError(f"{error} A plugin file is given with --plugins PATH.") from None
    return method
