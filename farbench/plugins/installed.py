"""Plugins of installed packages: which there are, and which of them the user wants."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import ModuleType

from farbench.errors import unknown_name

PLUGINS = "farbench"
"""Entry points of this group are loaded by every command."""

LOGGERS = "farbench.loggers"
"""Entry points of this group are loaded only for a run that asks for them (``--logger NAME``)."""

AUTOLOAD = "FARBENCH_AUTOLOAD"
"""Environment variable: ``none``, names by commas (these alone), or ``no:NAME`` (all but these)."""


@dataclass(frozen=True)
class Installed:
    """An entry point: its name, ``distribution version``, and how its module is imported."""

    name: str
    source: str
    load: Callable[[], ModuleType]


def installed(group: str) -> list[Installed]:
    """Return the entry points of a group."""
    found = []
    for entry_point in importlib.metadata.entry_points(group=group):
        dist = entry_point.dist
        source = f"{dist.name} {dist.version}" if dist else "unknown distribution"
        found.append(Installed(entry_point.name, source, entry_point.load))
    return found


def autoloaded(names: Collection[str]) -> set[str]:
    """Return which installed plugins are to be loaded, by ``FARBENCH_AUTOLOAD``.

    Args:
        names: Those that there are.

    Raises:
        UserError: The variable names one that is not installed.
    """
    given = os.environ.get(AUTOLOAD, "").strip()
    if given in ("", "all"):
        return set(names)
    if given == "none":
        return set()
    words = [word.strip() for word in given.split(",") if word.strip()]
    left_out = {word.removeprefix("no:") for word in words if word.startswith("no:")}
    alone = {word for word in words if not word.startswith("no:")}
    for word in sorted(left_out | alone):
        if word not in names:
            raise unknown_name("installed plugin", word, names, AUTOLOAD)
    return (alone or set(names)) - left_out
