"""Where each value of a benchmark came from: key path -> ``file:line``, or the flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

KeyPath = tuple[str | int, ...]

NAMED_PLUGINS = ("dataset", "loss", "weighting", "keypoints")
"""Protocol keys that hold a plugin: a name, or ``{name:, options}``."""


@dataclass
class Places:
    """Maps a key path to the place where the value was written.

    Attributes:
        lines: ``("rows", "aml", "options", "levels") -> "ablation.yaml:12"``.
    """

    lines: dict[KeyPath, str] = field(default_factory=dict)

    def at(self, path: Sequence[str | int]) -> str:
        """Return the place of the value, or of the nearest thing that contains it ("" if none)."""
        key = tuple(path)
        while key not in self.lines:
            if not key:
                return ""
            key = key[:-1]
        return self.lines[key]

    def forget(self, path: Sequence[str | int]) -> None:
        """Drop the value at ``path`` and all below it."""
        prefix = tuple(path)
        for key in [key for key in self.lines if key[: len(prefix)] == prefix]:
            del self.lines[key]

    def below(self, path: Sequence[str | int]) -> Places:
        """Return the places at and below ``path``, with paths relative to it."""
        prefix = tuple(path)
        cut = len(prefix)
        return Places({key[cut:]: at for key, at in self.lines.items() if key[:cut] == prefix})

    def graft(self, path: Sequence[str | int], other: Places) -> None:
        """Add another value's places below ``path``; they win over what is there."""
        prefix = tuple(path)
        for key, place in other.lines.items():
            self.lines[prefix + key] = place

    def error(self, path: Sequence[str | int], message: str) -> str:
        """Return ``"ablation.yaml:12: rows.aml.levels: <message>"``."""
        return ": ".join(part for part in (self.at(path), dotted(path), message) if part)


@dataclass
class Document:
    """A mapping read from a file, with the place of every value."""

    data: dict[str, Any]
    places: Places = field(default_factory=Places)


def dotted(path: Sequence[str | int]) -> str:
    """Write a key path as the user would: ``rows.aml.levels[1]``.

    The ``options`` level of a row is left out, because a row's options are usually written
    directly in the row.
    """
    parts = list(path)
    if len(parts) > 3 and parts[0] == "rows" and parts[2] == "options":
        del parts[2]
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def merged(base: Document, top: Document) -> Document:
    """Lay one document over another: mappings merge at every depth, anything else replaces.

    A plugin given with its name replaces; options without a name go to the plugin below.
    """
    places = Places(dict(base.places.lines))
    data = _merge(base.data, top.data, (), places)
    places.graft((), top.places)
    return Document(data, places)


def _merge(
    base: dict[str, Any], top: dict[str, Any], path: KeyPath, places: Places
) -> dict[str, Any]:
    """Merge the mappings, and forget the places of what is replaced."""
    result = dict(base)
    for key, value in top.items():
        below = (*path, key)
        old = result.get(key)
        if (key in NAMED_PLUGINS or path[-1:] == ("losses",)) and isinstance(value, dict):
            # Options of one plugin mean nothing to another, so a name starts afresh.
            old = None if "name" in value else {"name": old} if isinstance(old, str) else old
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _merge(old, value, below, places)
        else:
            places.forget(below)
            result[key] = value
    return result


def put(document: Document, path: Sequence[str], value: Any, place: str) -> None:
    """Set a nested value in place, making mappings on the way.

    Raises:
        KeyError: Something on the way is not a mapping; the argument is its key path.
    """
    here = document.data
    for depth, key in enumerate(path[:-1]):
        below = here.get(key)
        if below is None:
            below = {}
            document.places.lines[tuple(path[: depth + 1])] = place
        elif not isinstance(below, dict):
            raise KeyError(tuple(path[: depth + 1]))
        here[key] = dict(below)
        here = here[key]
    document.places.forget(path)
    document.places.lines[tuple(path)] = place
    here[path[-1]] = value
