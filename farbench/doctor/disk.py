"""Can the cache and the results be written, and is there room?"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from farbench.plugins.health import Diagnosis, Machine

LEAST = 1e9
"""Bytes. Below that a run of real faces will not end well."""
ENOUGH = 12e9
"""Bytes. All of CelebA, packed at 128 px, takes 10 GB."""


def check_disk(machine: Machine) -> Iterator[Diagnosis]:
    """Try to write and to lock a file on both disks, and see what is free."""
    yield _folder(
        "cache folder", machine.cache, ENOUGH, "Set FARBENCH_CACHE to a folder on another disk."
    )
    yield _folder("results folder", machine.results, LEAST, "Choose another with --results DIR.")


def _folder(about: str, folder: Path, enough: float, advice: str) -> Diagnosis:
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    where = f"{folder}" if folder.exists() else f"{folder} (not there yet)"
    if not above.is_dir():
        return Diagnosis(about, "problem", f"{folder}: {above} is a file", advice)
    try:
        with tempfile.TemporaryFile(dir=above, prefix=".farbench-doctor-") as file:
            file.write(b"0")
            file.flush()
            locks = _can_lock(file.fileno())
    except OSError as error:
        return Diagnosis(about, "problem", f"{where} cannot be written: {error.strerror}", advice)
    free = shutil.disk_usage(above).free
    room = f"{where}, {free / 1e9:.1f} GB free"
    if free < LEAST:
        return Diagnosis(about, "problem", f"{room}: too little for any but drawn faces", advice)
    if not locks:
        return Diagnosis(
            about,
            "warning",
            f"{room}; its file system has no locks, so two runs at once may spoil each other",
            advice,
        )
    if free < enough:
        return Diagnosis(about, "warning", f"{room}; CelebA, packed, takes 10 GB", advice)
    return Diagnosis(about, "ok", room)


def _can_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
