"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farbench.errors import UserError

_TEMPORARY = ".unfinished-"


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it into place.

    The temporary file keeps the suffix, because some writers choose the format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY, suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files of a process that was killed while it wrote below ``folder``.

    Only for a folder that nobody else writes to at the moment.
    """
    for stray in folder.rglob(f"{_TEMPORARY}*"):
        stray.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    write_with(path, lambda temporary: _fill(temporary, text))


def write_json(path: Path, value: Any) -> None:
    """Write JSON that people can read. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: The file is not valid JSON (it was cut short or edited).
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path} is not valid JSON ({error}). Delete it to have it rebuilt."
        ) from error


def _fill(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
