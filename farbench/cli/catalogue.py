"""What `list` and `show` know of: plugins by kind, and the shipped benchmark files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.benchmark.locate import ShippedKind, shipped_names, shipped_path
from farbench.benchmark.yaml_lines import read_yaml
from farbench.errors import UserError, did_you_mean, in_a_line, shown
from farbench.plugins.files import plugin_files
from farbench.plugins.registry import KINDS, Entry, Registry

FILE_KINDS: dict[str, ShippedKind] = {"benchmarks": "benchmark", "protocols": "protocol"}
SINGULAR = {kind: of.singular for kind, of in KINDS.items()} | FILE_KINDS
"""Every kind, in the order of the lists, and what one of them is called."""


@dataclass(frozen=True)
class Item:
    """One listed thing.

    Attributes:
        kind: The plural, as `farbench list` takes it.
        value: The plugin class, the record (a grouping), or None for a file.
    """

    kind: str
    name: str
    summary: str
    provider: str
    origin: str
    value: Any = None


def items(kind: str, registry: Registry) -> Iterator[Item]:
    """Yield everything of a kind, by name."""
    if kind in FILE_KINDS:
        for name in shipped_names(FILE_KINDS[kind]):
            path = shipped_path(FILE_KINDS[kind], name)
            yield Item(kind, name, _title(kind, name), "shipped with farbench", shown(path))
        return
    for name, entry in sorted(getattr(registry, kind).items()):
        is_class = isinstance(entry.value, type)
        summary = entry.value.summary() if is_class else entry.value.source
        yield Item(kind, name, summary, entry.provider, entry.origin, entry.value)


def nothing_named(kind: str, name: str, known: Iterable[str], registry: Registry) -> UserError:
    """Return the error for a name that nobody provides; all names would be too many to help.

    Args:
        kind: What was looked for, in the singular.
        name: As it was typed.
        known: What there is, of whatever kind.
        registry: Tells which plugins could not be loaded.
    """
    names = sorted(set(known))
    unknown = f"unknown {kind} '{in_a_line(name)}'."
    longer = [one for one in names if name and one.startswith(name.lower())]
    if len(longer) > 1:
        listed = ", ".join(longer)
        return UserError(f"{unknown} Names that begin with it: {listed}. `farbench list` has all.")
    # A plugin that could not be loaded was warned of; it is probably the one.
    from farbench.benchmark.advice import where_from

    advice = "" if registry.broken else where_from(name, [Path.cwd()])
    return UserError(f"{unknown}{did_you_mean(name, names)} `farbench list` has all.{advice}")


def provided_by_files(
    registry: Registry, paths: Iterable[str | Path]
) -> list[tuple[str, Entry[Any]]]:
    """Return what plugin files, or folders of them, provide: kind (the plural) and entry.

    Raises:
        UserError: A path is no plugin file and no folder of them.
    """
    files = {str(file) for file in plugin_files(paths)}
    return [
        (kind, entry)
        for kind in KINDS
        for entry in getattr(registry, kind).values()
        if entry.provider in files
    ]


def _title(kind: str, name: str) -> str:
    """Return the title in a shipped file, or what is wrong with the file."""
    try:
        data = read_yaml(shipped_path(FILE_KINDS[kind], name)).data
    except UserError as error:
        return f"broken: {error}"
    return str(data.get("title", ""))
