"""Artifacts: things that several cells need, built once by whoever asks first.

An artifact is a folder ``<cache>/<kind>/<key>``. It is finished when its ``artifact.json`` is
there, which is written last. A half-built one stays in its folder, so that its builder can go on:
what it needs for that it keeps in a folder ``progress``, which goes when the artifact is finished.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from farbench.store.atomic import read_json, sweep, write_json
from farbench.store.folders import locked, make_folder

DONE = "artifact.json"
PROGRESS = "progress"


def default_cache() -> Path:
    """Return ``FARBENCH_CACHE``, else the user's cache folder."""
    given = os.environ.get("FARBENCH_CACHE")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "farbench"


class ArtifactStore:
    """The cache folder: artifacts by kind and key."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, key: str) -> Path:
        """Return where an artifact is, or will be."""
        return self.root / kind / key

    def meta(self, kind: str, key: str) -> dict[str, Any] | None:
        """Return what an artifact's builder said of it, or None if it is not finished."""
        path = self.folder(kind, key) / DONE
        return dict(read_json(path)) if path.is_file() else None

    def get(
        self, kind: str, key: str, build: Callable[[Path], dict[str, Any]]
    ) -> tuple[Path, dict[str, Any], bool]:
        """Return an artifact, building it first if it is not finished.

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
            UserError: The cache cannot be written.
        """
        folder = self.folder(kind, key)
        meta = self.meta(kind, key)
        if meta is not None and not (folder / PROGRESS).exists():
            return folder, meta, True
        advice = "Set FARBENCH_CACHE to a folder that can be written."
        make_folder(folder, "the cache folder", advice)
        with locked(folder):
            meta = self.meta(kind, key)
            shared = meta is not None
            if meta is None:
                sweep(folder)
                meta = build(folder)
                write_json(folder / DONE, meta)
            shutil.rmtree(folder / PROGRESS, ignore_errors=True)
        return folder, meta, shared
