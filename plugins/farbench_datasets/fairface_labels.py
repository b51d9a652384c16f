"""FairFace's label files: the official words, and ages that a spreadsheet took for dates."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from farbench.errors import UserError, did_you_mean
from farbench_datasets.folder_dataset import IMAGE_NAME
from farbench_datasets.text_files import open_text

VOCABULARIES: dict[str, tuple[str, ...]] = {
    "age": (
        *("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69"),
        "more than 70",
    ),
    "gender": ("Male", "Female"),
    "race": (
        *("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian"),
        *("Indian", "Middle Eastern"),
    ),
}
"""Column -> its words, as the files have them."""

_MONTHS = {"mar": "3-9", "sep": "3-9", "oct": "10-19"}
"""Only two groups can be taken for a date: 3-9 (9 March or 3 September), 10-19 (19 October)."""

_NUMERIC_DATES = {frozenset({3, 9}): "3-9", frozenset({10, 19}): "10-19"}


def read_labels(path: Path, split: str, notes: list[str]) -> dict[str, dict[str, str]]:
    """Return age, gender and race of each image ("train/1.jpg") of a label file.

    Args:
        path: A CSV with the columns file, age, gender, race (and others).
        split: train or val, the folder of the images.
        notes: A line is added about ages that were repaired.

    Raises:
        UserError: A column is missing, or a row is malformed; the message names its line.
    """
    labels: dict[str, dict[str, str]] = {}
    repairs: Counter[str] = Counter()
    with open_text(path, newline="") as file:
        rows = csv.reader(file)
        header = [name.strip() for name in next(rows, [])]
        missing = [column for column in ("file", *VOCABULARIES) if column not in header]
        if missing:
            raise UserError(
                f"{path}: the header lacks {', '.join(missing)}. Expected file,age,gender,race."
            )
        for fields in rows:
            if not any(fields):
                continue
            where = f"{path}:{rows.line_num}"
            if len(fields) != len(header):
                raise UserError(f"{where}: expected {len(header)} values, found {len(fields)}.")
            row = {name: field.strip() for name, field in zip(header, fields, strict=True)}
            folder, _, name = row["file"].rpartition("/")
            if folder not in (split, "") or not IMAGE_NAME.match(name):
                raise UserError(
                    f"{where}: '{row['file'][:60]}' is not an image of {split} ({split}/NAME.jpg)."
                )
            image = f"{split}/{name}"
            if image in labels:
                raise UserError(f"{where}: {image} is there twice; keep one row.")
            if row["age"] not in VOCABULARIES["age"]:
                group = _repair(row["age"])
                if group is not None:
                    repairs[f"{row['age']} -> {group}"] += 1
                    row["age"] = group
            for column, words in VOCABULARIES.items():
                if row[column] not in words:
                    raise UserError(
                        f"{where}: {column} is '{row[column][:40]}'."
                        f"{did_you_mean(row[column], words)} Allowed: {', '.join(words)}."
                    )
            labels[image] = {column: row[column] for column in VOCABULARIES}
    if repairs:
        notes.append(
            f"{path.name}: {repairs.total():,} ages were damaged by a spreadsheet or written in "
            f"another way and are repaired ({', '.join(sorted(repairs))})."
        )
    return labels


def _repair(age: str) -> str | None:
    """Return the age group that a spreadsheet took for a date ("9-Mar"), or None if it is none."""
    if age == "70+":
        return "more than 70"
    month = re.search(r"[a-z]{3}", age.lower())
    if month is not None:
        return _MONTHS.get(month[0])
    numbers = {int(number) for number in re.findall(r"\d+", age)}
    return next((group for date, group in _NUMERIC_DATES.items() if date <= numbers), None)
