"""One stage of training as an artifact: its identity, and how it is trained or picked up again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batches
from farbench.data.randomness import stream_key
from farbench.errors import CellFailed
from farbench.plugins.loss import Loss
from farbench.plugins.method import Problem, Stage
from farbench.scoring.metrics import score_attributes
from farbench.store.atomic import write_with
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import Compute, Forward
from farbench.training.optimizer import learning_rate_at, make_optimizer
from farbench.training.predict import predict

WEIGHTS = "weights.safetensors"
CHECKPOINT = "checkpoint.pt"

EpochListener = Callable[[str, int, dict[str, float]], None]
StepListener = Callable[[str, int, int, int], None]


@dataclass(frozen=True)
class StageData:
    """What a stage trains on.

    Attributes:
        batches: Makes batches, with masks if the stage's method asks for them.
        train: Positions of the train split.
        valid: Positions of the valid split.
    """

    batches: Batches
    train: NDArray[np.int64]
    valid: NDArray[np.int64]


@dataclass(frozen=True)
class StageRun:
    """A stage that can be trained: all that its result depends on.

    Attributes:
        stage: Name, method and what is frozen.
        problem: What its network is built for.
        protocol: Training settings (only those in the identity's recipe are used).
        loss: The loss with its options.
        epochs: Epochs of this stage.
        learning_rate: Of this stage.
        seed: The cell's seed.
        identity: Its key names the artifact.
        parent: The stage that it starts from.
    """

    stage: Stage
    problem: Problem
    protocol: Protocol
    loss: Loss
    epochs: int
    learning_rate: float
    seed: int
    identity: Identity
    parent: StageRun | None

    @property
    def masked(self) -> bool:
        """Whether the network is called with masks."""
        return self.stage.method.mask_request() is not None

    def build(self) -> nn.Module:
        """Build the network with its initial weights, which (seed, stage name) decide."""
        torch.manual_seed(stream_key(self.seed, self.stage.name, "init"))
        return self.stage.method.build(self.problem)


@dataclass
class Listeners:
    """Who is told of progress: after an epoch, and after a step (stage, epoch, step, steps)."""

    epoch: EpochListener
    step: StepListener


def train_stage(
    run: StageRun,
    folder: Path,
    parent_weights: Path | None,
    data: StageData,
    compute: Compute,
    listeners: Listeners,
) -> dict[str, Any]:
    """Train a stage to its end, from its last finished epoch if there is one.

    Args:
        run: What to train.
        folder: The artifact's folder; the checkpoint and the weights are written there.
        parent_weights: Weights of the stage before, see :func:`hand_on`.
        data: Images and labels.
        compute: Device and precision.
        listeners: Told of progress.

    Returns:
        The artifact's meta data: history, steps, rates, the epoch selected.

    Raises:
        CellFailed: The loss is not finite.
    """
    torch.set_num_threads(compute.threads)
    network = compute.place(run.build())
    if parent_weights is not None:
        hand_on(network, load_file(parent_weights))
    loss = run.loss.build(len(run.problem.task.attributes)).to(compute.device)
    trained = freeze(network, run.stage.frozen)
    optimizer = make_optimizer(trained, run.protocol, run.learning_rate, compute)
    state = Checkpoint(folder / CHECKPOINT, network, loss, optimizer)
    state.resume()
    forward = Forward(network, run.problem.task.name, compute, run.masked)
    steps = data.batches.steps(len(data.train))
    for epoch in range(state.epoch + 1, run.epochs + 1):
        # Dropout's numbers belong to (seed, stage, epoch), so that a resume changes nothing.
        torch.manual_seed(stream_key(run.seed, run.stage.name, epoch, "step"))
        started = time.perf_counter()
        mean_loss, seen, waited = _epoch(
            run, epoch, steps, forward, loss, optimizer, data, listeners.step
        )
        values = {
            "loss": mean_loss,
            "learning_rate": optimizer.param_groups[0]["lr"],
            "images_per_second": seen / (time.perf_counter() - started),
            "input_share": waited / (time.perf_counter() - started),
        }
        if not math.isfinite(mean_loss):
            raise CellFailed(
                f"the loss of stage '{run.stage.name}' became {mean_loss} in epoch {epoch}; "
                "try a lower protocol.learning_rate"
            )
        scores = _validate(run, forward, data)
        values |= scores
        best = run.protocol.selection == "best_valid"
        state.finish_epoch(epoch, values, keep_best=scores["valid_mA"] if best else None)
        listeners.epoch(run.stage.name, epoch, values)
    selected = state.select()
    write_with(folder / WEIGHTS, lambda path: _save(network, path))
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return {
        "identity": run.identity.as_dict(),
        "stage": run.stage.name,
        "epochs": run.epochs,
        "epoch_selected": selected,
        "steps": steps * run.epochs,
        "trunk_steps": 0 if "trunk" in run.stage.frozen else steps * run.epochs,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "images_per_second": float(np.median([row["images_per_second"] for row in state.history])),
        "minutes": state.seconds / 60,
        "history": state.history,
    }


def hand_on(network: nn.Module, weights: dict[str, Tensor]) -> int:
    """Copy the parameters and buffers of modules where names and shapes agree; return how many.

    A module is copied whole or not at all: the last layer of a head is worth nothing behind a
    first layer that starts afresh because its shape differs.
    """
    target = network.state_dict()
    differing = {
        key.rpartition(".")[0]
        for key, value in target.items()
        if key not in weights or weights[key].shape != value.shape
    }
    shared = {key: weights[key] for key in target if key.rpartition(".")[0] not in differing}
    network.load_state_dict(shared, strict=False)
    return len(shared)


def freeze(network: nn.Module, frozen: tuple[str, ...]) -> list[nn.Parameter]:
    """Stop the training of submodules and return the parameters that are trained.

    Raises:
        CellFailed: The network has no such submodule.
    """
    children = dict(network.named_children())
    for name in frozen:
        if name not in children:
            raise CellFailed(
                f"the stage freezes '{name}', but the network has only {', '.join(children)}"
            )
        children[name].requires_grad_(False)
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _epoch(
    run: StageRun,
    epoch: int,
    steps: int,
    forward: Forward,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: StageData,
    listener: StepListener,
) -> tuple[float, int, float]:
    """Train one epoch; return the mean loss, the images seen and the seconds spent waiting."""
    network = forward.network
    network.train()
    for name in run.stage.frozen:
        network.get_submodule(name).eval()
    loss.train()
    device = forward.compute.device
    total = torch.zeros((), device=device, dtype=torch.float64)
    seen, waited = 0, 0.0
    batches = data.batches.train(
        data.train, run.protocol.augmentation, run.seed, run.stage.name, epoch
    )
    asked = time.perf_counter()
    for step, batch in enumerate(batches):
        waited += time.perf_counter() - asked
        rate = learning_rate_at(
            run.protocol, run.learning_rate, (epoch - 1) * steps + step, steps * run.epochs
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = forward(batch)
        value = loss(logits, batch.targets.to(device, non_blocking=True).float())
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        # Summed on the device: reading a value each step would wait for the device each step.
        total += value.detach() * len(batch.positions)
        seen += len(batch.positions)
        listener(run.stage.name, epoch, step + 1, steps)
        asked = time.perf_counter()
    return float(total) / max(seen, 1), seen, waited


def _validate(run: StageRun, forward: Forward, data: StageData) -> dict[str, float]:
    logits = predict(forward, data.batches, data.valid)
    targets = data.batches.targets[data.valid]
    if not np.isfinite(logits).all():
        raise CellFailed(f"stage '{run.stage.name}' predicts values that are not finite")
    scores = score_attributes(logits, targets, run.problem.task.attributes)
    if scores["mA"] is None:
        raise CellFailed(
            f"mA is undefined on the valid split ({len(targets)} images): no attribute has both a "
            "positive and a negative there; take more images"
        )
    return {f"valid_{name}": float(scores[name]) for name in ("accuracy", "mA")}


def _save(network: nn.Module, path: Path) -> None:
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, path)
