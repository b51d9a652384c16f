"""Turns a plugin's name and options, as written in a file, into a validated plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from farbench.benchmark.advice import where_from
from farbench.benchmark.explain import as_written, user_error
from farbench.benchmark.places import KeyPath, Places, dotted
from farbench.errors import UserError, did_you_mean, unknown_name
from farbench.plugins.base import Plugin
from farbench.plugins.registry import Entry, FoundPlugin

P = TypeVar("P", bound=Plugin)


def resolve_plugin(
    kind: str,
    entries: Mapping[str, Entry[type[P]]],
    spec: str | Mapping[str, Any],
    places: Places,
    path: KeyPath = (),
    broken: Iterable[FoundPlugin] = (),
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
        message = f"expected a name or {{name: NAME, OPTION: ...}}, got {as_written(spec)}"
        raise UserError(places.error(path, message))
    entry = find_entry(kind, entries, name, places.at(path), broken)
    where = with_place(places, path)
    refuse_unknown(kind, entry, options, where, path)
    return build(entry.value, options, where, path)


def find_entry(
    kind: str,
    entries: Mapping[str, Entry[type[P]]],
    name: str,
    where: str,
    broken: Iterable[FoundPlugin],
) -> Entry[type[P]]:
    """Look a name up; where it is missing, say where it may be had."""
    if name in entries:
        return entries[name]
    raise nobody_provides(kind, name, entries, where, broken)


def nobody_provides(
    kind: str, name: str, known: Iterable[str], where: str, broken: Iterable[FoundPlugin]
) -> UserError:
    """Return the error for a name that no loaded plugin provides, with where it may be had."""
    error = unknown_name(kind, name, known, where)
    left_out = ", ".join(f"'{plugin.name}' ({plugin.error})" for plugin in broken)
    if left_out:
        return UserError(f"{error} Plugins that could not be loaded: {left_out}.")
    beside = Path(where.rpartition(":")[0]).parent  # the file that names it, if it is one
    return UserError(f"{error}{where_from(name, [Path.cwd(), beside])}")


def with_place(places: Places, path: KeyPath) -> Places:
    """Return the places below a path, its own one certainly among them."""
    below = places.below(path)
    below.lines.setdefault((), places.at(path))
    return below


def refuse_unknown(
    kind: str, entry: Entry[type[P]], options: Mapping[str, Any], where: Places, path: KeyPath
) -> None:
    """Refuse options that the plugin does not have, all at once."""
    known = list(entry.value.model_fields)
    mistakes = [
        f"{where.at((key,))}: {dotted(path)}: {kind} '{entry.name}' has no option "
        f"'{key}'.{did_you_mean(key, known)} Options: {', '.join(known) or 'none'}."
        for key in options
        if key not in known
    ]
    if mistakes:
        raise UserError("\n".join(mistakes))


def build(cls: type[P], options: Mapping[str, Any], where: Places, path: KeyPath) -> P:
    """Validate the options against the plugin's fields."""
    try:
        return cls.model_validate(dict(options))
    except ValidationError as error:
        at_path = Places()
        at_path.graft(path, where)
        raise user_error(error, cls, dict(options), at_path, path) from None
