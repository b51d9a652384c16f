"""Tiny problems, data and networks that the tests of several rooms share; one torch thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from farbench import (
    CELEBA_ATTRIBUTES,
    BinaryAttributes,
    Method,
    Problem,
    Stage,
    TrainStatistics,
)
from farbench.benchmark.schema import Augmentation
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.targets import Targets
from farbench.training.device import Compute

torch.set_num_threads(1)
cv2.setNumThreads(1)

CPU = Compute(torch.device("cpu"), "float32", 1)
COLOURS = ("red", "green", "blue", "bright")
COLOUR_TASK = BinaryAttributes("colours", COLOURS)
NO_CHANGE = Augmentation(crop="center", flip=0, rotation=0, rotation_probability=0)


def colour_problem(**changes: object) -> Problem:
    """Four attributes that can be read off the mean colour."""
    rates = changes.pop("rates", (0.5, 0.3, 0.1, 0.7))
    settings = {"statistics": {"colours": TrainStatistics(rates)}, "pretrained": False} | changes
    return Problem((COLOUR_TASK,), 16, **settings)  # type: ignore[arg-type]


def celeba_problem(prevalence: Sequence[float] | None = None, side: int = 64) -> Problem:
    """The 40 attributes and the shipped groupings."""
    from farbench_methods import farbench_groupings

    rates = tuple(prevalence) if prevalence is not None else (0.2,) * 40
    return Problem(
        (BinaryAttributes("attributes", CELEBA_ATTRIBUTES),),
        side,
        {"attributes": TrainStatistics(rates)},
        pretrained=False,
        groupings={grouping.name: grouping for grouping in farbench_groupings()},
    )


def colour_images(count: int, side: int = 20) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Return noisy images of one colour and their labels ``(count, 4)``."""
    rng = np.random.default_rng(7)
    colours = rng.integers(30, 226, (count, 1, 1, 3))
    pixels = np.clip(colours + rng.normal(0, 12, (count, side, side, 3)), 0, 255).astype(np.uint8)
    labels = np.concatenate([colours[:, 0, 0] > 128, colours.sum((1, 2, 3))[:, None] > 384], 1)
    return pixels, labels.astype(np.int8)


def colour_batches(count: int, batch_size: int) -> Batches:
    """Batches of 16 px crops of the colour images."""
    pixels, labels = colour_images(count)
    return Batches(pixels, colour_targets(labels), None, 16, 4, batch_size)


def colour_targets(labels: NDArray[np.int8]) -> Targets:
    """The four attributes as targets."""
    known = {"colours": COLOUR_TASK.statistics(labels)}
    return Targets((COLOUR_TASK,), known, {"colours": labels})


def packed(pixels: NDArray[np.uint8]) -> PackedImages:
    """Call images packed."""
    sizes = np.full((len(pixels), 2), pixels.shape[1], np.int32)
    return PackedImages(pixels, sizes, {})


class TinyNet(nn.Module):
    """A trunk with BatchNorm, and a head with dropout."""

    pixel_mean, pixel_std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU())
        self.heads = nn.Sequential(nn.Linear(8, hidden), nn.Dropout(0.2), nn.Linear(hidden, 4))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"colours": self.heads(self.trunk(images).mean((2, 3)))}


class TinyMethod(Method):
    """Trains everything, or the head alone."""

    name: ClassVar[str] = "tiny"
    hidden: int = 8

    def build(self, problem: Problem) -> nn.Module:
        return TinyNet(self.hidden)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("groups", self, frozen=("trunk",)), Stage("joint", self))
