"""What the losses see of a batch: the labels of its tasks, moved with the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farbench.data import geometry
from farbench.data.pack import PackedImages
from farbench.data.source import Source
from farbench.tasks.base import Task, TrainStatistics
from farbench.tasks.landmarks import Landmarks


@dataclass(frozen=True)
class Targets:
    """The targets of all images of a source, for some tasks.

    Attributes:
        tasks: The tasks.
        statistics: Of their train labels, by name.
        values: By name, in the order of the source. Landmarks are in packed pixels.
    """

    tasks: tuple[Task, ...]
    statistics: Mapping[str, TrainStatistics]
    values: Mapping[str, NDArray[Any]]

    def take(
        self, chosen: NDArray[np.int64], matrices: geometry.Matrices, crop: int
    ) -> dict[str, Tensor]:
        """Return the targets of a batch as the losses' contract has them.

        Args:
            chosen: ``(N,)`` positions in the source.
            matrices: ``(N, 2, 3)``, the samples' warps from crop to packed pixels.
            crop: Side of the network's input.
        """
        taken = {}
        for task in self.tasks:
            value = self.values[task.name][chosen]
            if isinstance(task, Landmarks):
                value = _fractions(task, value, matrices, crop).reshape(len(chosen), -1)
            taken[task.name] = torch.from_numpy(value)
        return taken


def make_targets(source: Source, tasks: Sequence[Task], packed: PackedImages, crop: int) -> Targets:
    """Return the targets of a source and what is known of them on its train split."""
    train = source.positions("train")
    statistics: dict[str, TrainStatistics] = {}
    values: dict[str, NDArray[Any]] = {}
    for task in tasks:
        labels = source.labels(task)
        if isinstance(task, Landmarks):
            labels = packed.to_packed(labels)
            middle = geometry.center_crop(len(train), packed.pixels.shape[1], crop)
            statistics[task.name] = task.statistics(_fractions(task, labels[train], middle, crop))
        else:
            statistics[task.name] = task.statistics(labels[train])
        values[task.name] = task.targets(labels, statistics[task.name])
    return Targets(tuple(tasks), statistics, values)


def planned_statistics(source: Source, tasks: Sequence[Task]) -> dict[str, TrainStatistics]:
    """Return what is known of train labels before an image is opened.

    The mean shape of landmarks needs the sizes of the images: until they are packed, all its
    points lie in the middle.
    """
    train = source.positions("train")
    statistics = {}
    for task in tasks:
        labels = source.labels(task)[train]  # raises where nobody carries the task, points too
        statistics[task.name] = (
            TrainStatistics(mean=(0.5,) * task.outputs)
            if isinstance(task, Landmarks)
            else task.statistics(labels)
        )
    return statistics


def to_predictions(
    task: Task,
    outputs: NDArray[np.float32],
    statistics: TrainStatistics,
    packed: PackedImages,
    positions: NDArray[np.int64],
    crop: int,
) -> NDArray[Any]:
    """Turn outputs on centre crops into predictions, landmarks into original pixels.

    Args:
        task: The task.
        outputs: ``(N, task.outputs)``.
        statistics: Of the task's train labels.
        packed: The packed images.
        positions: ``(N,)``, which images they are.
        crop: Side of the network's input.
    """
    if not isinstance(task, Landmarks):
        return task.predictions(outputs, statistics)
    side = packed.pixels.shape[1]
    offset = (side - crop) // 2
    in_packed = outputs.reshape(len(outputs), -1, 2) * crop - 0.5 + offset
    factor = packed.sizes[positions][:, None, ::-1].astype(np.float32) / side
    return np.asarray((in_packed + 0.5) * factor - 0.5, np.float32)


def _fractions(
    task: Landmarks, points: NDArray[np.float32], matrices: geometry.Matrices, crop: int
) -> NDArray[np.float32]:
    """Move points ``(N, P, 2)`` from packed pixels to fractions of the crop's side.

    In a mirrored sample a point takes the place of its partner: the left eye stays the eye that
    is on the left of the image.
    """
    moved = geometry.map_points(points, matrices)
    mirrored = np.linalg.det(matrices[:, :, :2]) < 0
    moved[mirrored] = moved[mirrored][:, list(task.mirror)]
    return np.asarray((moved + 0.5) / crop, np.float32)
