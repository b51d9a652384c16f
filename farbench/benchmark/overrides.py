"""Changes from the command line: ``--set dotted.key=value``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from farbench.benchmark.places import NAMED_PLUGINS, Document, dotted, put
from farbench.benchmark.rows import RESERVED
from farbench.benchmark.schema import Protocol
from farbench.benchmark.yaml_lines import parse_value
from farbench.errors import UserError, did_you_mean, shortened

PLAIN_KEYS = (
    "title",
    "caption",
    "seeds",
    "metrics",
    "marks",
    "compare",
    "published",
    "datasets",
    "join",
    "tasks",
    "robustness",
)
"""Top-level keys of a benchmark that ``--set`` replaces as they stand."""

SECTIONS = ("ablate", "robustness")
"""Top-level keys that hold a mapping, in which ``--set KEY.NAME=VALUE`` changes one value."""

_FLAGS = {"plugins": "--plugins PATH", "protocol": "--protocol NAME"}


@dataclass(frozen=True)
class Override:
    """One ``--set``: the key as typed and split, the value, and how errors name it."""

    key: str
    path: tuple[str, ...]
    value: Any
    place: str


def parse_sets(sets: Iterable[str]) -> list[Override]:
    """Read ``--set`` arguments; the value is YAML.

    Raises:
        UserError: There is no ``=``, no key, the value is not YAML, or the key cannot be set.
    """
    overrides = []
    for text in sets:
        key, equals, value = text.partition("=")
        key = key.strip()
        place = f"--set {shortened(text, 80)}"
        if not equals or not key or "" in key.split("."):
            raise UserError(f"{place}: write KEY=VALUE, for example --set protocol.epochs=2.")
        path = tuple(key.split("."))
        _check_head(path, key, place)
        overrides.append(Override(key, path, parse_value(value.strip(), place), place))
    return overrides


def _check_head(path: tuple[str, ...], key: str, place: str) -> None:
    """Refuse a key whose beginning means nothing."""
    head = path[0]
    if len(path) == 1 and head in _FLAGS:
        raise UserError(f"{place}: use {_FLAGS[head]} instead.")
    if len(path) > 1 and head in ("protocol", "rows", "method", "dataset", *SECTIONS):
        return
    if len(path) == 1 and head in PLAIN_KEYS:
        return
    if head in ("rows", "method", "dataset", "ablate", *PLAIN_KEYS):
        example = (
            head if head in PLAIN_KEYS else {"rows": "rows.ID.OPTION"}.get(head, f"{head}.OPTION")
        )
        raise UserError(f"{place}: write {example}=VALUE.")
    candidates = ["rows.ID.OPTION", "method.OPTION", "dataset.OPTION", *PLAIN_KEYS]
    if head in Protocol.model_fields:
        hint = f" Did you mean 'protocol.{key}'?"
    else:
        hint = did_you_mean(head, ["protocol", "rows", "method", "dataset", *PLAIN_KEYS])
    known = ", ".join(["protocol.KEY", *candidates])
    raise UserError(f"{place}: unknown key '{key}'.{hint} Known: {known}.")


def apply_to_file(document: Document, overrides: Sequence[Override]) -> None:
    """Apply what concerns the file's own keys and the rows it writes, before rows are expanded."""
    for override in overrides:
        head, rows = override.path[0], document.data.get("rows")
        if head == "ablate" and document.data.get("ablate") is None:
            raise UserError(f"{override.place}: this benchmark has no `ablate:` block.")
        if head in PLAIN_KEYS or head in SECTIONS:
            _put(document, override.path, override)
        elif head == "rows" and isinstance(rows, dict):
            row_id, rest = _row_and_rest(override, rows)
            if row_id is None or not isinstance(rows[row_id], dict):
                continue
            options = rows[row_id].get("options")
            in_options = isinstance(options, dict) and rest[0] in options
            path = ("rows", row_id, *(("options",) if in_options else ()), *rest)
            _put(document, path, override)


def apply_to_rows(
    rows: Document, overrides: Sequence[Override], written: Iterable[str] = ()
) -> None:
    """Apply ``rows.ID.*`` to rows that only exist after expansion, and refuse unknown ids.

    Args:
        rows: ``{"rows": {id: row}}`` as expanded.
        overrides: All overrides.
        written: Ids of the rows as the file writes them, which are done already.
    """
    known = rows.data["rows"]
    for override in overrides:
        if override.path[0] != "rows" or _row_and_rest(override, written)[0] is not None:
            continue
        row_id, rest = _row_and_rest(override, known)
        if row_id is None:
            typed = override.path[1]
            names = [*known, *(name for name in written if name not in known)]
            raise UserError(
                f"{override.place}: no row '{typed}'.{did_you_mean(typed, names)} "
                f"Rows: {', '.join(names)}."
            )
        if rest[0] == "grid":
            raise UserError(
                f"{override.place}: the row is spread already; name the row with the grid."
            )
        own = rest[0] in RESERVED
        _put(rows, ("rows", row_id, *(() if own else ("options",)), *rest), override)


def _row_and_rest(override: Override, ids: Iterable[str]) -> tuple[str | None, tuple[str, ...]]:
    """Split ``rows.scale-0.64.levels`` at the longest known id (ids may hold dots)."""
    path = override.path[1:]
    for cut in range(len(path), 0, -1):
        row_id = ".".join(path[:cut])
        if row_id in ids:
            if cut == len(path):
                raise UserError(f"{override.place}: write rows.{row_id}.OPTION=VALUE.")
            return row_id, path[cut:]
    return None, path


def apply_to_protocol(document: Document, rows: Document, overrides: Sequence[Override]) -> None:
    """Apply ``protocol.*``: to the protocol, and to rows that change the same keys themselves."""
    for override in overrides:
        if override.path[0] != "protocol":
            continue
        _put(document, override.path, override)
        for row_id, row in rows.data["rows"].items():
            changes = row["protocol"]
            if isinstance(changes, dict) and override.path[1] in changes:
                _put(rows, ("rows", row_id, *override.path), override)


def apply_to_datasets(document: Document, overrides: Sequence[Override]) -> None:
    """Apply ``dataset.OPTION`` to every entry under ``datasets``.

    Raises:
        UserError: An entry is ``a+b``, which has no options of its own.
    """
    chosen = [override for override in overrides if override.path[0] == "dataset"]
    entries = document.data["datasets"] = list(document.data["datasets"])
    for index, written in enumerate(entries if chosen else ()):
        path = ("datasets", index)
        entry = Document(
            {"name": written} if isinstance(written, str) else dict(written),
            document.places.below(path),
        )
        for override in chosen:
            if override.path[1] == "name":
                raise UserError(f"{override.place}: use --dataset NAME instead.")
            if "+" in entry.data["name"]:
                raise UserError(
                    f"{override.place}: '{entry.data['name']}' is several data sets. Name them one "
                    "by one under `datasets:`, each with its options, and write `join: true`."
                )
            _put(entry, override.path[1:], override)
        entries[index] = entry.data
        document.places.forget(path)
        document.places.graft(path, entry.places)


def method_options(overrides: Sequence[Override]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the ``method.OPTION`` overrides and their places."""
    document = Document({"method": {}})
    places = {}
    for override in overrides:
        if override.path[0] == "method":
            _put(document, override.path, override)
            places[override.path[1]] = override.place
    return document.data["method"], places


def _put(document: Document, path: Sequence[str], override: Override) -> None:
    """Set a value; a plugin given by its name makes room for its options."""
    if len(path) > 2 and path[0] == "protocol" and path[1] in NAMED_PLUGINS:
        current = document.data["protocol"].get(path[1])
        if isinstance(current, str):
            put(document, path[:2], {"name": current}, document.places.at(path[:2]))
    try:
        put(document, path, override.value, override.place)
    except KeyError as error:
        at = error.args[0]
        raise UserError(
            f"{override.place}: {dotted(at)} holds a single value, nothing below it."
        ) from None
