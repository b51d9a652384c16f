"""What a helper does while the leader trains a stage: its part of every step, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from farbench.data.randomness import stream_key
from farbench.training.device import Compute
from farbench.training.distributed import epochs_of_leader, rank
from farbench.training.epoch import scheduled_batches
from farbench.training.stage import StageData, StageRun
from farbench.training.train import begin_stage
from farbench.training.weights import set_to_train


@dataclass(frozen=True)
class Assignment:
    """A stage that helpers take part in, as plain data: it is pickled and travels.

    Attributes:
        cell: Name of the folder of a cell that has the stage.
        stage: Key of the stage.
        folder: Where the stage is made; a checkpoint may lie there.
        parent_weights: Of the stage before, if there is one.
    """

    cell: str
    stage: str
    folder: Path
    parent_weights: Path | None


def assist_stage(run: StageRun, assignment: Assignment, data: StageData, compute: Compute) -> None:
    """Make the leader's steps with it. Losses, scores and files are the leader's.

    Args:
        run: The stage.
        assignment: Where its files are.
        data: Images and labels; its batches hold this process's part.
        compute: Device and precision.
    """
    begun = begin_stage(run, assignment.folder, assignment.parent_weights, compute)
    forward, optimizer = begun.forward, begun.optimizer
    for epoch in epochs_of_leader():
        # Dropout's numbers must not be those of another part of the batch.
        torch.manual_seed(stream_key(run.seed, run.stage.name, epoch, "step", rank()))
        set_to_train(forward.network, run.stage.frozen)
        for batch in scheduled_batches(run, epoch, optimizer, data):
            forward(batch)
            optimizer.zero_grad(set_to_none=True)
            forward.backward(None)
            optimizer.step()
