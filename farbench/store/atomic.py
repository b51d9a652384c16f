"""Files that are written whole or not at all, and JSON that knows whether it was changed since."""

from __future__ import annotations

import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from farbench.errors import DamagedFile, UserError
from farbench.limits import JSON, read_whole
from farbench.store.space import full_disk_told

_TEMPORARY = ".unfinished-"
_DAY = 24 * 3600

CHECKSUM = "checksum"
"""The last key of a sealed document: CRC-32 of the rest, whatever its layout."""


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it into place.

    The temporary file keeps the suffix, because some writers choose the format by it.

    Raises:
        NoSpace: The disk is full; what was there before still is.
    """
    with full_disk_told(path.parent):
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


def sweep_old(folder: Path) -> None:
    """Remove the temporary files of a folder that have not been written to for a day.

    For a folder that several processes may write to.
    """
    for stray in folder.glob(f"{_TEMPORARY}*"):
        with suppress(FileNotFoundError):  # another process does the same
            if time.time() - stray.stat().st_mtime > _DAY:
                stray.unlink()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    write_with(path, lambda temporary: _fill(temporary, text))


def write_json(path: Path, value: Any) -> None:
    """Write JSON that people can read. NaN is refused: it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Write JSON whose last key is a checksum of the rest; :func:`read_json` looks at it."""
    bare = {key: held for key, held in value.items() if key != CHECKSUM}
    plain = json.loads(json.dumps(bare, allow_nan=False))  # as it will be read: keys are strings
    write_json(path, {**bare, CHECKSUM: seal(plain)})


def read_json(path: Path) -> Any:
    """Read a JSON file; a sealed one comes without its seal.

    Raises:
        DamagedFile: It is not valid JSON, or was changed (cut short, edited, a flipped bit).
        UserError: It is too large.
        OSError: It is not there, or cannot be read.
    """
    try:
        text = read_whole(path, JSON).decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():  # half of a pair of surrogates could not be printed or written
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} cannot be read: it is not valid JSON ({error})") from error
    sealed = isinstance(value, dict) and isinstance(value.get(CHECKSUM), str)
    if sealed and value.pop(CHECKSUM) != seal(value):
        raise DamagedFile(
            f"{path} cannot be read: it is not what was written, its checksum is another"
        )
    return value


def check_format(path: Path, found: object, known: int) -> None:
    """Refuse a file of a later farbench; what is of an earlier one is the reader's matter.

    Args:
        path: The file.
        found: The number of its format; anything else than a number is of an earlier one.
        known: The highest number that this version reads.

    Raises:
        UserError: It is higher.
    """
    if isinstance(found, int) and found > known:
        raise UserError(
            f"{path} was written by a later farbench (its format is {found}, this version reads up "
            f"to {known}). Use that version, or another folder."
        )


def seal(value: dict[str, Any]) -> str:
    """Return the checksum of a document, as it is read: of JSON alone, without its seal."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"crc32:{zlib.crc32(text.encode()):08x}"


def _refuse_constant(word: str) -> None:
    """Refuse NaN and Infinity, which are not JSON and which nothing here writes."""
    raise ValueError(f"{word} is no number of JSON")


def _fill(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
