"""Folders that are made with a clear error, and worked in by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from farbench.errors import UserError

LOCK = ".lock"


def make_folder(folder: Path, what: str, advice: str) -> None:
    """Make a folder and those above it.

    Args:
        folder: The folder; it may be there.
        what: What it is, for the error ("results folder").
        advice: What to do if it cannot be made, one sentence.

    Raises:
        UserError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{what} {folder} cannot be made ({error.strerror}). {advice}") from error


@contextmanager
def locked(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Work in a folder alone; who comes second waits.

    The lock is the kernel's (``flock``), so a process that is killed holds nothing. Its file goes
    with it. On NFS the kernel asks the server for it, so it holds between machines as well.

    Args:
        folder: The folder, which exists.
        waiting: Called once if somebody else works in it.
    """
    path = folder / LOCK
    handle = _hold(path, waiting)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        handle.close()


def _hold(path: Path, waiting: Callable[[], None] | None) -> IO[str]:
    """Return the lock's file, held."""
    while True:
        handle = path.open("a")
        try:
            if not _lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB):
                if waiting is not None:
                    waiting()
                    waiting = None
                _lock(handle, fcntl.LOCK_EX)
            # Who held it before has removed the file, and a third may hold a new one of that name.
            # It is opened, for what NFS answers to `stat` may be seconds old.
            with path.open("rb") as now:
                if os.path.samestat(os.fstat(handle.fileno()), os.fstat(now.fileno())):
                    return handle
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ESTALE):  # NFS of a file that was removed
                handle.close()
                raise
        handle.close()


def _lock(handle: IO[str], how: int) -> bool:
    """Lock a file; False where another process has it and ``how`` does not wait."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        return False
    except OSError as error:
        # Some network file systems know no locks. There, runs at once are the user's matter.
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    return True
