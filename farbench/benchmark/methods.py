"""The method of a row: its options by precedence, and the backbone that stands in for its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.named import (
    build,
    find_entry,
    nobody_provides,
    refuse_unknown,
    with_place,
)
from farbench.benchmark.places import KeyPath, Places, dotted
from farbench.benchmark.schema import Protocol, Row
from farbench.errors import UserError, did_you_mean
from farbench.plugins.method import Method
from farbench.plugins.registry import Registry


def resolve_method(
    row: Row, protocol: Protocol, loaded: LoadedBenchmark, registry: Registry
) -> tuple[Method, Method]:
    """Return the row's method as it was asked for, and as it is trained.

    Options come from ``--set method.OPTION``, else the row, else ``protocol.method`` (the first and
    the last as far as the method has them), else the method's defaults. The two methods differ
    where the protocol has a substitute for the backbone.

    Args:
        row: The row.
        protocol: The row's protocol.
        loaded: The benchmark.
        registry: The plugins.

    Raises:
        UserError: The method or an option is unknown, or a value is wrong.
    """
    places, at_row = loaded.places, ("rows", row.id)
    entry = find_entry(
        "method", registry.methods, row.method, places.at((*at_row, "method")), registry.broken
    )
    of_row: KeyPath = (*at_row, "options")
    options: dict[str, Any] = {}
    where = Places({(): places.at(at_row)})
    for values, path in (
        (protocol.method, ("protocol", "method")),
        (row.protocol.get("method", {}), (*at_row, "protocol", "method")),
        (row.options, of_row),
        (loaded.method_options, ("method",)),
    ):
        for key, value in values.items():
            if key not in entry.value.model_fields and path != of_row:
                continue
            options[key] = value
            where.forget((key,))
            where.graft((key,), with_place(places, (*path, key)))
    refuse_unknown("method", entry, options, where, at_row)
    asked: Method = build(entry.value, options, where, at_row)
    _check_grouping(asked, registry, where)
    stand_in = protocol.substitute.get(getattr(asked, "backbone", ""))
    if stand_in is None:
        return asked, asked
    return asked, build(entry.value, {**options, "backbone": stand_in}, where, at_row)


def check_method_options(loaded: LoadedBenchmark, registry: Registry) -> None:
    """Refuse ``--set method.OPTION`` that no row of the benchmark can take.

    Raises:
        UserError: Names the option.
    """
    refuse_unheard_of(loaded.method_options, registry, loaded.places, ("method",))
    methods = sorted({row.method for row in loaded.benchmark.rows})
    if any(method not in registry.methods for method in methods):
        return  # that is told with its line, and more to the point
    for key in loaded.method_options:
        if not any(key in registry.methods[method].value.model_fields for method in methods):
            raise UserError(
                f"{loaded.places.at(('method', key))}: no row has the option '{key}' (methods: "
                f"{', '.join(methods)})."
            )


def refuse_unheard_of(
    options: Mapping[str, Any], registry: Registry, places: Places, path: KeyPath
) -> None:
    """Refuse options that no method has, where they are for whichever has them.

    Raises:
        UserError: Names the key and its line.
    """
    known = {key for entry in registry.methods.values() for key in entry.value.model_fields}
    for key in options:
        if key not in known:
            place = places.at((*path, key))
            raise UserError(
                f"{place}: {dotted((*path, key))}: no method has an option '{key}'."
                f"{did_you_mean(key, known)} Known: {', '.join(sorted(known))}."
            )


def _check_grouping(method: Method, registry: Registry, where: Places) -> None:
    """Refuse a grouping that nobody provides, before anything is built."""
    request = method.mask_request()
    asked = {getattr(method, "grouping", None), request.grouping if request else None}
    for grouping in sorted(name for name in asked if isinstance(name, str)):
        if grouping not in registry.groupings:
            place = where.at(("grouping",))
            raise nobody_provides("grouping", grouping, registry.groupings, place, registry.broken)
