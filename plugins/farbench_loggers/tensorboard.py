"""Follows cells in TensorBoard: one run a cell, in ``<results>/<benchmark>/tensorboard/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench import CellEvent, EpochEvent, hookimpl
from farbench_loggers.needs import need
from farbench_loggers.values import Epoch, epochs, scores, settings

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

need("tensorboard", ["tensorboard"])

FOLDER = "tensorboard"


@dataclass
class _Log:
    """The open log of a cell, and the epochs that are in it."""

    writer: SummaryWriter
    told: set[tuple[str, int]] = field(default_factory=set)

    def add(self, epoch: Epoch) -> None:
        """Write an epoch once: its number counts in its stage, so each stage has its charts."""
        if (epoch.stage, epoch.number) in self.told:
            return
        self.told.add((epoch.stage, epoch.number))
        for name, value in epoch.values.items():
            self.writer.add_scalar(f"{epoch.stage}/{name}", value, epoch.number)


_logs: dict[Path, _Log] = {}


def _begin(cell: CellEvent) -> _Log:
    """Return a cell's log, empty."""
    from torch.utils.tensorboard import SummaryWriter

    folder = cell.folder.parent / FOLDER / cell.folder.name
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    return _Log(SummaryWriter(str(folder)))


@hookimpl
def farbench_cell_started(cell: CellEvent) -> None:
    """Begin the cell's log; after a kill it begins anew, and misses nothing at its end."""
    _logs[cell.folder] = _begin(cell)


@hookimpl
def farbench_epoch_ended(cell: CellEvent, epoch: EpochEvent) -> None:
    """Write an epoch; it can be seen at once."""
    log = _logs[cell.folder]
    log.add(Epoch(epoch.stage, epoch.epoch, epoch.values))
    log.writer.flush()


@hookimpl
def farbench_cell_finished(cell: CellEvent, metrics: Mapping[str, Mapping[str, object]]) -> None:
    """Write epochs of stages from the cache, the scores, and the settings as hyperparameters."""
    from torch.utils.tensorboard.summary import hparams

    log = _logs.pop(cell.folder)
    every = list(epochs(cell.folder))
    missing = {epoch.stage for epoch in every if (epoch.stage, epoch.number) not in log.told}
    if any(stage in missing for stage, _ in log.told):
        # The stage was begun before a kill. Its first epochs must not come after its last ones.
        log.writer.close()
        log = _begin(cell)
    try:
        for epoch in every:
            log.add(epoch)
        found = scores(metrics)
        for name, value in found.items():
            log.writer.add_scalar(name, value, 0)
        into: Any = log.writer.file_writer
        for summary in hparams(settings(cell.folder), found):  # type: ignore[no-untyped-call]
            into.add_summary(summary)
    finally:
        log.writer.close()


@hookimpl
def farbench_cell_failed(cell: CellEvent, reason: str) -> None:
    """Write why, if the cell's log is open in this process."""
    log = _logs.pop(cell.folder, None)
    if log is not None:
        log.writer.add_text("failed", reason)
        log.writer.close()
