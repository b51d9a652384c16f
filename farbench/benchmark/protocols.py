"""Resolves what a benchmark says of its protocol: a name, a path, or changes to either."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farbench.benchmark.explain import as_written, user_error
from farbench.benchmark.locate import expanded, find, looks_like_path
from farbench.benchmark.places import Document, Places, merged
from farbench.benchmark.schema import Protocol
from farbench.benchmark.yaml_lines import read_yaml
from farbench.errors import UserError, shown

DEFAULT_PROTOCOL = "quick"


def as_changes(spec: Any, folder: Path | None, places: Places) -> dict[str, Any]:
    """Normalise a ``protocol:`` entry to ``{extends: NAME or absolute path, changes...}``.

    Args:
        spec: A name, a path, or a mapping of changes with or without ``extends``.
        folder: What a relative path starts from; the current folder if None.
        places: Places relative to the entry, for the error.

    Raises:
        UserError: The entry is neither text nor a mapping.
    """
    if isinstance(spec, str):
        spec = {"extends": spec}
    if not isinstance(spec, dict):
        raise UserError(
            f"{places.at(())}: protocol: expected a name, a file or a mapping of changes, got "
            f"{as_written(spec)}."
        )
    base = spec.get("extends")
    if base is None:
        return {key: value for key, value in spec.items() if key != "extends"}
    if not isinstance(base, str):
        where = places.at(("extends",))
        raise UserError(
            f"{where}: protocol.extends: expected a name or a file, got {as_written(base)}."
        )
    if looks_like_path(base):
        base = str((folder or Path.cwd()) / expanded(base, places.at(("extends",))))
    return {**spec, "extends": base}


def protocol_document(changes: Document, trail: tuple[Path, ...] = ()) -> Document:
    """Return the whole protocol for normalised changes (see :func:`as_changes`).

    A change shows in the protocol's name, because captions print it.

    Raises:
        UserError: A protocol does not exist, or extends itself.
    """
    source = changes.data.get("extends", DEFAULT_PROTOCOL)
    path = find("protocol", source, where=changes.places.at(("extends",)))
    base = read_protocol(path, trail)
    own = {key: value for key, value in changes.data.items() if key != "extends"}
    return merged(base, Document(own, changes.places))


def read_protocol(path: Path, trail: tuple[Path, ...] = ()) -> Document:
    """Read a protocol file and what it extends.

    A file that extends nothing starts from the defaults of the schema. Its name is the file's
    stem unless it says otherwise.

    Raises:
        UserError: A file is missing, malformed, or extends itself.
    """
    path = path.resolve()
    if path in trail:
        loop = " -> ".join(shown(step) for step in (*trail, path))
        raise UserError(f"{shown(path)}: a protocol extends itself: {loop}.")
    document = read_yaml(path)
    named = Document({"name": path.stem}, Places({("name",): shown(path)}))
    if "extends" not in document.data:
        return merged(named, document)
    changes = as_changes(document.data, path.parent, document.places)
    base = protocol_document(Document(changes, document.places), (*trail, path))
    return merged(merged(base, named), Document(_without_extends(changes), document.places))


def _without_extends(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "extends"}


def validate_protocol(
    data: dict[str, Any], places: Places, prefix: tuple[str, ...] = ("protocol",)
) -> Protocol:
    """Validate a whole protocol.

    Args:
        data: The values.
        places: Places of the benchmark.
        prefix: The key path of the protocol in ``places``.

    Raises:
        UserError: A key is unknown or a value wrong; one line each.
    """
    try:
        protocol = Protocol.model_validate(data)
    except ValidationError as error:
        raise user_error(error, Protocol, data, places, prefix) from None
    if protocol.crop > protocol.resize:
        message = f"must not be larger than resize ({protocol.resize}), got {protocol.crop}"
        raise UserError(places.error((*prefix, "crop"), message))
    return protocol


def changed_name(base: Protocol, changed: Protocol) -> str:
    """Return the name of a changed protocol: ``"quick (epochs 2, masks.epochs 1)"``."""
    changes = [
        f"{key} {_brief(value)}"
        for key, value in _differences(base.model_dump(), changed.model_dump())
        if key not in _UNSAID
    ]
    return f"{base.name} ({', '.join(changes)})" if changes else base.name


_UNSAID = ("name", "title")


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", ", ".join(f"{k}: {_brief(v)}" for k, v in value.items())))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _differences(
    base: dict[str, Any], data: dict[str, Any], prefix: str = ""
) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in data.items():
        old = base.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            found += _differences(old, value, f"{prefix}{key}.")
        elif old != value:
            found.append((f"{prefix}{key}", value))
    return found
