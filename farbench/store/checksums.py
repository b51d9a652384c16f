"""Is a file still what was written? Its length and the CRC-32 of its bytes, kept beside it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
HEAD = 4096
"""Leading bytes that are covered of a file that has checksums of its own."""

Sum = dict[str, Any]
"""``bytes``: its length. ``crc32``: eight digits. ``of``: how many leading bytes that covers."""


def checksum(path: Path, first: int | None = None) -> Sum:
    """Return the length and the checksum of a file.

    Args:
        path: The file.
        first: How many of its leading bytes the checksum covers; None is all of them.
    """
    length = path.stat().st_size
    left = covered = length if first is None else min(first, length)
    value = 0
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            value = zlib.crc32(chunk, value)
            left -= len(chunk)
    return {"bytes": length, "crc32": f"{value:08x}", "of": covered}


def checksums(folder: Path, names: Iterable[str], heads: Iterable[str] = ()) -> dict[str, Sum]:
    """Return the checksums of those files of a folder that are there.

    Args:
        folder: Where they lie.
        names: The files.
        heads: Those of them of which only the first :data:`HEAD` bytes are covered.
    """
    return {
        name: checksum(folder / name, HEAD if name in heads else None)
        for name in sorted(names)
        if (folder / name).is_file()
    }


def damage(folder: Path, kept: Mapping[str, Sum], *, lengths: bool = False) -> str | None:
    """Return what is wrong with the first file that is not what was written, or None.

    Args:
        folder: Where the files lie.
        kept: What :func:`checksums` said when they were written.
        lengths: Look at their lengths alone.
    """
    for name, then in kept.items():
        try:
            length = (folder / name).stat().st_size
            if length != then["bytes"]:
                return f"{name} has {length:,} bytes, not {then['bytes']:,}"
            if not lengths and checksum(folder / name, then["of"])["crc32"] != then["crc32"]:
                return f"{name} is not what was written: its checksum is another"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None
