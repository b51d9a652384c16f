"""A task of each kind with train statistics, outputs and targets, for the tests of losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from farbench import BinaryAttributes, Classes, Identity, Landmarks, Scalar, Task, TrainStatistics
from farbench_losses import farbench_losses

LOSSES = {loss.name: loss for loss in farbench_losses()}
N = 12

TASKS: dict[str, tuple[Task, TrainStatistics]] = {
    "attributes": (
        BinaryAttributes("traits", ("a", "b", "c", "d", "e")),
        TrainStatistics(prevalence=(0.05, 0.3, 0.5, 0.7, 0.9)),
    ),
    "classes": (
        Classes("mood", ("glad", "sad", "angry", "calm")),
        TrainStatistics(prevalence=(0.5, 0.3, 0.15, 0.05)),
    ),
    "scalar": (Scalar("age", "years", 0, 120), TrainStatistics(mean=(30.0,), std=(15.0,))),
    "landmarks": (
        Landmarks("points", "landmarks5", 3, (1, 0, 2), ((0,), (1,))),
        TrainStatistics(mean=(0.3, 0.4, 0.7, 0.4, 0.5, 0.6)),
    ),
    "identity": (Identity("who", 8), TrainStatistics(identities=6)),
}
"""Kind of task -> a task and what is known of its train labels."""

EVERY = [(name, kind) for name, loss in LOSSES.items() for kind in loss.tasks]
"""Each loss with each kind of task that it is made for."""


@dataclass
class Batch:
    """Outputs that take a gradient, targets, and which numbers of the targets are known."""

    outputs: Tensor
    targets: Tensor
    known: Tensor


def build(name: str, kind: str = "attributes", seed: int = 0, **options: object) -> nn.Module:
    """Build a loss for the task of a kind, its initial weights decided by the seed."""
    torch.manual_seed(seed)
    return LOSSES[name](**options).build(*TASKS[kind])


def batch(kind: str, seed: int = 0, unknown: float = 0.25) -> Batch:
    """Draw a batch; a share of labels is unknown (of images, where a label is of an image)."""
    generator = torch.Generator().manual_seed(seed)
    task = TASKS[kind][0]
    outputs = torch.randn(N, task.outputs, generator=generator)
    if kind == "attributes":
        targets = (torch.rand(N, task.outputs, generator=generator) < 0.3).float()
    elif kind in ("scalar", "landmarks"):
        targets = torch.rand(N, task.outputs, generator=generator)
        if kind == "landmarks":  # some errors of about a pixel, some of a fifth of the face
            outputs = targets + outputs * torch.tensor([0.005, 0.2]).repeat(task.outputs // 2)
    else:
        count = task.outputs if kind == "classes" else TASKS[kind][1].identities
        targets = torch.randint(0, count, (N,), generator=generator)
    known = torch.rand(targets.shape, generator=generator) >= unknown
    empty = float("nan") if kind in ("scalar", "landmarks") else -1
    targets = targets.masked_fill(~known, empty)
    return Batch(outputs.requires_grad_(), targets, known)
