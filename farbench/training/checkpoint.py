"""What a stage must remember between epochs, on disk after each, so that a kill costs one epoch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from farbench.store.atomic import write_with


class Checkpoint:
    """The network, loss and optimizer of a stage, its history and its best weights so far.

    Attributes:
        epoch: The last finished epoch; 0 before the first.
        seconds: Spent on all finished epochs, over all runs.
        history: One record a finished epoch.
        best: Score, epoch and weights of the best epoch, if one is looked for.
        terms: An epoch each ``(steps, 2, T)``: losses and weights of the T terms in every step.
    """

    def __init__(
        self, path: Path, network: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        """Bind what is remembered; :meth:`resume` reads what is on disk."""
        self.path, self.network, self.loss, self.optimizer = path, network, loss, optimizer
        self.epoch, self.seconds = 0, 0.0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.terms: list[Tensor] = []
        self._since = time.perf_counter()

    def resume(self) -> None:
        """Go on from the checkpoint if there is one. (It is weights and numbers, not code.)"""
        if not self.path.is_file():
            return
        saved = torch.load(self.path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(saved["network"])
        self.loss.load_state_dict(saved["loss"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.epoch, self.seconds = saved["epoch"], saved["seconds"]
        self.history, self.best = saved["history"], saved["best"]
        self.terms = saved["terms"]

    def finish_epoch(self, epoch: int, values: dict[str, float], keep_best: float | None) -> None:
        """Record an epoch; with ``keep_best`` (higher is better) remember the best weights."""
        self.epoch = epoch
        self.history.append({"epoch": epoch, **values})
        if keep_best is not None and (self.best is None or keep_best > self.best["score"]):
            weights = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
            self.best = {"score": keep_best, "epoch": epoch, "network": weights}
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now
        saved = {
            "network": self.network.state_dict(),
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "history": self.history,
            "best": self.best,
            "terms": self.terms,
        }
        write_with(self.path, lambda path: torch.save(saved, path))

    def select(self) -> int:
        """Load the selected weights into the network and return their epoch."""
        if self.best is None:
            return self.epoch
        self.network.load_state_dict(self.best["network"])
        return int(self.best["epoch"])
