"""Identities as flat keys: small enough to keep in a baseline, and easy to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from farbench.benchmark.identity import digest

Leaf = str | int | float | bool | None
Flat = dict[str, Leaf]
"""Dotted key to value. A value of more than ``LONGEST`` characters is its digest, after a #."""
Stages = dict[str, Flat]
"""A recipe: stage name to what the stage is made of."""

LONGEST = 60
ABSENT = "(absent)"
LONG = "#"


@dataclass(frozen=True)
class Change:
    """A key whose value is another one; ``ABSENT`` where one side lacks it."""

    key: str
    before: Leaf
    after: Leaf

    def __str__(self) -> str:
        if self.before == ABSENT and _is_long(self.after):
            return f"{self.key} new"
        if self.after == ABSENT and _is_long(self.before):
            return f"{self.key} gone"
        if _is_long(self.before) and _is_long(self.after):
            return f"{self.key} changed"
        return f"{self.key} {_as_yaml(self.before)} -> {_as_yaml(self.after)}"


def _as_yaml(value: Leaf) -> str:
    """Return a value as YAML would have it."""
    if isinstance(value, str):
        return "(long)" if _is_long(value) else value or "''"
    return json.dumps(value)


def flat(value: Mapping[str, Any], leave_out: object = None) -> Flat:
    """Return a nested mapping by dotted keys.

    Args:
        value: JSON-able. A list of things with names is taken for a mapping of them.
        leave_out: Values equal to this one are left out, unless it is None.
    """
    found: Flat = {}
    for key, inner in value.items():
        if isinstance(inner, list) and inner and all(_is_named(one) for one in inner):
            inner = {one["name"]: {k: v for k, v in one.items() if k != "name"} for one in inner}
        if isinstance(inner, Mapping) and inner:
            found |= {f"{key}.{below}": leaf for below, leaf in flat(inner, leave_out).items()}
        elif leave_out is None or inner != leave_out:
            found[key] = _leaf(inner)
    return found


def stages_of(recipe: Mapping[str, Any]) -> Stages:
    """Return a cell's recipe without its seed and data manifest, the last stage first.

    So the recipe of two seeds is the same; the manifest is compared by itself.
    """
    stages: Stages = {}
    manifest = manifest_of(recipe)
    stage = recipe.get("training")
    while stage:
        parent = stage.get("parent")
        kept = {k: v for k, v in stage.items() if k not in ("stage", "seed", "parent")}
        after = parent.get("stage") if parent else None
        stages[stage.get("stage") or ""] = flat(kept, manifest) | {"after": after}
        stage = parent
    return stages


def manifest_of(recipe: Mapping[str, Any]) -> str | None:
    """Return the digest of the data that a cell was trained and tested on."""
    data = (recipe.get("training") or {}).get("data") or {}
    return data.get("manifest")


def changes(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> list[Change]:
    """Return the keys whose values differ, those of ``after`` first."""
    keys = dict.fromkeys([*after, *before])
    every = [Change(key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys]
    # 1 == True, and 1 == 1.0: a recipe tells them apart.
    return [one for one in every if json.dumps(one.before) != json.dumps(one.after)]


def stage_changes(before: Stages, after: Stages) -> list[Change]:
    """Return what differs between two recipes.

    A change that all stages with this key have in common is one change of the bare key; any other
    has its stage's name before it (``global.epochs``).
    """
    found = [
        Change(f"stage {name}", *(("there", ABSENT) if name in before else (ABSENT, "there")))
        for name in dict.fromkeys([*after, *before])
        if (name in before) != (name in after)
    ]
    both = [name for name in after if name in before]
    where: dict[Change, list[str]] = {}
    for name in both:
        for change in changes(before[name], after[name]):
            where.setdefault(change, []).append(name)
    for change, names in where.items():
        have = [n for n in both if change.key in before[n] or change.key in after[n]]
        if names == have:
            found.append(change)
        else:
            found += [replace(change, key=f"{name}.{change.key}") for name in names]
    return found


def _is_named(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str)


def _is_long(value: Leaf) -> bool:
    return isinstance(value, str) and value.startswith(LONG)


def _leaf(value: Any) -> Leaf:
    """Return a value as it is kept: short, and without the folders of somebody's machine."""
    if isinstance(value, str):
        path = PurePath(value)
        value = path.name if path.is_absolute() and path.name else value
        return value if len(value) <= LONGEST else LONG + digest(value)[:12]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else LONG + digest(value)[:12]
