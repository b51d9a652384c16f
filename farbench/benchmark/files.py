"""Reads a benchmark file and the files that it extends into one document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farbench.benchmark.explain import as_written
from farbench.benchmark.locate import expanded, find, looks_like_path
from farbench.benchmark.places import Document, Places, merged
from farbench.benchmark.protocols import as_changes
from farbench.benchmark.schema import Protocol
from farbench.benchmark.yaml_lines import read_yaml
from farbench.errors import UserError, did_you_mean, shown
from farbench.plugins.files import near_file

KEYS = (
    "title",
    "caption",
    "extends",
    "protocol",
    "datasets",
    "join",
    "tasks",
    "plugins",
    "seeds",
    "metrics",
    "marks",
    "compare",
    "published",
    "robustness",
    "rows",
    "ablate",
)
"""What the top level of a benchmark file may hold."""


def read_benchmark(path: Path, trail: tuple[Path, ...] = ()) -> tuple[Document, tuple[Path, ...]]:
    """Read a benchmark file and lay it over what it extends.

    Mappings merge, anything else replaces; a row set to null is removed; plugins add up; a
    protocol that names a base replaces the inherited one, changes without a base are laid over it.

    Args:
        path: The file.
        trail: The files that extend this one.

    Returns:
        The document (paths inside are absolute), and the files read, the given one last.

    Raises:
        UserError: A file is missing or malformed, has an unknown key, or extends itself.
    """
    path = path.resolve()
    if path in trail:
        loop = " -> ".join(shown(step) for step in (*trail, path))
        raise UserError(f"{shown(path)}: a benchmark extends itself: {loop}.")
    own = read_yaml(path)
    _check_keys(own, path)
    _make_absolute(own, path.parent)
    source = own.data.pop("extends", None)
    if source is None:
        _drop_removed_rows(own, {})
        return own, (path,)
    if not isinstance(source, str):
        raise UserError(
            own.places.error(("extends",), f"expected a file or a name, got {as_written(source)}")
        )
    base_path = find("benchmark", source, path.parent, own.places.at(("extends",)))
    base, files = read_benchmark(base_path, (*trail, path))
    own.places.forget(("extends",))
    own.data["plugins"] = [*base.data.get("plugins", []), *own.data.get("plugins", [])]
    if "extends" in own.data.get("protocol", {}):
        base.data.pop("protocol", None)
        base.places.forget(("protocol",))
    base_rows = base.data.get("rows")
    _drop_removed_rows(own, base_rows if isinstance(base_rows, dict) else {}, base)
    return merged(base, own), (*files, path)


def _check_keys(document: Document, path: Path) -> None:
    """Refuse unknown top-level keys, all at once."""
    unknown = [key for key in document.data if key not in KEYS]
    if not unknown:
        return
    of_protocol = [key for key in unknown if key in Protocol.model_fields]
    if of_protocol == unknown and set(document.data) <= {*of_protocol, "title", "extends"}:
        raise UserError(
            f"{shown(path)}: this is a protocol, not a benchmark: it says {', '.join(unknown)}. "
            f"Give it with --protocol {path.name}, or write what it says under `protocol:` in a "
            "benchmark."
        )
    lines = []
    for key in unknown:
        hint = did_you_mean(key, KEYS)
        if key in of_protocol and not hint:
            hint = f" It is a protocol's: write `protocol: {{{key}: ...}}`."
        lines.append(f"{document.places.at((key,))}: unknown key '{key}'.{hint}")
    raise UserError("\n".join(lines) + f" Known: {', '.join(KEYS)}.")


def _make_absolute(document: Document, folder: Path) -> None:
    """Make the paths of a file independent of where it lies."""
    data, places = document.data, document.places
    if "protocol" in data:
        data["protocol"] = as_changes(data["protocol"], folder, places.below(("protocol",)))
    for key in ("plugins", "published"):
        if key not in data:
            continue
        values = data[key]
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise UserError(
                places.error((key,), f"expected a list of strings, got {as_written(values)}")
            )
        if key == "plugins":
            for index, value in enumerate(values):
                path = folder / expanded(value, places.at((key, index)))
                if not path.exists():
                    message = f"no file or folder '{value}'.{near_file(path)}"
                    raise UserError(places.error((key, index), message))
        data[key] = [
            str(folder / expanded(value, places.at((key, index))))
            if key == "plugins" or looks_like_path(value)
            else value
            for index, value in enumerate(values)
        ]


def _drop_removed_rows(
    own: Document, base_rows: dict[str, Any], base: Document | None = None
) -> None:
    """Take rows set to null out of both documents (one that nobody wrote stays, as an error)."""
    rows = own.data.get("rows")
    if not isinstance(rows, dict):
        return
    for row_id in [row_id for row_id, row in rows.items() if row is None and row_id in base_rows]:
        del rows[row_id]
        del base_rows[row_id]
        for places in (own.places, base.places if base else Places()):
            places.forget(("rows", row_id))
