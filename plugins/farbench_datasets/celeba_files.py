"""CelebA's tables: where each layout keeps them, and how they are parsed.

Formats: the text tables have the number of rows in line 1 and the column names in line 2; partition
and identities have no header; Kaggle's CSV files have one header line with ``image_id`` first.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.errors import UserError
from farbench.tasks.attributes import CELEBA_ATTRIBUTES
from farbench_datasets.text_files import open_text

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def _places(stem: str, folder: str) -> tuple[str, ...]:
    """Return where a table may lie: at the top, as CSV, or in the official sub-folder."""
    return (f"{stem}.txt", f"{folder}/{stem}.txt", f"{stem}.csv", f"{folder}/{stem}.csv")


ATTRIBUTES = _places("list_attr_celeba", "Anno")
PARTITION = _places("list_eval_partition", "Eval")
LANDMARKS = _places("list_landmarks_align_celeba", "Anno")
IDENTITY = _places("identity_CelebA", "Anno")

IMAGE_NAME = re.compile(r"[\w.-]+\.(jpg|png)\Z", re.IGNORECASE)
"""An image's name: no separators, so that a label file can never point out of the folder."""

_SPLITS = {0: "train", 1: "valid", 2: "test"}
_LANDMARK_COLUMNS = tuple(
    f"{part}_{axis}"
    for part in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    for axis in "xy"
)
"""In the official file "left" means left in the image."""

_ALIGNED_WIDTH, _ALIGNED_HEIGHT = 178, 218


def find(root: Path, names: tuple[str, ...]) -> Path | None:
    """Return the first of ``names`` that is a file below ``root``, or None."""
    return next((root / name for name in names if (root / name).is_file()), None)


def read_attributes(path: Path, notes: list[str]) -> pd.DataFrame:
    """Return labels 1 and 0 as int8, one column an attribute, indexed by image name.

    Raises:
        UserError: The header lacks an attribute, or a row is malformed.
    """
    table, announced = _read_table(path, "int8")
    missing = [name for name in CELEBA_ATTRIBUTES if name not in table.columns]
    if missing:
        raise UserError(
            f"{path}: the header lacks {', '.join(missing)}. Expected the 40 attribute names."
        )
    table = table[list(CELEBA_ATTRIBUTES)]
    wrong = ((table != 1) & (table != -1)).any(axis=1).to_numpy()
    if wrong.any():
        name = table.index[wrong.argmax()]
        values = sorted(set(table.loc[name]) - {1, -1})
        raise UserError(
            f"{path}:{_line_of(path, name)}: {name} has the label {values[0]}; "
            "allowed are 1 and -1."
        )
    if announced is not None and announced != len(table):
        notes.append(
            f"{path.name} announces {announced:,} rows in line 1 but holds {len(table):,}."
        )
    return (table == 1).astype("int8")


def read_partition(path: Path) -> pd.Series[Any]:
    """Return train, valid or test, indexed by image name."""
    table, _ = _read_table(path, "int64", names=("partition",))
    numbers = table.iloc[:, 0]
    splits = numbers.map(_SPLITS)
    wrong = splits.isna().to_numpy()
    if wrong.any():
        name = table.index[wrong.argmax()]
        raise UserError(
            f"{path}:{_line_of(path, name)}: {name} has the partition {numbers[name]}; "
            "allowed are 0 (train), 1 (valid) and 2 (test)."
        )
    return splits


def read_identities(path: Path) -> pd.Series[Any]:
    """Return "celeba/<number>", indexed by image name."""
    table, _ = _read_table(path, "int64", names=("identity",))
    return "celeba/" + table.iloc[:, 0].astype("string")


def read_landmarks(path: Path, images: pd.Index[Any]) -> NDArray[np.float32]:
    """Return float32 ``(len(images), 5, 2)`` in pixels of the aligned image, NaN where unknown.

    Raises:
        UserError: A column is missing, a row is malformed, or the points belong to the images in
            the wild (``list_landmarks_celeba``), not to the aligned ones.
    """
    import numpy as np

    table, _ = _read_table(path, "float64")
    missing = [name for name in _LANDMARK_COLUMNS if name not in table.columns]
    if missing:
        raise UserError(
            f"{path}: the header lacks {', '.join(missing)}. "
            f"Expected image_id, {', '.join(_LANDMARK_COLUMNS)}."
        )
    if "dlib_face_found" in table.columns:
        table = table[table["dlib_face_found"] != 0]
    matched = table.reindex(images)[list(_LANDMARK_COLUMNS)]
    points = matched.to_numpy(dtype=np.float32).reshape(-1, 5, 2)
    known = points[~np.isnan(points).any(axis=(1, 2))]
    if len(known) == 0:
        raise UserError(f"{path}: no row names any of the images.")
    outside = ((known < -1) | (known > (_ALIGNED_WIDTH, _ALIGNED_HEIGHT))).any(axis=(1, 2)).mean()
    if outside > 0.05:
        raise UserError(
            f"{path}: {outside:.0%} of the rows have points outside the aligned 178 x 218 image. "
            "Those are coordinates of the images in the wild; give list_landmarks_align_celeba."
        )
    return points


def _read_table(
    path: Path, dtype: str, names: tuple[str, ...] = ()
) -> tuple[pd.DataFrame, int | None]:
    """Parse one table, fast, and name the line if that fails.

    Args:
        path: A CSV with a header, or a text file separated by spaces.
        dtype: Type of all columns but the first.
        names: Columns after the image's name, for text files without header.

    Returns:
        The table indexed by image name, and the number of rows that line 1 announces, if any.
    """
    import numpy as np
    import pandas as pd

    announced: int | None = None
    is_csv = path.suffix == ".csv"
    with open_text(path) as lines:
        first, second = next(lines, "").strip(), next(lines, "").strip()
    if is_csv:
        columns, header = tuple(part.strip() for part in first.split(","))[1:], 1
    elif names:
        columns, header = names, 0
    else:
        if not first.isdigit():
            raise UserError(
                f"{path}:1: expected the number of rows, found '{first[:40]}'. "
                "Line 2 must hold the column names."
            )
        announced, columns, header = int(first), tuple(second.split()), 2
    if len(set(columns)) < len(columns):
        raise UserError(f"{path}:{header}: a column is named twice.")
    try:
        with warnings.catch_warnings(), np.errstate(invalid="raise"):
            # It says that it drops what a row has too many of; numbers that do not fit are errors.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                sep="," if is_csv else r"\s+",
                header=None,
                skiprows=header,
                names=["image", *columns],
                dtype={"image": "object", **dict.fromkeys(columns, dtype)},
                index_col=False,
                encoding="utf-8-sig",
            )
    # pandas' parser errors are ValueErrors
    except (ValueError, ArithmeticError, pd.errors.ParserWarning) as error:
        raise _malformed(path, len(columns), header, is_csv, dtype) or UserError(
            f"{path} cannot be read: {error}."
        ) from error
    table = table.set_index("image")
    bad_name = ~table.index.astype(str).str.match(IMAGE_NAME.pattern, flags=re.IGNORECASE)
    if bad_name.any() or (dtype == "float64" and not np.isfinite(table.to_numpy()).all()):
        raise _malformed(path, len(columns), header, is_csv, dtype) or UserError(
            f"{path} is malformed."
        )
    if not table.index.is_unique:
        name = table.index[table.index.duplicated()][0]
        raise UserError(
            f"{path}:{_line_of(path, name, last=True)}: {name} is there twice; keep one row."
        )
    if table.empty:
        raise UserError(f"{path} holds no rows.")
    return table, announced


def _malformed(path: Path, columns: int, header: int, is_csv: bool, dtype: str) -> UserError | None:
    """Return the error for the first line that is no image name and ``columns`` numbers."""
    digits, decimals = (2 if dtype == "int8" else 15), ("[0-9]" if dtype == "float64" else "0")
    number_like = re.compile(rf"[+-]?[0-9]{{1,{digits}}}(\.{decimals}*)?")
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if number <= header or not line.strip():
                continue
            parts = [part.strip() for part in line.split(",")] if is_csv else line.split()
            where = f"{path}:{number}"
            if not IMAGE_NAME.match(parts[0]):
                return UserError(f"{where}: '{parts[0][:60]}' is not an image name (NAME.jpg).")
            if len(parts) != columns + 1:
                return UserError(
                    f"{where}: expected {columns} values after the image name, "
                    f"found {len(parts) - 1}."
                )
            for part in parts[1:]:
                if not number_like.fullmatch(part):
                    kind = f" of at most {digits} digits"
                    kind += "" if dtype == "float64" else " without a fraction"
                    return UserError(f"{where}: '{part[:40]}' is not a number{kind}.")
    return None


def _line_of(path: Path, name: str, last: bool = False) -> int:
    """Return the line, counted from 1, whose row is about ``name``."""
    found = 0
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if re.split(r"[\s,]", line, maxsplit=1)[0] == name:
                found = number
                if not last:
                    break
    return found
