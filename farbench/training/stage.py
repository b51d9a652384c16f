"""What a stage of training is: its network, loss and data, and who is told of its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.randomness import stream_key
from farbench.plugins.loss import Loss
from farbench.plugins.method import Problem, Stage
from farbench.plugins.weighting import TaskWeighting
from farbench.store.artifacts import PROGRESS
from farbench.training.faster_steps import NO_SPEEDUPS, Speedups
from farbench.training.terms import TrainingLoss

WEIGHTS = "weights.safetensors"
CHECKPOINT = f"{PROGRESS}/checkpoint.pt"
"""Where the store keeps what a half-built artifact goes on from, until it is finished."""
TERMS = "terms.npy"
"""float32 ``(steps, 2, T)``: loss and weight of each term in every step, if there are several."""

EpochListener = Callable[[str, int, dict[str, float]], None]
StepListener = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class StageData:
    """What a stage trains on.

    Attributes:
        batches: Makes batches, with masks if the stage's method asks for them.
        packed: The images, for the sizes of the originals.
        labels: Labels of all images, by task.
        train: Positions of the train split.
        valid: Positions of the valid split.
    """

    batches: Batches
    packed: PackedImages
    labels: Mapping[str, NDArray[Any]]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]


@dataclass(frozen=True)
class StageRun:
    """A stage that can be trained: all that its result depends on.

    Attributes:
        stage: Name, method and what is frozen.
        problem: What its network is built for.
        protocol: Training settings (only those in the identity's recipe are used).
        losses: A loss a task, by the task's name.
        weighting: How the terms of the loss are joined.
        epochs: Epochs of this stage.
        learning_rate: Of this stage.
        seed: The cell's seed.
        identity: Its key names the artifact.
        parent: The stage that it starts from.
        speedups: How its steps are made faster.
    """

    stage: Stage
    problem: Problem
    protocol: Protocol
    losses: Mapping[str, Loss]
    weighting: TaskWeighting
    epochs: int
    learning_rate: float
    seed: int
    identity: Identity
    parent: StageRun | None
    speedups: Speedups = NO_SPEEDUPS

    @property
    def masked(self) -> bool:
        """Whether the network is called with masks."""
        return self.stage.method.mask_request() is not None

    def build(self) -> nn.Module:
        """Build the network with its initial weights, which (seed, stage name) decide."""
        torch.manual_seed(stream_key(self.seed, self.stage.name, "init"))
        return self.stage.method.build(self.problem)

    def build_loss(self, network: nn.Module) -> TrainingLoss:
        """Build the loss; like the network's, its initial weights depend on (seed, stage name)."""
        torch.manual_seed(stream_key(self.seed, self.stage.name, "loss"))
        feature_size = int(getattr(network, "feature_size", 0))
        return TrainingLoss(self.problem, self.losses, self.weighting, feature_size)


@dataclass
class Listeners:
    """Who is told of progress: after an epoch, and after a step (stage, epoch, step, steps).

    ``note`` is told lines that the user should see.
    """

    epoch: EpochListener
    step: StepListener
    note: Callable[[str], None] = lambda text: None
