"""What the training loop costs beside its steps: against a bare loop over the same tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from farbench.bench.side_by_side import Ratio, ratio, time_in_turn
from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batch
from farbench.plugins.manager import load_plugins
from farbench.plugins.method import Problem, Stage
from farbench.tasks.attributes import BinaryAttributes
from farbench.tasks.base import TrainStatistics
from farbench.training.device import IMAGENET_MEAN, IMAGENET_STD, Compute, Forward
from farbench.training.epoch import train_epoch
from farbench.training.optimizer import make_optimizer
from farbench.training.stage import StageData, StageRun

ATTRIBUTES = 40
RATE = 1e-4


@dataclass(frozen=True)
class ReadyBatches:
    """Batches that lie in memory: what is measured is the loop, not its input."""

    batches: list[Batch]

    def train(self, *_: object) -> Iterator[Batch]:
        """Yield every batch once."""
        return iter(self.batches)

    def steps(self, _: int) -> int:
        """Return how many there are."""
        return len(self.batches)


def measure(
    backbone: str = "resnet10t",
    side: int = 64,
    batch_size: int = 36,
    steps: int = 12,
    rounds: int = 7,
    device: str = "cpu",
) -> dict[str, Ratio]:
    """Train an epoch with farbench's loop, and with the least that trains the same network.

    Both normalise uint8 images on the device, run the network, BCE over 40 attributes, the
    backward pass and Adam. The bare loop keeps no record at all.

    Args:
        backbone: timm's name; a small one shows the loop's share best.
        side: Of the images, in pixels.
        batch_size: Images a batch.
        steps: An epoch.
        rounds: Epochs of each that count, in turn.
        device: Where.

    Returns:
        ``wall`` and ``cpu``: farbench's seconds divided by those of the bare loop.
    """
    compute = Compute(torch.device(device), "float32", torch.get_num_threads())
    run = stage_of(backbone, side)
    batches = [drawn_batch(batch_size, side, number) for number in range(steps)]
    networks = [compute.place(run.build()) for _ in range(2)]
    timed = time_in_turn(
        {
            "farbench": farbench_loop(run, networks[0], batches, compute),
            "bare": bare_loop(networks[1], batches, compute),
        },
        rounds,
    )
    loop, bare = timed["farbench"], timed["bare"]
    return {"wall": ratio(loop.wall, bare.wall), "cpu": ratio(loop.cpu, bare.cpu)}


def drawn_batch(count: int, side: int, seed: int) -> Batch:
    """Return a batch of noise."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)
    targets = torch.randint(0, 2, (count, ATTRIBUTES), dtype=torch.int8, generator=generator)
    return Batch(images, None, {"attributes": targets}, np.arange(count))


def stage_of(backbone: str, side: int) -> StageRun:
    """Return a stage of the linear head, as a plan would make it."""
    registry = load_plugins(())
    task = BinaryAttributes("attributes", tuple(f"a{number}" for number in range(ATTRIBUTES)))
    statistics = {task.name: TrainStatistics(prevalence=(0.5,) * ATTRIBUTES)}
    head: Any = registry.methods["linear_head"].value
    return StageRun(
        stage=Stage("joint", head(backbone=backbone)),
        problem=Problem((task,), side, statistics, pretrained=False),
        protocol=Protocol(name="bench", schedule="constant"),
        losses={task.name: registry.losses["bce"].value()},
        weighting=registry.weightings["equal"].value(),
        epochs=1,
        learning_rate=RATE,
        seed=0,
        identity=Identity({}, {}, {}),
        parent=None,
    )


def farbench_loop(
    run: StageRun, network: nn.Module, batches: list[Batch], compute: Compute
) -> Callable[[], object]:
    """Return an epoch of farbench's loop."""
    loss = run.build_loss(network).to(compute.device)
    optimizer = make_optimizer(list(network.parameters()), run.protocol, RATE, compute)
    forward = Forward(network, run.problem.tasks, compute, masked=False)
    nowhere = np.arange(0)
    data = StageData(cast(Any, ReadyBatches(batches)), cast(Any, None), {}, nowhere, nowhere)
    return lambda: train_epoch(run, 1, forward, loss, optimizer, data, lambda *_: None)


def bare_loop(network: nn.Module, batches: list[Batch], compute: Compute) -> Callable[[], object]:
    """Return an epoch of the least that trains the same network to the same weights."""
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    scale, shift = (1 / (255 * std)).to(compute.device), (-mean / std).to(compute.device)
    criterion = nn.functional.binary_cross_entropy_with_logits

    def epoch() -> float:
        network.train()
        for batch in batches:
            pixels = batch.images.to(compute.device, non_blocking=True).permute(0, 3, 1, 2)
            images = torch.addcmul(shift, pixels.float(), scale)
            targets = batch.targets["attributes"].to(compute.device, non_blocking=True).float()
            value = criterion(network(images)["attributes"], targets)
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return float(value.detach())  # wait for the device, as the other loop does at its end

    return epoch
