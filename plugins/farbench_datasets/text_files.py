"""Opens label files as UTF-8 text; what is none is told with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from farbench.errors import UserError
from farbench.limits import TABLE, check_length


@contextmanager
def open_text(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """Open a file to read it inside a ``with``, also by ``csv.reader``.

    Args:
        path: The file; a byte-order mark is no part of its text.
        newline: As of ``open``; "" for ``csv``.

    Raises:
        UserError: It is not there or cannot be read, is too large, is not UTF-8, or is no CSV where
            one is read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as lines:
            check_length(lines, path, TABLE)
            yield lines
    except UnicodeDecodeError:
        raise UserError(
            f"{path}:{_line_of_other_bytes(path)}: not UTF-8 text; save the file as UTF-8."
        ) from None
    except csv.Error as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def _line_of_other_bytes(path: Path) -> int:
    """Return the first line that does not decode: a decoder that reads ahead cannot tell it."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1
