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

from farbench.benchmark.identity import Identity
from farbench.benchmark.schema import Protocol
from farbench.data.batches import Batches
from farbench.data.pack import PackedImages
from farbench.data.randomness import stream_key
from farbench.data.targets import to_predictions
from farbench.errors import CellFailed
from farbench.plugins.loss import Loss
from farbench.plugins.method import Problem, Stage
from farbench.plugins.weighting import TaskWeighting
from farbench.scoring.catalogue import HEADLINE, SELECTION
from farbench.scoring.score import as_stored, score
from farbench.store.artifacts import PROGRESS
from farbench.store.atomic import write_with
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import Compute, Forward
from farbench.training.optimizer import learning_rate_at, make_optimizer, set_learning_rate
from farbench.training.predict import predict
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
    forward = Forward(network, run.problem.tasks, compute, run.masked)
    steps = data.batches.steps(len(data.train))
    for epoch in range(state.epoch + 1, run.epochs + 1):
        # Dropout's numbers belong to (seed, stage, epoch), so that a resume changes nothing.
        torch.manual_seed(stream_key(run.seed, run.stage.name, epoch, "step"))
        started = time.perf_counter()
        mean_loss, seen, waited, terms = _epoch(
            run, epoch, steps, forward, loss, optimizer, data, listeners.step
        )
        values = {
            "loss": mean_loss,
            "learning_rate": optimizer.param_groups[0]["lr"],
            "images_per_second": seen / (time.perf_counter() - started),
            "input_share": waited / (time.perf_counter() - started),
        }
        if len(loss.terms) > 1:
            means = _mean_terms(terms)
            loss.epoch_ended(means[0])
            state.terms.append(terms.cpu())
            for name, (one, weight) in zip(loss.names, means.T.tolist(), strict=True):
                values |= {f"loss_{name}": one, f"weight_{name}": weight}
        if not math.isfinite(mean_loss):
            raise CellFailed(
                f"the loss of stage '{run.stage.name}' became {mean_loss} in epoch {epoch}; "
                "try a lower protocol.learning_rate"
            )
        scores, merit = _validate(run, forward, data)
        values |= scores
        best = run.protocol.selection == "best_valid"
        state.finish_epoch(epoch, values, keep_best=merit if best else None)
        listeners.epoch(run.stage.name, epoch, values)
    selected = state.select()
    write_with(folder / WEIGHTS, lambda path: _save(network, path))
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
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "images_per_second": float(np.median([row["images_per_second"] for row in state.history])),
        "minutes": state.seconds / 60,
        "history": state.history,
    }


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


def _epoch(
    run: StageRun,
    epoch: int,
    steps: int,
    forward: Forward,
    loss: TrainingLoss,
    optimizer: torch.optim.Optimizer,
    data: StageData,
    listener: StepListener,
) -> tuple[float, int, float, Tensor]:
    """Train one epoch.

    Returns:
        The mean loss, the images seen, the seconds spent waiting, and float32 ``(steps, 2, T)``
        on the device: loss and weight of each term in every step.
    """
    network = forward.network
    network.train()
    for name in run.stage.frozen:
        network.get_submodule(name).eval()
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
        value.backward()
        optimizer.step()
        # Summed on the device: reading a value each step would wait for the device each step.
        total += value.detach() * len(batch.positions)
        seen += len(batch.positions)
        listener(run.stage.name, epoch, step + 1, steps)
        asked = time.perf_counter()
    return float(total) / max(seen, 1), seen, waited, terms


def _mean_terms(terms: Tensor) -> Tensor:
    """Return the mean loss and weight ``(2, T)`` of each term over the steps that it was in.

    In joined data sets a batch may hold no sample of a task; its loss is then exactly 0.
    """
    there = (terms[:, :1] != 0).to(terms.dtype)
    return (terms * there).sum(0) / there.sum(0).clamp(min=1)


def _validate(run: StageRun, forward: Forward, data: StageData) -> tuple[dict[str, float], float]:
    """Score the valid split.

    Returns:
        The usual metrics of each task, and the mean over tasks of the metric that an epoch is
        chosen by.
    """
    outputs = predict(forward, data.batches, data.valid)
    values: dict[str, float] = {}
    merits = []
    tasks = run.problem.tasks
    for task in tasks:
        if not np.isfinite(outputs[task.name]).all():
            raise CellFailed(f"stage '{run.stage.name}' predicts values that are not finite")
        statistics = run.problem.statistics[task.name]
        predictions = to_predictions(
            task, outputs[task.name], statistics, data.packed, data.valid, data.batches.crop
        )
        scores = score(
            task,
            as_stored(task, predictions),
            data.labels[task.name][data.valid],
            sizes=data.packed.sizes[data.valid],
        )
        prefix = f"{task.name}." if len(tasks) > 1 else ""
        for metric in HEADLINE[task.kind]:
            if scores[metric] is not None:
                values[f"valid_{prefix}{metric}"] = scores[metric]
        merit = scores[SELECTION[task.kind]]
        if merit is None and run.protocol.selection == "best_valid":
            raise CellFailed(
                f"{SELECTION[task.kind]} of '{task.name}' is undefined on the valid split "
                f"({len(data.valid)} images), so no epoch can be chosen by it; take more images"
            )
        merits.append(max(merit or 0.0, 0.0))  # one task without a floor must not decide alone
    return values, sum(merits) / len(merits)


def _save(network: nn.Module, path: Path) -> None:
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, path)
