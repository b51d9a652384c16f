"""The hooks: what a plugin may provide, and the life-cycle a logger may follow.

Hooks that provide return data; none registers anything by a side effect. Mark an implementation
with ``farbench.hookimpl``; a misspelt hook is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from farbench.plugins.corruption import Corruption
    from farbench.plugins.dataset import Dataset
    from farbench.plugins.events import CellEvent, EpochEvent
    from farbench.plugins.grouping import Grouping
    from farbench.plugins.health import HealthCheck
    from farbench.plugins.keypoints import KeypointModel
    from farbench.plugins.loss import Loss
    from farbench.plugins.method import Method
    from farbench.plugins.weighting import TaskWeighting

PROJECT = "farbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def farbench_methods() -> Sequence[type[Method]]:  # type: ignore[empty-body]
    """Return the methods that this plugin provides."""


@hookspec
def farbench_datasets() -> Sequence[type[Dataset]]:  # type: ignore[empty-body]
    """Return the data sets that this plugin provides."""


@hookspec
def farbench_losses() -> Sequence[type[Loss]]:  # type: ignore[empty-body]
    """Return the losses that this plugin provides."""


@hookspec
def farbench_weightings() -> Sequence[type[TaskWeighting]]:  # type: ignore[empty-body]
    """Return the task weightings that this plugin provides."""


@hookspec
def farbench_keypoints() -> Sequence[type[KeypointModel]]:  # type: ignore[empty-body]
    """Return the keypoint models that this plugin provides."""


@hookspec
def farbench_groupings() -> Sequence[Grouping]:  # type: ignore[empty-body]
    """Return the attribute groupings that this plugin provides."""


@hookspec
def farbench_corruptions() -> Sequence[type[Corruption]]:  # type: ignore[empty-body]
    """Return the corruptions that this plugin provides."""


@hookspec
def farbench_cell_started(cell: CellEvent) -> None:
    """Follow a cell: its training is about to start (or to go on)."""


@hookspec
def farbench_epoch_ended(cell: CellEvent, epoch: EpochEvent) -> None:
    """Follow a cell: one epoch of one stage has ended."""


@hookspec
def farbench_cell_finished(cell: CellEvent, metrics: Mapping[str, Mapping[str, object]]) -> None:
    """Follow a cell: its predictions are scored and stored."""


@hookspec
def farbench_cell_failed(cell: CellEvent, reason: str) -> None:
    """Follow a cell: it could not be finished, for a reason of one line."""


@hookspec
def farbench_health_checks() -> Sequence[HealthCheck]:  # type: ignore[empty-body]
    """Return what ``farbench doctor`` is to look at as well."""
