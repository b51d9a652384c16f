"""RAF-DB's label list and its manual annotations: formats and parsing.

``EmoLabel/list_patition_label.txt`` (so spelt) has lines ``train_00001.jpg 5``, split by a space or
a tab. ``Annotation/manual/train_00001_manu_attri.txt`` has five lines ``x<TAB>y`` in pixels of the
original image (eyes, nose tip, mouth corners), then a line each for gender, race and age.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench_datasets.expressions import EXPRESSIONS
from farbench_datasets.text_files import open_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LABELS = ("EmoLabel/list_patition_label.txt", "list_patition_label.txt")

GENDERS = ("Male", "Female")
"""In the files' numbering; 2 is unsure."""
RACES = ("Caucasian", "African-American", "Asian")
AGES = ("0-3", "4-19", "20-39", "40-69", "70+")

_ATTRIBUTES: dict[str, tuple[str | None, ...]] = {
    "gender": (*GENDERS, None),
    "race": RACES,
    "age": AGES,
}
"""What lines 6 to 8 of an annotation hold, by number."""

_NAME = re.compile(r"(train|test)_\w+\Z")
_POINT = re.compile(r"([+-]?\d+(?:\.\d*)?)[\s,]+([+-]?\d+(?:\.\d*)?)\Z")


def label_file(base: Path) -> Path | None:
    """Return the label list below a folder, or None."""
    return next((base / name for name in LABELS if (base / name).is_file()), None)


def read_labels(path: Path) -> dict[str, str]:
    """Return the expression of each image ("train_00001").

    Raises:
        UserError: A row is malformed or names an image again; the message names its line.
    """
    labels: dict[str, str] = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if not fields:
                continue
            name, _, suffix = fields[0].rpartition(".")
            if len(fields) != 2 or not suffix or not _NAME.match(name):
                raise UserError(
                    f"{path}:{number}: expected a name and a label (train_00001.jpg 5), found "
                    f"'{line.strip()[:60]}'."
                )
            if fields[1] not in tuple("1234567"):
                raise UserError(
                    f"{path}:{number}: {fields[0]} has the label {fields[1]}; allowed are 1 to 7 "
                    f"({', '.join(EXPRESSIONS)})."
                )
            if name in labels:
                raise UserError(f"{path}:{number}: {fields[0]} is there twice; keep one row.")
            labels[name] = EXPRESSIONS[int(fields[1]) - 1]
    if not labels:
        raise UserError(f"{path} holds no rows.")
    return labels


def read_manual(
    folder: Path, names: Sequence[str]
) -> tuple[dict[str, list[str | None]], NDArray[np.float32], int]:
    """Read the manual annotations of some images.

    Args:
        folder: ``Annotation/manual``.
        names: Images ("train_00001").

    Returns:
        The columns gender, race and age (None where unsure or without a file); landmarks, float32
        ``(len(names), 5, 2)`` in pixels of the original image, NaN without a file; and the number
        of images without a file.

    Raises:
        UserError: A file is malformed; the message names it and its line.
    """
    import numpy as np

    columns: dict[str, list[str | None]] = {attribute: [] for attribute in _ATTRIBUTES}
    points = np.full((len(names), 5, 2), np.nan, np.float32)
    missing = 0
    for position, name in enumerate(names):
        path = folder / f"{name}_manu_attri.txt"
        if not path.is_file():
            missing += 1
            for column in columns.values():
                column.append(None)
            continue
        with open_text(path) as text:
            lines = text.read().split("\n")
        points[position] = [_point(path, number, lines) for number in range(5)]
        for line, (attribute, classes) in enumerate(_ATTRIBUTES.items(), start=5):
            columns[attribute].append(_class(path, line, lines, attribute, classes))
    return columns, points, missing


def _point(path: Path, position: int, lines: list[str]) -> tuple[float, float]:
    line = lines[position].strip() if position < len(lines) else ""
    match = _POINT.match(line)
    if match is None:
        raise UserError(
            f"{path}:{position + 1}: expected x and y of a landmark, found '{line[:40]}'."
        )
    return float(match[1]), float(match[2])


def _class(
    path: Path, position: int, lines: list[str], attribute: str, classes: Sequence[str | None]
) -> str | None:
    value = lines[position].strip() if position < len(lines) else ""
    if not value.isdecimal() or int(value) >= len(classes):
        raise UserError(
            f"{path}:{position + 1}: {attribute} is '{value[:40]}'; allowed are 0 to "
            f"{len(classes) - 1}."
        )
    return classes[int(value)]
