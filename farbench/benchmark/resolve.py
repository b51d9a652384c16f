"""Turns the names in a benchmark into plugins with validated options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.places import KeyPath, Places, dotted
from farbench.benchmark.schema import Protocol, Row
from farbench.errors import UserError, did_you_mean, unknown_name
from farbench.plugins.base import Plugin
from farbench.plugins.dataset import Dataset
from farbench.plugins.keypoints import KeypointModel
from farbench.plugins.loss import Loss
from farbench.plugins.manager import BrokenPlugin, Entry, Registry
from farbench.plugins.method import Method

P = TypeVar("P", bound=Plugin)


@dataclass(frozen=True)
class ResolvedRow:
    """A row with its own protocol and its plugins, options checked.

    ``keypoints`` is None only where the protocol says ``auto`` and no such plugin is installed.
    """

    row: Row
    protocol: Protocol
    method: Method
    loss: Loss
    keypoints: KeypointModel | None


@dataclass(frozen=True)
class ResolvedBenchmark:
    """A benchmark whose every name stands for a plugin."""

    loaded: LoadedBenchmark
    rows: tuple[ResolvedRow, ...]
    datasets: tuple[Dataset, ...]


def resolve_benchmark(loaded: LoadedBenchmark, registry: Registry) -> ResolvedBenchmark:
    """Find and check every method, loss, keypoint model and data set of a benchmark.

    Raises:
        UserError: A name or option is unknown, or an option's value is wrong; with file and line.
    """
    _check_metrics(loaded)
    _check_method_options(loaded, registry)
    rows = []
    for row in loaded.benchmark.rows:
        protocol = loaded.protocol_of(row)
        method = resolve_row(row, protocol, registry, loaded.places, loaded.method_options)
        prefix: KeyPath = ("rows", row.id, "protocol")
        at = {key: _protocol_path(row, key, prefix) for key in ("loss", "keypoints", "method")}
        check_protocol_method(protocol, registry, loaded.places, at["method"])
        loss = resolve_plugin(
            "loss", registry.losses, protocol.loss, loaded.places, at["loss"], registry.broken
        )
        points = resolve_keypoints(protocol, registry, loaded.places, at["keypoints"])
        rows.append(ResolvedRow(row, protocol, method, loss, points))
    datasets = [
        resolve_plugin(
            "dataset", registry.datasets, spec, loaded.places, ("datasets", i), registry.broken
        )
        for i, spec in enumerate(loaded.benchmark.datasets)
    ]
    return ResolvedBenchmark(loaded, tuple(rows), tuple(datasets))


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
    entry = _entry(
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
            where.graft((key,), _with_place(places, (*path, key)))
    _refuse_unknown(entry, options, where, ("rows", row.id))
    method: Method = _build(entry.value, options, where, ("rows", row.id))
    _check_grouping(method, registry, where)
    stand_in = protocol.substitute.get(getattr(method, "backbone", ""))
    if stand_in is not None:
        method = _build(entry.value, {**options, "backbone": stand_in}, where, ("rows", row.id))
    return method


def resolve_plugin(
    kind: str,
    entries: Mapping[str, Entry[type[P]]],
    spec: str | Mapping[str, Any],
    places: Places,
    path: KeyPath = (),
    broken: Iterable[BrokenPlugin] = (),
) -> P:
    """Return the plugin that a name, or ``{name:, options}``, stands for.

    Args:
        kind: What it is, in the singular, for the errors.
        entries: The plugins of that kind.
        spec: The name, or a mapping with ``name`` and options.
        places: Where values were written.
        path: The key path of ``spec`` in ``places``.
        broken: Plugins that could not be loaded; the error for an unknown name points to them.

    Raises:
        UserError: The name or an option is unknown, or a value is wrong.
    """
    options = {} if isinstance(spec, str) else dict(spec)
    name = spec if isinstance(spec, str) else options.pop("name", None)
    if not isinstance(name, str):
        message = f"expected a name or {{name: NAME, OPTION: ...}}, got {spec!r}"
        raise UserError(places.error(path, message))
    entry = _entry(kind, entries, name, places.at(path), broken)
    where = _with_place(places, path)
    _refuse_unknown(entry, options, where, path)
    return _build(entry.value, options, where, path)


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


def _check_metrics(loaded: LoadedBenchmark) -> None:
    """Refuse a metric that is never computed."""
    from farbench.scoring.metrics import METRICS

    for index, metric in enumerate(loaded.benchmark.metrics):
        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS, loaded.places.at(("metrics", index)))


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
            raise unknown_name("grouping", grouping, registry.groupings, where.at(("grouping",)))


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


def _entry(
    kind: str,
    entries: Mapping[str, Entry[type[P]]],
    name: str,
    where: str,
    broken: Iterable[BrokenPlugin],
) -> Entry[type[P]]:
    """Look a name up; where it is missing, say which plugins could not be loaded."""
    if name in entries:
        return entries[name]
    error = unknown_name(kind, name, entries, where)
    left_out = ", ".join(f"'{plugin.name}' ({plugin.error})" for plugin in broken)
    if left_out:
        error = UserError(f"{error} Plugins that could not be loaded: {left_out}.")
    raise error


def _with_place(places: Places, path: KeyPath) -> Places:
    """Return the places below a path, its own one certainly among them."""
    below = places.below(path)
    below.lines.setdefault((), places.at(path))
    return below


def _refuse_unknown(
    entry: Entry[type[P]], options: Mapping[str, Any], where: Places, path: KeyPath
) -> None:
    """Refuse options that the plugin does not have, all at once."""
    known = list(entry.value.model_fields)
    mistakes = [
        f"{where.at((key,))}: {dotted(path)}: {entry.value.kind} '{entry.name}' has no option "
        f"'{key}'.{did_you_mean(key, known)} Options: {', '.join(known) or 'none'}."
        for key in options
        if key not in known
    ]
    if mistakes:
        raise UserError("\n".join(mistakes))


def _build(cls: type[P], options: Mapping[str, Any], where: Places, path: KeyPath) -> P:
    """Validate the options against the plugin's fields."""
    try:
        return cls.model_validate(dict(options))
    except ValidationError as error:
        at_path = Places()
        at_path.graft(path, where)
        raise user_error(error, cls, dict(options), at_path, path) from None
