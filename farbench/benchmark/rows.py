"""Expands the rows of a benchmark: written out, spread by ``grid:``, made by ``ablate:``, alone."""

from __future__ import annotations

import itertools
import re
from typing import Any

from farbench.benchmark.ablate import ablation_rows
from farbench.benchmark.places import Document, KeyPath, Places, put
from farbench.errors import UserError, did_you_mean

RESERVED = ("method", "label", "marks", "protocol", "grid", "options", "tasks", "single_task")
"""Keys of a row that are not method options."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+=-]*")


def expand_rows(document: Document) -> Document:
    """Return every row by its id, with the keys method, label, options, marks and protocol.

    Args:
        document: The benchmark, with ``rows:`` or ``ablate:`` or both.

    Returns:
        ``{"rows": {id: row}}`` with the places of the values under their new key paths.

    Raises:
        UserError: There is no row, two have the same id, or one is malformed.
    """
    written = document.data.get("rows")
    if written is not None and not isinstance(written, dict):
        raise UserError(
            document.places.error(
                ("rows",),
                "expected a mapping of row ids to rows, as in "
                "`rows: {baseline: {method: baseline}}`",
            )
        )
    result = Document({"rows": {}})
    for row_id, raw in (written or {}).items():
        path = ("rows", row_id)
        for one in _spread(row_id, _normal(row_id, raw, document.places.below(path))):
            _add(result, one)
    if document.data.get("ablate") is not None:
        places = document.places.below(("ablate",))
        for row_id, raw, row_places in ablation_rows(document.data["ablate"], places):
            for one in _spread(row_id, _normal(row_id, raw, row_places)):
                _add(result, one)
    if not result.data["rows"]:
        message = "no rows. Add `rows:` with at least one, such as `baseline: {method: baseline}`"
        raise UserError(
            document.places.error(("rows",) if "rows" in document.data else (), message)
        )
    return result


def _add(result: Document, row: tuple[str, Document]) -> None:
    """Add one row under its id."""
    row_id, content = row
    place = content.places.at(())
    if not _ID.fullmatch(row_id):
        raise UserError(f"{place}: row id '{row_id}': use letters, digits and _ . + = - only.")
    if row_id in result.data["rows"]:
        other = result.places.at(("rows", row_id))
        raise UserError(f"{place}: row id '{row_id}' is already used at {other}.")
    result.data["rows"][row_id] = content.data
    result.places.graft(("rows", row_id), content.places)


def _normal(row_id: str, raw: Any, places: Places) -> Document:
    """Sort a row's keys into its own and its options.

    Raises:
        UserError: The row is empty or not a mapping, has no method, or an option twice.
    """

    def fail(path: KeyPath, message: str) -> UserError:
        shown = Places({("rows", row_id, *path): places.at(path)})
        return UserError(shown.error(("rows", row_id, *path), message))

    if raw is None or raw == {}:
        raise fail((), "the row is empty. Give it at least `method: NAME`")
    if not isinstance(raw, dict):
        raise fail((), f"expected a mapping such as {{method: baseline}}, got {raw!r}")
    if "method" not in raw and "method" not in (raw.get("grid") or {}):
        raise fail((), f"'method' is missing.{did_you_mean('method', raw)}")
    options, protocol = raw.get("options") or {}, raw.get("protocol") or {}
    for key, value in (("options", options), ("protocol", protocol)):
        if not isinstance(value, dict):
            raise fail((key,), f"expected a mapping, got {value!r}")
    if "extends" in protocol:
        raise fail(("protocol", "extends"), "a row changes keys of the benchmark's protocol only")
    content = Document(
        {
            "method": raw.get("method"),
            "label": raw.get("label", row_id),
            "marks": raw.get("marks") or [],
            "protocol": dict(protocol),
            "options": dict(options),
            "grid": raw.get("grid"),
            "tasks": raw.get("tasks") or [],
            "single_task": raw.get("single_task", False),
        },
        Places(dict(places.lines)),
    )
    for key, value in raw.items():
        if key in RESERVED:
            continue
        if key in options:
            raise fail((key,), "the option is given twice: in the row and under `options:`")
        content.data["options"][key] = value
        content.places.graft(("options", key), places.below((key,)))
    return content


def _spread(row_id: str, row: Document) -> list[tuple[str, Document]]:
    """Return the rows that one stands for: of its ``grid:``, each with its ``single_task`` twin.

    Raises:
        UserError: The grid is malformed, or ``single_task`` is neither true nor false.
    """
    single = row.data.pop("single_task")
    if not isinstance(single, bool):
        place = row.places.at(("single_task",))
        raise UserError(
            f"{place}: rows.{row_id}.single_task: expected true or false, got {single!r}."
        )
    spread = _spread_grid(row_id, row)
    if not single:
        return spread
    twins = []
    for own_id, own in spread:
        alone = Document(_copy(own.data), Places(dict(own.places.lines)))
        alone.data |= {"alone": True, "label": f"{own.data['label']}, each task alone", "marks": []}
        twins += [(own_id, own), (f"{own_id}-single", alone)]
    return twins


def _spread_grid(row_id: str, row: Document) -> list[tuple[str, Document]]:
    """Return the row itself, or one row for each combination of its ``grid:``."""
    grid = row.data.pop("grid")
    if grid is None:
        return [(row_id, row)]

    def fail(path: KeyPath, message: str) -> UserError:
        shown = Places({("rows", row_id, "grid", *path): row.places.at(("grid", *path))})
        return UserError(shown.error(("rows", row_id, "grid", *path), message))

    if not isinstance(grid, dict) or not grid:
        raise fail((), f"expected a mapping of options to lists of values, got {grid!r}")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise fail((key,), f"expected a list of values, got {values!r}")
        if key in row.data["options"]:
            raise fail((key,), "the option is both set in the row and spread by its grid")
    spread = []
    for picks in itertools.product(*(range(len(values)) for values in grid.values())):
        chosen = {key: grid[key][pick] for key, pick in zip(grid, picks, strict=True)}
        one = Document(_copy(row.data), Places(dict(row.places.lines)))
        for key, pick in zip(grid, picks, strict=True):
            target = key.split(".") if _is_own(key) else ["options", *key.split(".")]
            put(one, target, grid[key][pick], row.places.at(("grid", key, pick)))
        one.data["label"] = _label(row_id, row, chosen)
        spread.append((f"{row_id}-{'-'.join(_slug(value) for value in chosen.values())}", one))
    return spread


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}


def _is_own(key: str) -> bool:
    """Tell whether a grid key is the row's own (method, protocol.*) and not an option."""
    return key in ("method", "tasks") or key.startswith(("protocol.", "options."))


def _slug(value: Any) -> str:
    """Write a grid value as a part of a row id."""
    if isinstance(value, list):
        return "+".join(_slug(item) for item in value)
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return re.sub(r"[^A-Za-z0-9_.+=-]+", "_", text)


def _label(row_id: str, row: Document, chosen: dict[str, Any]) -> str:
    """Return the label of one row of a grid: its template filled, or the choice appended."""
    label = row.data["label"]
    short = {key.rsplit(".", 1)[-1]: value for key, value in chosen.items()}
    if isinstance(label, str) and "{" in label:
        try:
            return label.format(**{**row.data["options"], **short})
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            place = row.places.at(("label",))
            raise UserError(
                f"{place}: rows.{row_id}.label: cannot fill '{label}' ({type(error).__name__}: "
                f"{error}). Names that can be used: {', '.join(short)}."
            ) from None
    return f"{label} ({', '.join(f'{key} {value}' for key, value in short.items())})"
