"""A full disk, told as one: libraries say it in words of their own, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from farbench.errors import NoSpace

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PROBE = 1 << 20
"""Bytes that are tried after a failed write. Less room than that is none."""


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Turn whatever a writer raises into :class:`NoSpace` if the disk of ``folder`` is full.

    torch, safetensors and numpy raise errors without an errno when a write falls short, so after
    any error it is tried whether the disk takes more.
    """
    try:
        yield
    except NoSpace:
        raise
    except Exception as error:
        if (isinstance(error, OSError) and error.errno in _FULL) or _is_full(folder):
            raise NoSpace(
                f"no space is left on the disk of {folder}. What is finished stays. Free some, "
                "and give the same command again: it goes on from there."
            ) from error
        raise


def need_space(folder: Path, wanted: int, what: str, advice: str) -> None:
    """Refuse work that its disk cannot hold, before it begins.

    Args:
        folder: Where it will be written; it need not be there.
        wanted: Bytes.
        what: What takes them, for the error ("8000 packed images").
        advice: What to do, one sentence.

    Raises:
        NoSpace: Less is free.
    """
    above = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(above).free
    if free < wanted:
        raise NoSpace(
            f"{what} need {wanted / 1e6:,.1f} MB in {folder}, and {free / 1e6:,.1f} MB are free "
            f"there. {advice}"
        )


def allocate(path: Path) -> None:
    """Take the room of a sparse file, before it is written through a memory map.

    A map whose disk is full ends the process without a word (SIGBUS); this raises an OSError.
    """
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno in _FULL:
                raise  # any other: this file system cannot


def _is_full(folder: Path) -> bool:
    """Try whether the disk takes more; quotas and limits count, which `df` does not show."""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".unfinished-")
    except OSError as error:
        return error.errno in _FULL
    try:
        left = _PROBE
        while left > 0:
            left -= os.write(handle, bytes(left))
        os.fsync(handle)
    except OSError as error:
        return error.errno in _FULL
    finally:
        os.close(handle)
        with suppress(OSError):
            os.unlink(name)
    return False
