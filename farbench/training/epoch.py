"""One epoch of training: every step of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from farbench.data.batches import Batch
from farbench.training.device import Forward
from farbench.training.optimizer import learning_rate_at, set_learning_rate
from farbench.training.stage import StageData, StageRun, StepListener
from farbench.training.terms import TrainingLoss
from farbench.training.weights import set_to_train


@dataclass(frozen=True)
class TrainedEpoch:
    """What came of an epoch.

    Attributes:
        loss: The mean over its images.
        images: How many it has seen.
        waited: Seconds spent waiting for batches.
        terms: float32 ``(steps, 2, T)`` on the device: loss and weight of each term in every step.
    """

    loss: float
    images: int
    waited: float
    terms: Tensor


def train_epoch(
    run: StageRun,
    epoch: int,
    forward: Forward,
    loss: TrainingLoss,
    optimizer: torch.optim.Optimizer,
    data: StageData,
    listener: StepListener,
) -> TrainedEpoch:
    """Train one epoch; nothing in a step waits for the device.

    Args:
        run: The stage.
        epoch: Counted from 1.
        forward: Calls the network that is trained.
        loss: Of its outputs.
        optimizer: Takes the steps.
        data: Images and labels.
        listener: Told of each step.
    """
    set_to_train(forward.network, run.stage.frozen)
    loss.train()
    device, steps = forward.compute.device, data.batches.steps(len(data.train))
    total = torch.zeros((), device=device, dtype=torch.float64)
    terms = torch.zeros((steps, 2, len(loss.terms)), device=device)
    images, waited = 0, 0.0
    asked = time.perf_counter()
    for step, batch in enumerate(scheduled_batches(run, epoch, optimizer, data)):
        waited += time.perf_counter() - asked
        value, terms[step, 0], terms[step, 1] = loss(forward(batch), forward.targets(batch))
        optimizer.zero_grad(set_to_none=True)
        forward.backward(value)
        optimizer.step()
        # Summed on the device: reading a value each step would wait for the device each step.
        total += value.detach() * len(batch.positions)
        images += len(batch.positions)
        listener(run.stage.name, epoch, step + 1, steps)
        asked = time.perf_counter()
    return TrainedEpoch(float(total) / max(images, 1), images, waited, terms)


def scheduled_batches(
    run: StageRun, epoch: int, optimizer: torch.optim.Optimizer, data: StageData
) -> Iterator[Batch]:
    """Yield the batches of an epoch, each with the optimizer at its step's learning rate."""
    steps = data.batches.steps(len(data.train))
    batches = data.batches.train(
        data.train, run.protocol.augmentation, run.seed, run.stage.name, epoch
    )
    for step, batch in enumerate(batches, (epoch - 1) * steps):
        rate = learning_rate_at(run.protocol, run.learning_rate, step, steps * run.epochs)
        set_learning_rate(optimizer, rate)
        yield batch
