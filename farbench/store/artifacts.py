"""Artifacts: things that several cells need, built once by whoever asks first.

An artifact is a folder ``<cache>/<kind>/<key>``. It is finished when its ``artifact.json`` is
there, which is written last and holds the checksums of the other files. A half-built one stays in
its folder, so that its builder can go on: what it needs for that it keeps in a folder ``progress``,
which goes when the artifact is finished.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farbench.errors import UserError
from farbench.store.atomic import check_format, read_json, sweep, write_sealed
from farbench.store.checksums import checksums, damage
from farbench.store.folders import LOCK, locked, make_folder
from farbench.store.space import full_disk_told

DONE = "artifact.json"
PROGRESS = "progress"

FORMAT = 1
"""Of ``artifact.json``. Those of before had no number, and no checksums: they are read as they
are, for an artifact's key names the code that made it."""

_CHECKED_ELSEWHERE = ("images.npy",)
"""Packed images may have 10 GB and carry a checksum each (``farbench.data.intact``): here only the
head of that file is covered."""


def default_cache() -> Path:
    """Return ``FARBENCH_CACHE``, else the user's cache folder."""
    given = os.environ.get("FARBENCH_CACHE")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "farbench"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class ArtifactStore:
    """The cache folder: artifacts by kind and key."""

    def __init__(self, root: Path, say: Callable[[str], None] = _to_stderr) -> None:
        """Bind a folder.

        Args:
            root: The cache; it need not be there.
            say: Told that something is damaged and made again.
        """
        self.root, self.say = root, say
        self._whole: set[Path] = set()
        """Folders whose files were compared with their checksums by this process."""

    def folder(self, kind: str, key: str) -> Path:
        """Return where an artifact is, or will be."""
        return self.root / kind / key

    def meta(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what an artifact's builder said of it, or None if it is not finished.

        One whose ``artifact.json`` is damaged is not finished.

        Raises:
            UserError: It was written by a later farbench.
        """
        found = self._read(self.folder(kind, key))
        if found is None:
            return None
        return {name: value for name, value in found.items() if name not in ("format", "files")}

    def damage(self, kind: str, key: str) -> str | None:
        """Return what is wrong with the files of an artifact, or None; None if it is not finished.

        It is read once in a process: a file that is damaged later is noticed by the next one.
        """
        folder = self.folder(kind, key)
        if folder in self._whole or not (folder / DONE).is_file():
            return None
        found = self._read(folder)
        if found is None:
            return f"{DONE} is cut short or was changed"
        wrong = damage(folder, found.get("files", {}))
        if wrong is None:
            self._whole.add(folder)
        return wrong

    def discard_damaged(self, kind: str, key: str) -> None:
        """See to it that a finished artifact is whole, else that it is made again."""
        if self.damage(kind, key) is not None:
            folder = self.folder(kind, key)
            with locked(folder):  # another process may have noticed it as well
                self._discard_damaged(kind, key)

    def get(
        self, kind: str, key: str, build: Callable[[Path], dict[str, Any]]
    ) -> tuple[Path, dict[str, Any], bool]:
        """Return an artifact, building it first if it is not finished, or damaged.

        Two processes that ask for the same artifact wait for one another, so it is built once.

        Args:
            kind: The folder of its kind ("packed", "masks", "stage").
            key: Its identity.
            build: Fills the folder and returns what ``artifact.json`` will say. What it puts into
                ``folder / PROGRESS`` is there when it is called again after a kill, and removed
                when the artifact is finished.

        Returns:
            The folder, the meta data, and whether it was there already.

        Raises:
            UserError: The cache cannot be written, or is full.
        """
        folder = self.folder(kind, key)
        meta = self.meta(kind, key)
        unfinished = meta is None or (folder / PROGRESS).exists()
        if meta is not None and not unfinished and self.damage(kind, key) is None:
            return folder, meta, True
        advice = "Set FARBENCH_CACHE to a folder that can be written."
        make_folder(folder, "the cache folder", advice)
        with full_disk_told(folder), locked(folder):
            self._discard_damaged(kind, key)
            meta = self.meta(kind, key)
            shared = meta is not None
            if meta is None:
                sweep(folder)
                self._discard_torn_checkpoints(folder)
                meta = build(folder)
                names = [path.name for path in folder.iterdir() if path.is_file()]
                made = checksums(folder, {*names} - {DONE, LOCK}, _CHECKED_ELSEWHERE)
                write_sealed(folder / DONE, {"format": FORMAT, **meta, "files": made})
            shutil.rmtree(folder / PROGRESS, ignore_errors=True)
        return folder, meta, shared

    def _read(self, folder: Path) -> dict[str, Any] | None:
        """Return all that ``artifact.json`` says; None where it is absent or damaged."""
        path = folder / DONE
        try:
            found = read_json(path)
        except (UserError, FileNotFoundError, NotADirectoryError):
            return None
        if not isinstance(found, dict):
            return None
        check_format(path, found.get("format"), FORMAT)
        return found

    def _discard_damaged(self, kind: str, key: str) -> None:
        """Make a damaged artifact an unfinished one. What it would go on from is kept."""
        wrong, folder = self.damage(kind, key), self.folder(kind, key)
        if wrong is None:
            return
        self.say(f"warning: {folder} is damaged ({wrong}): it is made again")
        (folder / DONE).unlink(missing_ok=True)  # first, so that a kill leaves an unfinished one
        for path in folder.iterdir():
            # Not written over: another process may have it mapped.
            if path.is_file() and path.name != LOCK:
                path.unlink()

    def _discard_torn_checkpoints(self, folder: Path) -> None:
        """Remove checkpoints that are not what was written."""
        for path in sorted((folder / PROGRESS).rglob("*.pt")):
            if _is_torn(path):
                self.say(f"warning: {path} is damaged: its training begins at the first epoch")
                path.unlink()


def _is_torn(checkpoint: Path) -> bool:
    """Whether a checkpoint is not what was written.

    torch writes zip files with a CRC-32 an entry, and does not look at it when it reads them. What
    it looks at, the headers, has no checksum: so it is asked as well.
    """
    import torch

    try:
        with zipfile.ZipFile(checkpoint) as held:
            if held.testzip() is not None:
                return True
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception:  # each of its bytes may be anything, and so may the error
        return True
    return False
