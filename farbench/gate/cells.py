"""Finds a cell on disk by its folder, its row or its hash, and compares identities."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farbench.errors import UserError, unknown_name
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
from farbench.plugins.files import MODULE, is_file
from farbench.store.atomic import read_json
from farbench.store.cells import CELL, PLAN
from farbench.store.shapes import CELL as CELL_SHAPE
from farbench.store.shapes import PLAN as PLAN_SHAPE
from farbench.store.shapes import check_shape

MASKS = "masks: "
"""Before the names of what the mask network is made of."""

MANIFEST = "data.manifest"
"""The key of a change of the data: ids, splits, labels, points or file sizes."""

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
        cell: Its folder; its row as ``DIR/ROW``, DIR being the benchmark's folder; or the
            beginning of its hash.
        results: The results root that is searched for the hash.

    Raises:
        UserError: There is none, or several.
    """
    if cell and (Path(cell) / CELL).is_file():
        return Path(cell)
    if cell and Path(cell).is_dir():
        known = ", ".join(dict.fromkeys(row for row, _ in _planned(Path(cell))))
        hint = f" Say which row of the benchmark: {Path(cell) / 'ROW'} ({known})." if known else ""
        raise UserError(f"{cell} is no folder of a cell: it has no {CELL}.{hint}")
    planned = _planned(Path(cell).parent) if cell else []
    if (row := _of_row(cell, planned)) is not None:
        return row
    if planned and Path(cell).name != cell:
        raise _not_planned(Path(cell), {row for row, _ in planned})
    found = []
    if len(cell) >= SHORTEST:
        folders = sorted(path.parent for path in results.glob(f"**/*-s*-*/{CELL}"))
        found = [one for one in folders if _has_hash(one, cell)]
    if len(found) > 1:
        listed = ", ".join(str(one) for one in found[:5]) + (", ..." if len(found) > 5 else "")
        raise UserError(f"several cells have a hash that begins with '{cell}': {listed}.")
    if not found:
        raise UserError(
            f"no cell '{cell}' in {results}: give a cell's folder, a row as DIR/ROW, or at least "
            f"the first {SHORTEST} characters of its hash (the end of the folder's name). Another "
            "results folder is given with --results DIR."
        )
    return found[0]


def _not_planned(cell: Path, rows: set[str]) -> UserError:
    """Build the error for ``DIR/ROW`` that no row of the plan answers to.

    Args:
        cell: DIR/ROW.
        rows: Ids of the rows that the plan has.
    """
    row, folder = cell.name, cell.parent
    there = [path.parent for path in sorted(folder.glob(f"*-s*-*/{CELL}"))]
    near = [path for path in there if path.name.startswith(row)]  # of se-4 too, where se is asked
    own = [str(path) for path in near if read_cell(path).get("row") == row]
    if not own:
        return unknown_name("row", row, rows, str(folder))
    return UserError(
        f"row '{row}' is not in the current plan of {folder}: the last run left it out (--rows), "
        "or its cells were made with other code or settings. Give the folder of one: "
        f"{', '.join(own)}."
    )


def _planned(folder: Path) -> list[tuple[str, Path]]:
    """Return the row and the folder of each current cell of a benchmark's folder."""
    path = folder / PLAN
    if not path.is_file():
        return []
    plan = read_json(path)
    check_shape(path, plan, {"cells!": PLAN_SHAPE["cells!"]})
    return [(cell["row"], folder / cell["folder"]) for cell in plan["cells"]]


def _of_row(cell: str, planned: list[tuple[str, Path]]) -> Path | None:
    """Return the one cell of a row; ``ROW.TASK`` where its tasks are trained alone.

    Raises:
        UserError: The row has several cells.
    """
    name = Path(cell).name
    alone = f"{name}-" if "." in name else None
    found = [
        path for row, path in planned if row == name or (alone and path.name.startswith(alone))
    ]
    if len(found) > 1:
        listed = ", ".join(path.name for path in found[:5]) + (", ..." if found[5:] else "")
        raise UserError(f"row '{name}' has several cells, give the folder of one: {listed}.")
    return found[0] if found else None


def read_cell(folder: Path) -> dict[str, Any]:
    """Return a cell's record.

    Raises:
        UserError: It is damaged, or has no identity; the file and the key are named.
    """
    record: dict[str, Any] = read_json(folder / CELL)
    identity = record.get("identity") if isinstance(record, dict) else None
    if not isinstance(identity, dict):
        raise UserError(f"{folder / CELL} holds no identity: it is no cell of farbench.")
    check_shape(folder / CELL, record, CELL_SHAPE)
    parts = {"recipe!": {...: object}, "code!": {...: object}, "numerics!": {...: object}}
    check_shape(folder / CELL, identity, parts, name="identity")
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


def _source(module: str) -> str:
    """Return a module's name; of a plugin file, that of the file (an identity has no paths)."""
    return f"{module.removeprefix(MODULE)}.py" if is_file(module) else module


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
    return {"seed": recipe.get("seed"), MANIFEST: manifest and LONG + manifest}


def _code(code: dict[str, Any], prefix: str = "") -> Flat:
    """Return modules by name, libraries by name, and an earlier stage's code as a whole."""
    modules = code.get("modules") or {}
    found: Flat = {f"{prefix}{_source(name)}": LONG + d for name, d in modules.items()}
    found |= {f"{prefix}{name}": v for name, v in (code.get("libraries") or {}).items()}
    if code.get("masks"):
        found |= _code(code["masks"], MASKS)
    if code.get("parent"):
        found["an earlier stage's code"] = LONG + code["parent"]
    return found
