"""Turns the names in a benchmark into plugins with validated options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farbench.benchmark.datasets import refuse_twice, resolve_dataset
from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.named import (
    build,
    find_entry,
    nobody_provides,
    refuse_unknown,
    resolve_plugin,
    with_place,
)
from farbench.benchmark.places import KeyPath, Places, dotted
from farbench.benchmark.robustness import (
    AskedCorruptions,
    check_weights_kept,
    resolve_robustness,
)
from farbench.benchmark.schema import Protocol, Row
from farbench.benchmark.tasks import (
    check_method,
    check_metrics,
    choose_tasks,
    fitting_loss,
)
from farbench.errors import UserError, did_you_mean
from farbench.plugins.dataset import Dataset
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.method import Method
from farbench.plugins.registry import Entry, Registry
from farbench.plugins.weighting import TaskWeighting
from farbench.tasks import DEFAULT_LOSSES
from farbench.tasks.base import Task


@dataclass(frozen=True)
class ResolvedRow:
    """A row with its own protocol and its plugins, options checked.

    ``asked_backbone`` is the method's before the protocol put a smaller one in its place.

    ``losses`` are by task or by kind of task. ``keypoints`` is None only where the protocol says
    ``auto`` and no such plugin is installed.
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


@dataclass(frozen=True)
class ResolvedBenchmark:
    """A benchmark whose every name stands for a plugin."""

    loaded: LoadedBenchmark
    rows: tuple[ResolvedRow, ...]
    datasets: tuple[Dataset, ...]
    robustness: AskedCorruptions | None = None

    def tasks(self, row: Row, dataset: Dataset) -> tuple[Task, ...]:
        """Return what a row predicts on a data set: its own choice, or the benchmark's."""
        key: KeyPath = ("rows", row.id, "tasks") if row.tasks else ("tasks",)
        names = row.tasks or self.loaded.benchmark.tasks
        return choose_tasks(dataset, names, self.loaded.places.at(key))


def resolve_benchmark(loaded: LoadedBenchmark, registry: Registry) -> ResolvedBenchmark:
    """Find and check every method, loss, keypoint model and data set of a benchmark.

    Raises:
        UserError: A name or option is unknown, or an option's value is wrong; with file and line.
    """
    _check_method_options(loaded, registry)
    rows = []
    for row in loaded.benchmark.rows:
        protocol = loaded.protocol_of(row)
        method = resolve_row(row, protocol, registry, loaded.places, loaded.method_options)
        prefix: KeyPath = ("rows", row.id, "protocol")
        at = {
            key: _protocol_path(row, key, prefix)
            for key in ("loss", "losses", "weighting", "keypoints", "method")
        }
        check_protocol_method(protocol, registry, loaded.places, at["method"])
        losses = resolve_losses(protocol, registry, loaded.places, at["loss"], at["losses"])
        weighting = resolve_plugin(
            "task weighting",
            registry.weightings,
            protocol.weighting,
            loaded.places,
            at["weighting"],
            registry.broken,
        )
        points = resolve_keypoints(protocol, registry, loaded.places, at["keypoints"])
        as_asked = protocol.model_copy(update={"substitute": {}})
        asked = resolve_row(row, as_asked, registry, loaded.places, loaded.method_options)
        backbone = getattr(asked, "backbone", None)
        rows.append(ResolvedRow(row, protocol, method, losses, weighting, points, backbone))
    if loaded.unfilled_labels:
        raise UserError("\n".join(loaded.unfilled_labels))
    datasets = _resolve_datasets(loaded, registry)
    settings, robustness = loaded.benchmark.robustness, None
    if settings is not None:
        robustness = resolve_robustness(settings, registry, loaded.places)
        check_weights_kept({row.row.id: row.protocol for row in rows}, loaded.places)
    resolved = ResolvedBenchmark(loaded, tuple(rows), tuple(datasets), robustness)
    _check_tasks(resolved)
    return resolved


def _resolve_datasets(loaded: LoadedBenchmark, registry: Registry) -> list[Dataset]:
    """Return the data sets, or the one that they are joined to.

    Raises:
        UserError: One cannot be had, there is nothing to join, or two have the same name.
    """
    places = loaded.places
    datasets = [
        resolve_dataset(spec, registry, places, ("datasets", index))
        for index, spec in enumerate(loaded.benchmark.datasets)
    ]
    names = [dataset.name for dataset in datasets]
    if loaded.benchmark.join:
        if len(datasets) < 2:
            message = "there is one data set; name two or more to join."
            raise UserError(places.error(("join",), message))
        refuse_twice(names, places.at(("datasets",)))
        return [JoinedDataset(parts=tuple(datasets))]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = (
                f"'{name}' is given twice, and tables tell data sets apart by their names. Write a "
                "benchmark for each: one may extend the other"
            )
            raise UserError(places.error(("datasets", index), message))
    return datasets


def _check_tasks(benchmark: ResolvedBenchmark) -> None:
    """Refuse tasks that a data set lacks, a method or loss cannot serve, or a metric is not of."""
    places = benchmark.loaded.places
    every: dict[Task, None] = {}
    for row in benchmark.rows:
        for dataset in benchmark.datasets:
            tasks = benchmark.tasks(row.row, dataset)
            every |= dict.fromkeys(tasks)
            check_method(row.method, tasks, places.at(("rows", row.row.id)))
            for task in tasks:
                row.loss_of(task)
    check_metrics(benchmark.loaded.benchmark.metrics, list(every), places)


def resolve_losses(
    protocol: Protocol,
    registry: Registry,
    places: Places,
    loss_path: KeyPath,
    losses_path: KeyPath,
) -> dict[str, Loss]:
    """Return the losses that a protocol names, by task or kind of task, and the usual others.

    Raises:
        UserError: A name or option is unknown, or a value is wrong.
    """
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


def _protocol_path(row: Row, key: str, prefix: KeyPath) -> KeyPath:
    """Return where a protocol key of a row is written: in the row, or in the protocol."""
    return (*prefix, key) if key in row.protocol else ("protocol", key)


def resolve_row(
    row: Row,
    protocol: Protocol,
    registry: Registry,
    places: Places,
    overrides: Mapping[str, Any] | None = None,
) -> Method:
    """Return the row's method with its options.

    Options come from ``overrides``, else the row, else ``protocol.method`` (as far as the method
    has them), else the method's defaults. A backbone with a substitute in the protocol is replaced
    last.

    Args:
        row: The row.
        protocol: The row's protocol.
        registry: The plugins.
        places: Where the values were written.
        overrides: ``--set method.OPTION`` values; those that the method lacks are skipped.

    Raises:
        UserError: The method or an option is unknown, or a value is wrong.
    """
    entry = find_entry(
        "method",
        registry.methods,
        row.method,
        places.at(("rows", row.id, "method")),
        registry.broken,
    )
    known = entry.value.model_fields
    options: dict[str, Any] = {}
    where = Places({(): places.at(("rows", row.id))})
    for values, path in (
        (protocol.method, ("protocol", "method")),
        (row.protocol.get("method", {}), ("rows", row.id, "protocol", "method")),
        (row.options, ("rows", row.id, "options")),
        (overrides or {}, ("method",)),
    ):
        for key, value in values.items():
            if key not in known and path != ("rows", row.id, "options"):
                continue
            options[key] = value
            where.forget((key,))
            where.graft((key,), with_place(places, (*path, key)))
    refuse_unknown("method", entry, options, where, ("rows", row.id))
    method: Method = build(entry.value, options, where, ("rows", row.id))
    _check_grouping(method, registry, where)
    stand_in = protocol.substitute.get(getattr(method, "backbone", ""))
    if stand_in is not None:
        method = build(entry.value, {**options, "backbone": stand_in}, where, ("rows", row.id))
    return method


def resolve_keypoints(
    protocol: Protocol,
    registry: Registry,
    places: Places,
    path: KeyPath = ("protocol", "keypoints"),
) -> KeypointModel | None:
    """Return the protocol's keypoint model; None for ``auto`` where nobody provides it.

    Most methods need no keypoints, so the default must not fail without the plugin.

    Raises:
        UserError: The name or an option is unknown, or a value is wrong.
    """
    if protocol.keypoints == "auto" and "auto" not in registry.keypoints:
        return None
    return resolve_plugin(
        "keypoint model", registry.keypoints, protocol.keypoints, places, path, registry.broken
    )


def check_protocol_method(
    protocol: Protocol, registry: Registry, places: Places, path: KeyPath = ("protocol", "method")
) -> None:
    """Refuse a default in ``protocol.method`` that no method has.

    Raises:
        UserError: Names the key and its line.
    """
    _check_known_anywhere(protocol.method, registry, places, path)


def _check_method_options(loaded: LoadedBenchmark, registry: Registry) -> None:
    """Refuse ``--set method.OPTION`` that no row of the benchmark can take."""
    _check_known_anywhere(loaded.method_options, registry, loaded.places, ("method",))
    for key in loaded.method_options:
        methods = sorted({row.method for row in loaded.benchmark.rows})
        having = [m for m in methods if m in registry.methods and _has(registry.methods[m], key)]
        if not having and all(m in registry.methods for m in methods):
            place = loaded.places.at(("method", key))
            raise UserError(
                f"{place}: no row has the option '{key}' (methods: {', '.join(methods)})."
            )


def _has(entry: Entry[type[Method]], key: str) -> bool:
    return key in entry.value.model_fields


def _check_grouping(method: Method, registry: Registry, where: Places) -> None:
    """Refuse a grouping that nobody provides, before anything is built."""
    request = method.mask_request()
    asked = {getattr(method, "grouping", None), request.grouping if request else None}
    for grouping in sorted(name for name in asked if isinstance(name, str)):
        if grouping not in registry.groupings:
            place = where.at(("grouping",))
            raise nobody_provides("grouping", grouping, registry.groupings, place, registry.broken)


def _check_known_anywhere(
    options: Mapping[str, Any], registry: Registry, places: Places, path: KeyPath
) -> None:
    known = {key for entry in registry.methods.values() for key in entry.value.model_fields}
    for key in options:
        if key not in known:
            place = places.at((*path, key))
            raise UserError(
                f"{place}: {dotted((*path, key))}: no method has an option '{key}'."
                f"{did_you_mean(key, known)} Known: {', '.join(sorted(known))}."
            )
