"""The baseline file: a snapshot as JSON that is small, sorted, and changes line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farbench.errors import UserError, in_a_line
from farbench.gate.keys import Flat, Leaf, Stages
from farbench.gate.snapshot import Snapshot
from farbench.limits import JSON, read_whole
from farbench.store.shapes import check_shape
from farbench.tables.files import write_text

SCHEMA = 1
COMMON = "common"
"""Instead of a recipe's name: what all stages of all recipes share, written once."""


def write_baseline(path: Path, taken: Snapshot) -> None:
    """Write a baseline: no predictions, no images, no paths. The same cells give the same bytes.

    Raises:
        UserError: No cell is finished, or the file cannot be written.
    """
    if not any(row.tasks for datasets in taken.rows.values() for row in datasets.values()):
        raise UserError(
            f"no cell of '{taken.benchmark}' is finished, so there is nothing to keep. "
            "Run it first: `farbench run`."
        )
    dumped = taken.model_dump(mode="json", exclude_defaults=True)
    held: dict[str, Any] = {"schema": SCHEMA, **dumped}
    held["recipes"] = _packed(taken.recipes)
    write_text(path, json.dumps(held, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_baseline(path: Path) -> Snapshot:
    """Read a baseline.

    Raises:
        UserError: It is not there, damaged, or of another schema.
    """
    again = "Make it again: `farbench baseline DIR -o FILE`."
    try:
        held = json.loads(read_whole(path, JSON))
    except FileNotFoundError:
        raise UserError(f"baseline {path} does not exist. {again}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"baseline {path} cannot be read: {error}. {again}") from error
    if not isinstance(held, dict) or "schema" not in held:
        raise UserError(f"{path} is no baseline of farbench. {again}")
    if held.pop("schema") != SCHEMA:
        raise UserError(f"baseline {path} is of another schema than {SCHEMA}. {again}")
    check_shape(path, held, {"recipes!": {...: {...: object}}}, again)
    packed = held["recipes"]
    check_shape(path, packed, {f"{COMMON}!": {...: object}}, again, "recipes")
    own = {name: stages for name, stages in packed.items() if name != COMMON}
    check_shape(path, own, {...: {...: {...: object}}}, again, "recipes")
    try:
        taken = Snapshot.model_validate({**held, "recipes": _unpacked(packed[COMMON], own)})
    except ValidationError as error:
        first = error.errors()[0]
        what = in_a_line(".".join(map(str, first["loc"])))
        raise UserError(f"baseline {path} is damaged ({what}: {first['msg']}). {again}") from error
    unnamed = _unnamed(taken)
    if unnamed:
        raise UserError(f"baseline {path} is damaged (it has no {unnamed}). {again}")
    return taken


def _packed(recipes: dict[str, Stages]) -> dict[str, Any]:
    """Take out what all stages of all recipes share."""
    stages = [stage for recipe in recipes.values() for stage in recipe.values()]
    first = stages[0] if stages else {}
    common = {
        key: value
        for key, value in first.items()
        if all(key in stage and _same(stage[key], value) for stage in stages)
    }
    own = {
        name: {
            stage: {key: value for key, value in values.items() if key not in common}
            for stage, values in recipe.items()
        }
        for name, recipe in recipes.items()
    }
    return {COMMON: common, **own}


def _unnamed(taken: Snapshot) -> str:
    """Return the first recipe or machine that a result names and that is not there, or nothing."""
    results = (
        one
        for datasets in taken.rows.values()
        for row in datasets.values()
        for task in row.tasks.values()
        for one in task.seeds.values()
    )
    for one in results:
        if one.recipe not in taken.recipes:
            return f"recipe '{in_a_line(one.recipe)}'"
        if one.machine not in taken.machines:
            return f"machine '{in_a_line(one.machine)}'"
    return ""


def _same(one: Leaf, other: Leaf) -> bool:
    return type(one) is type(other) and one == other


def _unpacked(common: Flat, own: dict[str, Stages]) -> dict[str, Stages]:
    """Put it back."""
    return {
        name: {stage: {**common, **values} for stage, values in recipe.items()}
        for name, recipe in own.items()
    }
