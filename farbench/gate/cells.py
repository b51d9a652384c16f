"""Finds a cell on disk by its folder or by the beginning of its hash, and compares identities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.gate.keys import (
    LONG,
    Change,
    Flat,
    changes,
    flat,
    manifest_of,
    stage_changes,
    stages_of,
)
from farbench.store.atomic import read_json
from farbench.store.cells import CELL

MASKS = "masks: "
"""Before the names of what the mask network is made of."""

SHORTEST = 4
"""Characters of a hash that are taken for one."""


@dataclass(frozen=True)
class Differences:
    """What differs between two identities, by part."""

    recipe: list[Change]
    code: list[Change]
    numerics: list[Change]

    def __bool__(self) -> bool:
        return bool(self.recipe or self.code or self.numerics)


def find_cell(cell: str, results: Path) -> Path:
    """Return the folder of a cell.

    Args:
        cell: Its folder, or the beginning of its hash.
        results: The results root that is searched for the hash.

    Raises:
        UserError: There is none, or several.
    """
    if cell and (Path(cell) / CELL).is_file():
        return Path(cell)
    if cell and Path(cell).is_dir():
        raise UserError(f"{cell} is no folder of a cell: it has no {CELL}.")
    found = []
    if len(cell) >= SHORTEST:
        folders = sorted(path.parent for path in results.glob(f"**/*-s*-*/{CELL}"))
        found = [one for one in folders if _has_hash(one, cell)]
    if len(found) > 1:
        listed = ", ".join(str(one) for one in found[:5]) + (", ..." if len(found) > 5 else "")
        raise UserError(f"several cells have a hash that begins with '{cell}': {listed}.")
    if not found:
        raise UserError(
            f"no cell '{cell}' in {results}: give a cell's folder, or at least the first "
            f"{SHORTEST} characters of its hash (the end of the folder's name). Another results "
            "folder is given with --results DIR."
        )
    return found[0]


def read_cell(folder: Path) -> dict[str, Any]:
    """Return a cell's record.

    Raises:
        UserError: It is damaged, or has no identity.
    """
    record: dict[str, Any] = read_json(folder / CELL)
    identity = record.get("identity") if isinstance(record, dict) else None
    if not isinstance(identity, dict) or not {"recipe", "code", "numerics"} <= set(identity):
        raise UserError(f"{folder / CELL} holds no identity: it is no cell of farbench.")
    return record


def compare(before: dict[str, Any], after: dict[str, Any]) -> Differences:
    """Compare two identities, as ``cell.json`` has them."""
    one, other = before["recipe"], after["recipe"]
    recipe = [
        *changes(_whole(one), _whole(other)),
        *stage_changes(stages_of(one), stages_of(other)),
    ]
    code = changes(_code(before["code"]), _code(after["code"]))
    # What the masks share with the rest is told once.
    bare = {change.key for change in code}
    code = [c for c in code if not (c.key.startswith(MASKS) and c.key.removeprefix(MASKS) in bare)]
    return Differences(recipe, code, changes(flat(before["numerics"]), flat(after["numerics"])))


def _has_hash(folder: Path, beginning: str) -> bool:
    if folder.name.rpartition("-")[2].startswith(beginning[:8]):
        if len(beginning) <= 8:
            return True
        key = read_cell(folder)["identity"].get("key")
        return isinstance(key, str) and key.startswith(beginning)
    return False


def _whole(recipe: dict[str, Any]) -> Flat:
    """Return what of a recipe belongs to no stage."""
    manifest = manifest_of(recipe)
    return {"seed": recipe.get("seed"), "data.manifest": manifest and LONG + manifest}


def _code(code: dict[str, Any], prefix: str = "") -> Flat:
    """Return modules by name, libraries by name, and an earlier stage's code as a whole."""
    found: Flat = {f"{prefix}{n}": LONG + d for n, d in (code.get("modules") or {}).items()}
    found |= {f"{prefix}{name}": v for name, v in (code.get("libraries") or {}).items()}
    if code.get("masks"):
        found |= _code(code["masks"], MASKS)
    if code.get("parent"):
        found["an earlier stage's code"] = LONG + code["parent"]
    return found
