"""A row with its plugins: the names in its protocol stand for a method, losses, a weighting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.methods import refuse_unheard_of, resolve_method
from farbench.benchmark.named import resolve_plugin
from farbench.benchmark.places import KeyPath, Places
from farbench.benchmark.schema import Protocol, Row
from farbench.benchmark.tasks import fitting_loss
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.plugins.registry import Registry
from farbench.plugins.weighting import TaskWeighting
from farbench.tasks import DEFAULT_LOSSES
from farbench.tasks.base import Task


@dataclass(frozen=True)
class ResolvedRow:
    """A row with its own protocol and its plugins, options checked.

    Attributes:
        row: As written.
        protocol: The benchmark's with the row's own changes.
        method: With its options, and with the protocol's substitute for its backbone.
        losses: By task or by kind of task.
        weighting: How the losses are joined.
        keypoints: None only where the protocol says ``auto`` and no such plugin is installed.
        asked_backbone: The method's before the protocol put another one in its place.
    """

    row: Row
    protocol: Protocol
    method: Method
    losses: Mapping[str, Loss]
    weighting: TaskWeighting
    keypoints: KeypointModel | None
    asked_backbone: str | None = None

    @property
    def substituted(self) -> dict[str, str]:
        """Return the backbone that was asked for and the one in its place, if there is one."""
        used = getattr(self.method, "backbone", None)
        asked = self.asked_backbone
        return {asked: used} if asked is not None and used is not None and asked != used else {}

    def loss_of(self, task: Task) -> Loss:
        """Return a task's loss: by its name, or by its kind.

        Raises:
            UserError: There is none, or it is made for another kind of task.
        """
        loss = self.losses.get(task.name, self.losses.get(task.kind))
        return fitting_loss(loss, task, f"row '{self.row.id}'")


def resolve_row(row: Row, loaded: LoadedBenchmark, registry: Registry) -> ResolvedRow:
    """Find and check what a row names.

    Raises:
        UserError: A name or option is unknown, or an option's value is wrong; with file and line.
    """
    protocol, places = loaded.protocol_of(row), loaded.places

    def path_of(key: str) -> KeyPath:
        """Return where a protocol key is written: in the row, or in the protocol."""
        return ("rows", row.id, "protocol", key) if key in row.protocol else ("protocol", key)

    asked, method = resolve_method(row, protocol, loaded, registry)
    refuse_unheard_of(protocol.method, registry, places, path_of("method"))
    losses = _resolve_losses(protocol, registry, places, path_of("loss"), path_of("losses"))
    weighting = resolve_plugin(
        "task weighting",
        registry.weightings,
        protocol.weighting,
        places,
        path_of("weighting"),
        registry.broken,
    )
    keypoints = _resolve_keypoints(protocol, registry, places, path_of("keypoints"))
    backbone = getattr(asked, "backbone", None)
    return ResolvedRow(row, protocol, method, losses, weighting, keypoints, backbone)


def _resolve_losses(
    protocol: Protocol,
    registry: Registry,
    places: Places,
    loss_path: KeyPath,
    losses_path: KeyPath,
) -> dict[str, Loss]:
    """Return the losses that a protocol names, by task or kind of task, and the usual others."""
    losses: dict[str, Loss] = {}
    for kind, usual in DEFAULT_LOSSES.items():
        if usual in registry.losses:
            losses[kind] = registry.losses[usual].value()
    losses["attributes"] = resolve_plugin(
        "loss", registry.losses, protocol.loss, places, loss_path, registry.broken
    )
    for key, spec in protocol.losses.items():
        losses[key] = resolve_plugin(
            "loss", registry.losses, spec, places, (*losses_path, key), registry.broken
        )
    return losses


def _resolve_keypoints(
    protocol: Protocol, registry: Registry, places: Places, path: KeyPath
) -> KeypointModel | None:
    """Return the protocol's keypoint model; None for ``auto`` where nobody provides it.

    Most methods need no keypoints, so the default must not fail without the plugin.
    """
    if protocol.keypoints == "auto" and "auto" not in registry.keypoints:
        return None
    return resolve_plugin(
        "keypoint model", registry.keypoints, protocol.keypoints, places, path, registry.broken
    )
