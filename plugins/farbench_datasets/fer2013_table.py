"""FER-2013 as one CSV of pixels (fer2013.csv, icml_face_data.csv): an index of byte offsets.

The file is 300 MB of text; it is scanned once a process and never held in memory.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from farbench.errors import UserError
from farbench.limits import PIXEL_TABLE, check_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBERS = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral")
"""What the column `emotion` counts from 0 (there: Angry, Disgust, Fear, Happy, Sad, ...)."""

_USAGES = {b"Training": "train", b"PublicTest": "valid", b"PrivateTest": "test"}
_COLUMNS = (b"emotion", b"pixels", b"usage")
_SIDE = 48


@dataclass(frozen=True)
class PixelTable:
    """Where each row of the file is.

    Attributes:
        path: The CSV.
        pixels: Number of the column with the pixels.
        expressions: Class name of each row.
        splits: train, valid or test.
        ids: "<Usage>_<number of the row>".
        starts: Byte offset of each row.
        lengths: Bytes of each row.
    """

    path: Path
    pixels: int
    expressions: list[str]
    splits: list[str]
    ids: list[str]
    starts: array[int]
    lengths: array[int]

    def row(self, image: str) -> int | None:
        """Return the row of an image id, or None if the file has no such row."""
        number = image.rpartition("_")[2]
        row = int(number) if number.isdecimal() else -1
        return row if 0 <= row < len(self.ids) and self.ids[row] == image else None

    def checksums(self, images: Sequence[str]) -> list[int]:
        """Return the CRC-32 of the row of each image, -1 for one that the file does not have."""
        found = []
        with self.path.open("rb") as file:
            for row in map(self.row, images):
                if row is None:
                    found.append(-1)
                    continue
                file.seek(self.starts[row])
                found.append(zlib.crc32(file.read(self.lengths[row])))
        return found

    def read(self, image: str) -> NDArray[np.uint8]:
        """Return one image, uint8 ``(48, 48, 3)`` with three equal channels.

        Raises:
            UserError: There is no such row, or it does not hold 48 x 48 values of 0 to 255.
        """
        import numpy as np

        row = self.row(image)
        if row is None:
            raise UserError(f"image {image} is missing in {self.path}.")
        with self.path.open("rb") as file:
            file.seek(self.starts[row])
            field = file.read(self.lengths[row]).split(b",")[self.pixels]
        where = f"image {image} of {self.path} (line {row + 2}) does not decode"
        try:
            values = np.array([int(value) for value in field.strip(b' "\r\n').split()])
        except ValueError as error:
            raise UserError(f"{where}: its pixels are no whole numbers.") from error
        if len(values) != _SIDE * _SIDE or values.min() < 0 or values.max() > 255:
            raise UserError(
                f"{where}: expected {_SIDE * _SIDE:,} pixels of 0 to 255, found {len(values):,}."
            )
        grey = values.astype(np.uint8).reshape(_SIDE, _SIDE, 1)
        return np.repeat(grey, 3, axis=2)


def open_table(path: Path) -> PixelTable:
    """Return the index of a CSV; it is kept until the file changes.

    Raises:
        UserError: A column is missing, or a row is malformed; the message names its line.
    """
    status = path.stat()
    return _scan(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _scan(path: Path, changed: int, size: int) -> PixelTable:
    with path.open("rb") as file:
        check_length(file, path, PIXEL_TABLE)
        header = file.readline()
        names = [
            name.strip(b' "\r\n').lower()
            for name in header.removeprefix(b"\xef\xbb\xbf").split(b",")
        ]
        missing = [name.decode() for name in _COLUMNS if name not in names]
        if missing:
            raise UserError(
                f"{path}: the header lacks {', '.join(missing)}. Expected emotion, pixels and "
                "Usage, as in fer2013.csv or icml_face_data.csv (train.csv and test.csv of the "
                "competition do not hold the test labels)."
            )
        emotion, pixels, usage = (names.index(name) for name in _COLUMNS)
        table = PixelTable(path, pixels, [], [], [], array("q"), array("l"))
        start = len(header)
        for number, line in enumerate(file, start=2):
            fields = line.split(b",")
            if not line.strip():
                raise UserError(f"{path}:{number}: the row is empty; remove it.")
            if len(fields) != len(names):
                raise UserError(
                    f"{path}:{number}: expected {len(names)} values, found {len(fields)}. "
                    "An interrupted download?"
                )
            label, use = fields[emotion].strip(b' "\r\n'), fields[usage].strip(b' "\r\n')
            if use not in _USAGES:
                raise UserError(
                    f"{path}:{number}: Usage is '{use.decode(errors='replace')[:40]}'; allowed "
                    "are Training, PublicTest and PrivateTest."
                )
            if len(label) != 1 or label not in b"0123456":
                raise UserError(
                    f"{path}:{number}: emotion is '{label.decode(errors='replace')[:40]}'; "
                    "allowed are 0 to 6."
                )
            table.ids.append(f"{use.decode()}_{number - 2:05d}")
            table.expressions.append(_NUMBERS[int(label)])
            table.splits.append(_USAGES[use])
            table.starts.append(start)
            table.lengths.append(len(line))
            start += len(line)
    return table
