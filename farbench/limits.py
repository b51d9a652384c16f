"""How large a file from elsewhere may be that is read whole: all limits, and their refusal.

A file beyond its limit is not what it is taken for, and would only fill the memory. Each limit is
some times what the largest real one has.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from farbench.errors import UserError

YAML = 1 << 20
"""Bytes of a YAML file: PyYAML takes seconds for so many, and the largest that ships has some
thousand."""

JSON = 256 << 20
"""Bytes of a JSON file. The largest that is written, ``evidence.json`` of some hundred rows, has
some MB."""

TABLE = 256 << 20
"""Bytes of a table of labels, or of what one of a MATLAB file unpacks to. CelebA's attributes,
the largest of the data sets that ship, have 26 MB."""

PIXEL_TABLE = 1 << 30
"""Bytes of a table that holds the images too, and is read row by row: FER-2013 has 301 MB."""

PICTURE = 256 << 20
"""Bytes of an image file, or of what a member of a zip of images unpacks to."""

PREDICTIONS = 4 << 30
"""Bytes of the arrays of a predictions file in memory. A million images with embeddings of 512 take
2 GB; a file of some MB can be made to unpack to more than any machine has."""


def check_length(file: IO[bytes] | IO[str], path: Path, most: int) -> None:
    """Refuse an open file that is longer than its limit.

    Raises:
        UserError: It is.
    """
    length = os.fstat(file.fileno()).st_size
    if length > most:
        raise too_large(path, length, most)


def too_large(what: object, length: int, most: int) -> UserError:
    """Return the error for something of more bytes than its limit."""
    return UserError(
        f"{what} has {length:,} bytes, and at most {most:,} are read of such a file. Is it the "
        "right one?"
    )


def read_whole(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        UserError: It is longer than its limit.
        OSError: It is not there, or cannot be read.
    """
    with path.open("rb") as file:
        check_length(file, path, most)
        return file.read()
