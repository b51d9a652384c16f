"""What the JSON files of results hold, checked when they are read: a wrong type is told by its key.

Results are edited by hand, merged by git and written by other programs, so what is read is not
always what was written. A shape is written as the file would be:

* ``str``, ``bool``, ``int``, ``float`` (any finite number), ``object`` (anything), and
  ``FolderName``;
* ``[shape]``: a list of such things, none of them null (unless ``object``);
* ``{...: shape}``: a mapping of any names to such things, none of them null if they are mappings or
  lists;
* ``{"key": shape}``: a mapping; a key may be absent or null unless it ends in ``!``, and keys that
  are not named may hold anything, so that files of other versions stay readable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from farbench.errors import UserError

Shape = Any


class FolderName:
    """In a shape: text that can name a folder, and never points out of the one it lies in."""


TASK: Shape = {
    "kind!": str,
    "name!": str,
    "attributes": [str],
    "classes": [str],
    "unit": str,
    "low": float,
    "high": float,
    "points": str,
    "count": int,
    "mirror": [int],
    "eyes": [[int]],
    "size": int,
}

PROTOCOL: Shape = {
    "name": str,
    "images": {...: float},
    "crop": int,
    "epochs": int,
    "selection": str,
    "substitute": {...: str},
    "masks": {"encoder": str, "size": int, "epochs": int},
}

PLAN: Shape = {
    "farbench": str,
    "benchmark!": {
        "name!": str,
        "title": str,
        "caption": str,
        "metrics": [str],
        "marks": [str],
        "compare": str,
        "published": [str],
        "datasets": [object],
        "protocol": PROTOCOL,
        "rows!": [
            {
                "id!": str,
                "label": str,
                "marks": [str],
                "options": {...: object},
                "protocol": {...: object},
                "alone": bool,
            }
        ],
    },
    "cells!": [
        {
            "row!": str,
            "dataset!": str,
            "seed!": int,
            "folder!": FolderName,
            "key": str,
            "reason": str,
            "command": str,
            "tasks": [str],
        }
    ],
    "tasks": {...: [TASK]},
    "left_out": [str],
    "notes": [str],
}
"""``plan.json``."""

MADE: Shape = {"groups": [[str]], "protocol": {...: object}}
MADE["masks"] = MADE
TRAINING: Shape = {
    "stage": str,
    "micro_batch": int,
    "data": {"manifest": str},
    "masks": {"made!": MADE},
}
TRAINING["parent"] = TRAINING

CODE: Shape = {"modules": {...: str}, "libraries": {...: str}, "parent": str}
CODE["masks"] = CODE

CELL: Shape = {
    "row": str,
    "seed": int,
    "status": str,
    "tasks": [TASK],
    "losses": {...: str},
    "weighting": str,
    "substituted": {...: str},
    "dataset": {
        "name": str,
        "title": str,
        "options": {...: object},
        "entries": [{...: object}],
        "synthetic": bool,
        "images_may_be_shown": bool,
        "images": {...: int},
        "notes": [str],
    },
    "identity": {
        "key": str,
        "recipe": {"training": TRAINING},
        "code": CODE,
        "numerics": {"device": str, "precision": str},
    },
    "method": {"name": str, "options": {...: object}},
    "protocol": PROTOCOL,
    "attributes": {...: [str]},
    "groups": {...: [int]},
    "environment": {
        "farbench": str,
        "commit": str,
        "device": str,
        "processor": str,
        "precision": str,
        "threads": int,
        "cells_at_once": int,
        "libraries": {...: str},
    },
    "stages": [
        {
            "name": str,
            "steps": int,
            "trunk_steps": int,
            "images_per_second": float,
            "minutes": float,
        }
    ],
    "keypoints": str,
    "masks": {"f1": {...: float}, "key": str, "area": float, "minutes": float},
    "selection": {"rule": str, "epoch": int},
    "train_prevalence": {...: [float]},
    "statistics": {
        ...: {"prevalence": [float], "mean": [float], "std": [float], "identities": int}
    },
    "parameters": int,
    "costs": {...: float},
    "metric_version": int,
    "minutes": float,
    "finished": str,
    "files": {...: {"bytes!": int, "crc32!": str, "of!": int}},
}
"""``cell.json``."""


def check_shape(path: Path, value: object, shape: Shape, advice: str = "", name: str = "") -> None:
    """Refuse what is not of a shape.

    Args:
        path: The file it was read from.
        value: What it holds.
        shape: As the docstring of this module says.
        advice: What to do about it, a sentence.
        name: The key of the value, where the file holds more.

    Raises:
        UserError: Names the file and the key of the first thing that is wrong.
    """
    wrong = f"{name or 'the whole'} is missing" if value is None else misfit(value, shape, name)
    if wrong:
        raise UserError(f"{path}: {wrong}. {advice}".rstrip())


def check_scores(path: Path, value: object, advice: str = "", name: str = "") -> None:
    """Refuse what is no ``metrics.json``: numbers by task and metric, and mappings for details.

    Args:
        path: The file it was read from.
        value: What it holds.
        advice: What to do about it, a sentence.
        name: The key of the scores, where the file holds more.

    Raises:
        UserError: Names the file and the key of the first thing that is wrong.
    """
    wrong = misfit(value, {...: {...: object}}, name)
    if not wrong and isinstance(value, dict):
        for task, scores in value.items():
            for key, held in scores.items():
                detail = "_per_" in key or key in ("reference", "confusion")
                shape = {...: {...: float} if key == "confusion" else float} if detail else float
                wrong = wrong or misfit(held, shape, f"{name}.{task}.{key}".lstrip("."))
    if wrong:
        raise UserError(f"{path}: {wrong}. {advice}".rstrip())


def misfit(value: object, shape: Shape, name: str = "") -> str:
    """Return what does not fit, as ``"cells[0].seed is 'x', not a whole number"``; else nothing.

    Args:
        value: What was read.
        shape: What it should be.
        name: The key under which it stands; empty for the whole file.
    """
    if value is None:
        return ""
    if isinstance(shape, dict):
        return _mapping_misfit(value, shape, name)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _not(value, "a list", name)
        if None in value and shape[0] is not object:
            return f"{name}[{value.index(None)}] is missing"
        below = (misfit(held, shape[0], f"{name}[{i}]") for i, held in enumerate(value))
        return next(filter(None, below), "")
    return "" if _fits(value, shape) else _not(value, _WORDS[shape], name)


def _mapping_misfit(value: object, shape: dict[Any, Shape], name: str) -> str:
    if not isinstance(value, dict):
        return _not(value, "a mapping", name)
    prefix = f"{name}." if name else ""
    if ... in shape:
        inner = shape[...]
        if inner is float and all(map(_is_number, value.values())):  # most of what is read
            return ""
        if isinstance(inner, dict | list) and None in value.values():
            absent = next(key for key, held in value.items() if held is None)
            return f"{prefix}{absent} is missing"
        below = (misfit(held, inner, f"{prefix}{key}") for key, held in value.items())
        return next(filter(None, below), "")
    for key, inner in shape.items():
        plain = key.removesuffix("!")
        held = value.get(plain)
        if held is None and plain != key:
            return f"{prefix}{plain} is missing"
        wrong = "" if held is None else misfit(held, inner, f"{prefix}{plain}")
        if wrong:
            return wrong
    return ""


_WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    FolderName: "a folder's name",
}


def _fits(value: object, kind: type) -> bool:
    if kind is float:
        return _is_number(value)
    if kind is FolderName:
        named = isinstance(value, str) and value.isprintable() and len(value.encode()) < 256
        return named and value not in ("", ".", "..") and "/" not in str(value)
    if kind is int:
        return type(value) is int and abs(value) < 2**63
    return isinstance(value, kind)


def _is_number(value: object) -> bool:
    """Whether it is a finite number, or null: then nothing was measured."""
    return value is None or (type(value) in (int, float) and -1e300 < value < 1e300)  # type: ignore[operator]


def _not(value: object, wanted: str, name: str) -> str:
    text = "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else ""
    text = text or (str(value).lower() if isinstance(value, bool) else repr(value)[:60])
    return f"{name or 'the whole'} is {text}, not {wanted}"
