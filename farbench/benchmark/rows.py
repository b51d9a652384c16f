"""Expands the rows of a benchmark: written out, spread by ``grid:``, made by ``ablate:``, alone."""

from __future__ import annotations

import functools
import itertools
import operator
import re
import string
from typing import Any

from farbench.benchmark.ablate import ablation_rows
from farbench.benchmark.explain import as_written
from farbench.benchmark.places import Document, KeyPath, Places, dotted, put
from farbench.errors import UserError, did_you_mean

RESERVED = ("method", "label", "marks", "protocol", "grid", "options", "tasks", "single_task")
"""Keys of a row that are not method options."""

_TEMPLATE, _SPREAD = "<label>", "<grid>"
"""Keys of an expanded row until its label is filled: the label as written, the keys of its grid."""

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
        raise fail((), f"expected a mapping such as {{method: baseline}}, got {as_written(raw)}")
    given = {key: value for key, value in raw.items() if value is not None}
    grid = given.get("grid")
    if "method" not in raw and not (isinstance(grid, dict) and "method" in grid):
        raise fail((), f"'method' is missing.{did_you_mean('method', raw)}")
    options, protocol = given.get("options", {}), given.get("protocol", {})
    for key, value in (("options", options), ("protocol", protocol)):
        if not isinstance(value, dict):
            raise fail((key,), f"expected a mapping, got {as_written(value)}")
    if "extends" in protocol:
        raise fail(("protocol", "extends"), "a row changes keys of the benchmark's protocol only")
    content = Document(
        {
            "method": raw.get("method"),
            "label": raw.get("label", row_id),
            _TEMPLATE: raw.get("label", row_id),
            _SPREAD: (),
            "marks": given.get("marks", []),
            "protocol": dict(protocol),
            "options": dict(options),
            "grid": grid,
            "tasks": given.get("tasks", []),
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
            f"{place}: rows.{row_id}.single_task: expected true or false, got {as_written(single)}."
        )
    spread = _spread_grid(row_id, row)
    if not single:
        return spread
    twins = []
    for own_id, own in spread:
        alone = Document(_copy(own.data), Places(dict(own.places.lines)))
        alone.data |= {"alone": True, "marks": []}
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
        raise fail((), f"expected a mapping of options to lists of values, got {as_written(grid)}")
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise fail((key,), f"expected a list of values, got {as_written(values)}")
    spread = []
    for picks in itertools.product(*(range(len(values)) for values in grid.values())):
        one = Document(_copy(row.data), Places(dict(row.places.lines)))
        one.data[_SPREAD] = tuple(grid)
        for key, pick in zip(grid, picks, strict=True):
            put(one, _target(key), grid[key][pick], row.places.at(("grid", key, pick)))
        chosen = (grid[key][pick] for key, pick in zip(grid, picks, strict=True))
        spread.append((f"{row_id}-{'-'.join(_slug(value) for value in chosen)}", one))
    for key in grid:
        if key in row.data["options"]:
            ids = " or ".join(f"rows.{own_id}.{key}" for own_id, _ in spread)
            raise fail(
                (key,),
                "the option is both set in the row and spread by its grid. Set it in one of the "
                f"rows that the grid makes ({ids}), or set rows.{row_id}.grid.{key}",
            )
    return spread


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    return {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}


def _target(key: str) -> list[str]:
    """Return where in a row a grid key belongs: it is the row's own, or that of an option."""
    own = key in ("method", "tasks") or key.startswith(("protocol.", "options."))
    return key.split(".") if own else ["options", *key.split(".")]


def _slug(value: Any) -> str:
    """Write a grid value as a part of a row id."""
    if isinstance(value, list):
        return "+".join(_slug(item) for item in value)
    text = str(value).lower() if isinstance(value, bool) or value is None else str(value)
    return re.sub(r"[^A-Za-z0-9_.+=-]+", "_", text)


def fill_labels(rows: Document) -> tuple[str, ...]:
    """Fill the labels of rows that grids made, from their options as ``--set`` left them.

    Args:
        rows: ``{"rows": {id: row}}`` as expanded; changed in place.

    Returns:
        A sentence for each label that cannot be filled. It stays as it is: if an option's name is
        misspelt, that is to be told first.
    """
    mistakes = []
    for row_id, row in rows.data["rows"].items():
        template, grid = row.pop(_TEMPLATE), row.pop(_SPREAD)
        if row["label"] != template:  # --set of this row alone
            continue
        try:
            row["label"] = _label(row, grid)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            known = list(dict.fromkeys([*map(_last, grid), *row["options"]]))
            why = f"{error}" if not isinstance(error, KeyError) else f"it has no {error}"
            hint = did_you_mean(str(error.args[0]), known) if isinstance(error, KeyError) else ""
            path = ("rows", row_id, "label")
            mistakes.append(
                f"{rows.places.at(path)}: {dotted(path)}: cannot fill '{template}': {why}.{hint} "
                f"Names that can be used: {', '.join(known)}."
            )
    return tuple(mistakes)


def _label(row: dict[str, Any], grid: tuple[str, ...]) -> Any:
    """Return a row's label: its template filled, or what the grid chose appended."""
    label = row["label"]
    chosen = {_last(key): functools.reduce(operator.getitem, _target(key), row) for key in grid}
    if grid and isinstance(label, str) and "{" in label:
        label = _Filler().vformat(label, (), {**row["options"], **chosen})
    elif grid:
        label = f"{label} ({', '.join(f'{key} {value}' for key, value in chosen.items())})"
    return f"{label}, each task alone" if row.get("alone") else label


class _Filler(string.Formatter):
    """``str.format``, but for padding that would fill the memory."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if re.search(r"[0-9]{3}", format_spec):
            raise ValueError(f"'{format_spec}' asks for more than 99 characters or digits")
        return str(super().format_field(value, format_spec))


def _last(key: str) -> str:
    return key.rsplit(".", 1)[-1]
