"""A stage from its first epoch, or the one after the last that was finished, to its weights."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from farbench.benchmark.advice import how_to_test
from farbench.data.randomness import stream_key
from farbench.errors import CellFailed
from farbench.store.atomic import write_with
from farbench.training.checkpoint import Checkpoint
from farbench.training.device import Compute, Forward
from farbench.training.distributed import epoch_together, share_weights
from farbench.training.epoch import train_epoch
from farbench.training.faster_steps import speed_up
from farbench.training.memory import enough_memory
from farbench.training.optimizer import make_optimizer
from farbench.training.predict import Outputs
from farbench.training.stage import CHECKPOINT, TERMS, WEIGHTS, Listeners, StageData, StageRun
from farbench.training.terms import TrainingLoss, mean_terms
from farbench.training.validation import keep_valid_outputs, validate
from farbench.training.weights import freeze, hand_on, save_weights, set_to_train


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
        parent_weights: Weights of the stage before, see
            :func:`farbench.training.weights.hand_on`.
        data: Images and labels.
        compute: Device and precision.
        listeners: Told of progress.

    Returns:
        The artifact's meta data: history, steps, rates, the epoch selected.

    Raises:
        CellFailed: The loss is not finite, or there is not enough memory.
    """
    with enough_memory(run.stage.name, run.protocol, compute.device):
        # A function of its own, for its frame holds the device's memory and can be cleared.
        return _train(run, folder, parent_weights, data, compute, listeners)


@dataclass
class BegunStage:
    """A stage before its next epoch: the first, or the one after the last that was finished."""

    forward: Forward
    loss: TrainingLoss
    optimizer: torch.optim.Optimizer
    state: Checkpoint


def begin_stage(
    run: StageRun, folder: Path, parent_weights: Path | None, compute: Compute
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
        run.protocol.part_size,
        together=compute.ranks > 1,
    )
    return BegunStage(forward, loss, optimizer, state)


def _train(
    run: StageRun,
    folder: Path,
    parent_weights: Path | None,
    data: StageData,
    compute: Compute,
    listeners: Listeners,
) -> dict[str, Any]:
    begun = begin_stage(run, folder, parent_weights, compute)
    forward, state = begun.forward, begun.state
    network, best = forward.network, run.protocol.selection == "best_valid"
    set_to_train(network, run.stage.frozen)
    whole_batch = min(data.batches.batch_size, len(data.train))
    faster = speed_up(forward, run.speedups, data.batches, whole_batch, listeners.note)
    predicted: tuple[int, Outputs] | None = None
    for epoch in range(state.epoch + 1, run.epochs + 1):
        values = _train_epoch(run, begun, epoch, data, listeners)
        scores, merit, outputs = validate(run, forward, data)
        values |= scores
        state.finish_epoch(epoch, values, keep_best=merit if best else None)
        if state.best is None or state.best["epoch"] == epoch:
            predicted = epoch, outputs
        listeners.epoch(run.stage.name, epoch, values)
    selected = state.select()
    write_with(folder / WEIGHTS, lambda path: save_weights(network, path))
    if predicted is not None and predicted[0] == selected:
        keep_valid_outputs(folder, predicted[1])
    if state.terms:
        np.save(folder / TERMS, torch.cat(state.terms).numpy())
    steps = run.epochs * data.batches.steps(len(data.train))
    return {
        "identity": run.identity.as_dict(),
        "stage": run.stage.name,
        "epochs": run.epochs,
        "epoch_selected": selected,
        "steps": steps,
        "trunk_steps": 0 if "trunk" in run.stage.frozen else steps,
        "terms": list(begun.loss.names),
        "faster": faster,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "images_per_second": float(np.median([row["images_per_second"] for row in state.history])),
        "minutes": state.seconds / 60,
        "history": state.history,
    }


def _train_epoch(
    run: StageRun, begun: BegunStage, epoch: int, data: StageData, listeners: Listeners
) -> dict[str, float]:
    """Train an epoch; return what its line of the history says of it.

    Raises:
        CellFailed: The loss is not finite.
    """
    loss, optimizer = begun.loss, begun.optimizer
    # Dropout's numbers belong to (seed, stage, epoch), so that a resume changes nothing.
    torch.manual_seed(stream_key(run.seed, run.stage.name, epoch, "step"))
    started = time.perf_counter()
    with epoch_together(epoch):
        done = train_epoch(run, epoch, begun.forward, loss, optimizer, data, listeners.step)
    seconds = time.perf_counter() - started
    if not math.isfinite(done.loss):
        raise CellFailed(_not_finite(run, done.loss, epoch))
    values = {
        "loss": done.loss,
        "learning_rate": optimizer.param_groups[0]["lr"],
        "images_per_second": done.images / seconds,
        "input_share": done.waited / seconds,
    }
    if len(loss.terms) > 1:
        means = mean_terms(done.terms)
        loss.epoch_ended(means[0])
        begun.state.terms.append(done.terms.cpu())
        for name, (mean, weight) in zip(loss.names, means.T.tolist(), strict=True):
            values |= {f"loss_{name}": mean, f"weight_{name}": weight}
    return values


def _not_finite(run: StageRun, loss: float, epoch: int) -> str:
    """Say that a loss is not finite, and what may help."""
    losses = {one.name: one for one in run.losses.values()}
    named = " or ".join(f"'{name}'" for name in losses)
    tests = " or ".join(f"`{how_to_test(one)}`" for one in losses.values())
    return (
        f"the loss of stage '{run.stage.name}' became {loss} in epoch {epoch}; try a lower "
        f"protocol.learning_rate, and where loss {named} is yours, {tests}"
    )
