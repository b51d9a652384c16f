"""One stage of training as an artifact: its identity, and how it is trained or picked up again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from farbench.benchmark.advice import how_to_test
from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.randomness import stream_key
from farbench.errors import CellFailed
from farbench.plugins.loss import Loss
from farbench.plugins.method import Problem, Stage
from farbench.plugins.weighting import TaskWeighting
from farbench.store.artifacts import PROGRESS
from farbench.store.atomic import write_with
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import Compute, Forward
from farbench.training.distributed import epoch_together, share_weights
from farbench.training.faster_steps import NO_SPEEDUPS, Speedups, speed_up
from farbench.training.memory import enough_memory
from farbench.training.optimizer import learning_rate_at, make_optimizer, set_learning_rate
from farbench.training.terms import TrainingLoss, mean_terms
from farbench.training.validation import keep_valid_outputs, validate

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
        CellFailed: The loss is not finite, or there is not enough memory.
    """
    with enough_memory(run.stage.name, run.protocol, compute.device):
        return _train(run, folder, parent_weights, data, compute, listeners)


@dataclass
class BegunStage:
    """A stage before its next epoch: the first, or the one after the last that was finished."""

    network: nn.Module
    loss: TrainingLoss
    optimizer: torch.optim.Optimizer
    state: Checkpoint
    forward: Forward


def begin_stage(
    run: StageRun,
    folder: Path,
    parent_weights: Path | None,
    data: StageData,
    compute: Compute,
) -> BegunStage:
    """Build what a stage trains, or pick it up again; the arguments are :func:`train_stage`'s."""
    torch.set_num_threads(compute.threads)
    network = compute.place(run.build())
    if parent_weights is not None:
        hand_on(network, load_file(parent_weights))
    loss = run.build_loss(network).to(compute.device)
    trained = freeze(network, run.stage.frozen)
    optimizer = make_optimizer(
        [*trained, *loss.modules_by_term.parameters()],
        run.protocol,
        run.learning_rate,
        compute,
        list(loss.weighting.parameters()) if loss.weighting is not None else (),
        run.weighting.learning_rate(run.learning_rate),
    )
    state = Checkpoint(folder / CHECKPOINT, network, loss, optimizer)
    state.resume()
    if compute.ranks > 1:
        share_weights(network)
    forward = Forward(
        network,
        run.problem.tasks,
        compute,
        run.masked,
        run.protocol.parts_of,
        together=compute.ranks > 1,
    )
    return BegunStage(network, loss, optimizer, state, forward)


def _train(
    run: StageRun,
    folder: Path,
    parent_weights: Path | None,
    data: StageData,
    compute: Compute,
    listeners: Listeners,
) -> dict[str, Any]:
    begun = begin_stage(run, folder, parent_weights, data, compute)
    network, loss, optimizer = begun.network, begun.loss, begun.optimizer
    state, forward = begun.state, begun.forward
    steps = data.batches.steps(len(data.train))
    set_to_train(run, network)
    whole_batch = min(data.batches.batch_size, len(data.train))
    faster = speed_up(forward, run.speedups, data.batches, whole_batch, listeners.note)
    predicted: tuple[int, dict[str, NDArray[np.float32]]] | None = None
    for epoch in range(state.epoch + 1, run.epochs + 1):
        # Dropout's numbers belong to (seed, stage, epoch), so that a resume changes nothing.
        torch.manual_seed(stream_key(run.seed, run.stage.name, epoch, "step"))
        started = time.perf_counter()
        with epoch_together(epoch):
            mean_loss, seen, waited, terms = train_epoch(
                run, epoch, steps, forward, loss, optimizer, data, listeners.step
            )
        values = {
            "loss": mean_loss,
            "learning_rate": optimizer.param_groups[0]["lr"],
            "images_per_second": seen / (time.perf_counter() - started),
            "input_share": waited / (time.perf_counter() - started),
        }
        if len(loss.terms) > 1:
            means = mean_terms(terms)
            loss.epoch_ended(means[0])
            state.terms.append(terms.cpu())
            for name, (one, weight) in zip(loss.names, means.T.tolist(), strict=True):
                values |= {f"loss_{name}": one, f"weight_{name}": weight}
        if not math.isfinite(mean_loss):
            raise CellFailed(_not_finite(run, mean_loss, epoch))
        scores, merit, outputs = validate(run, forward, data)
        values |= scores
        best = run.protocol.selection == "best_valid"
        state.finish_epoch(epoch, values, keep_best=merit if best else None)
        if state.best is None or state.best["epoch"] == epoch:
            predicted = epoch, outputs
        listeners.epoch(run.stage.name, epoch, values)
    selected = state.select()
    write_with(folder / WEIGHTS, lambda path: _save(network, path))
    if predicted is not None and predicted[0] == selected:
        keep_valid_outputs(folder, predicted[1])
    if state.terms:
        np.save(folder / TERMS, torch.cat(state.terms).numpy())
    return {
        "identity": run.identity.as_dict(),
        "stage": run.stage.name,
        "epochs": run.epochs,
        "epoch_selected": selected,
        "steps": steps * run.epochs,
        "trunk_steps": 0 if "trunk" in run.stage.frozen else steps * run.epochs,
        "terms": list(loss.names),
        "faster": faster,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "images_per_second": float(np.median([row["images_per_second"] for row in state.history])),
        "minutes": state.seconds / 60,
        "history": state.history,
    }


def _not_finite(run: StageRun, loss: float, epoch: int) -> str:
    """Say that a loss is not finite, and what may help."""
    losses = {one.name: one for one in run.losses.values()}
    named = " or ".join(f"'{name}'" for name in losses)
    tests = " or ".join(f"`{how_to_test(one)}`" for one in losses.values())
    return (
        f"the loss of stage '{run.stage.name}' became {loss} in epoch {epoch}; try a lower "
        f"protocol.learning_rate, and where loss {named} is yours, {tests}"
    )


def hand_on(network: nn.Module, weights: dict[str, Tensor]) -> int:
    """Copy the parameters and buffers of modules where names and shapes agree; return how many.

    A module is copied whole or not at all: the last layer of a head is worth nothing behind a
    first layer that starts afresh because its shape differs. A network whose modules have other
    names than those they start from has a method ``adopt(weights)``, which returns the weights
    under its own names.
    """
    adopt = getattr(network, "adopt", None)
    if adopt is not None:
        weights = adopt(weights)
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


def train_epoch(
    run: StageRun,
    epoch: int,
    steps: int,
    forward: Forward,
    loss: TrainingLoss,
    optimizer: torch.optim.Optimizer,
    data: StageData,
    listener: StepListener,
) -> tuple[float, int, float, Tensor]:
    """Train one epoch; nothing in a step waits for the device.

    Returns:
        The mean loss, the images seen, the seconds spent waiting, and float32 ``(steps, 2, T)``
        on the device: loss and weight of each term in every step.
    """
    set_to_train(run, forward.network)
    loss.train()
    device = forward.compute.device
    total = torch.zeros((), device=device, dtype=torch.float64)
    terms = torch.zeros((steps, 2, len(loss.terms)), device=device)
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
        set_learning_rate(optimizer, rate)
        value, terms[step, 0], terms[step, 1] = loss(forward(batch), forward.targets(batch))
        optimizer.zero_grad(set_to_none=True)
        forward.backward(value)
        optimizer.step()
        # Summed on the device: reading a value each step would wait for the device each step.
        total += value.detach() * len(batch.positions)
        seen += len(batch.positions)
        listener(run.stage.name, epoch, step + 1, steps)
        asked = time.perf_counter()
    return float(total) / max(seen, 1), seen, waited, terms


def set_to_train(run: StageRun, network: nn.Module) -> None:
    """Put what is trained into training mode, and what is frozen into eval mode."""
    network.train()
    for name in run.stage.frozen:
        network.get_submodule(name).eval()


def _save(network: nn.Module, path: Path) -> None:
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, path)
