"""Are the images still those that were packed first? Their checksums, and when they were changed.

The names and lengths of images are in a data set's manifest, so an image of another length makes
another data set. One of the same length is noticed here: when a data set is first packed, the
CRC-32 of each image's bytes goes into a file of the cache. Later runs ask only for each image's
stamp, which changes when it is written to, and read those again whose stamp is another.

The manifest of what was seen first stays what it was. Once an image is another, the manifest
becomes a digest of it and of all checksums: so it is another data set, until the image is put
back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farbench.data.source import Source
from farbench.data.workers import parallel, worker_count
from farbench.store.artifacts import ArtifactStore
from farbench.store.atomic import sweep_old, write_with

KIND = "contents"
"""The folder of the cache with a file a manifest."""

_AT_ONCE = 256
"""Images whose checksums are asked for in one call."""

_FEW = 2048
"""So many files are read sooner than other processes are there."""


@dataclass(frozen=True)
class Contents:
    """What is known of the bytes of a source's images; -1 is an image without a file of its own.

    Attributes:
        first: int64 ``(N,)``, the CRC-32 of each image when they were packed first.
        now: int64 ``(N,)``, the CRC-32 of each image when it was last read.
        stamps: int64 ``(N,)``, their stamps before that (see :meth:`Dataset.stamps`).
    """

    first: NDArray[np.int64]
    now: NDArray[np.int64]
    stamps: NDArray[np.int64]

    def exchanged(self) -> list[int]:
        """Return the positions of the images that are others than at first."""
        return np.flatnonzero(self.first != self.now).tolist()

    def digest(self) -> str:
        """Return the SHA-256 of the checksums of all images as they are now."""
        return hashlib.sha256(self.now.astype("<i8").tobytes()).hexdigest()


def notice_exchanged(
    source: Source,
    store: ArtifactStore,
    *,
    keep: bool,
    progress: Callable[[int, int], None] | None = None,
) -> Source:
    """Return a source whose manifest knows which images were exchanged since they were first seen.

    Args:
        source: As it was opened.
        store: The cache.
        keep: Write down what is found, and read all images where nothing is known of them yet:
            they are about to be packed. Else such a source is returned as it is.
        progress: Called with (done, images to read).

    Raises:
        NoSpace: The disk of the cache is full.
    """
    path = store.root / KIND / f"{source.manifest}.npz"
    known = _read(path, len(source))
    if known is None and not keep:
        return source
    images = [str(image) for image in source.index.frame["image"]]
    # Asked for before images are read: who writes in between is noticed by the next run.
    stamps = np.asarray(source.dataset.stamps(source.root, images), np.int64)
    if known is None:
        changed = stamps >= 0
        now = _checksums(source, images, changed, progress)
        known = Contents(now, now, stamps)
    else:
        changed = stamps != known.stamps
        read = _checksums(source, images, changed, progress)
        # One that cannot be read just now is not another: packing says what is wrong with it.
        changed &= (read >= 0) | (stamps < 0)
        now = np.where(changed, read, known.now)
        known = Contents(known.first, now, np.where(changed, stamps, known.stamps))
    if keep and changed.any():
        _write(path, known)
    return source.exchanged(known.exchanged(), known.digest())


def _checksums(
    source: Source,
    images: Sequence[str],
    chosen: NDArray[np.bool_],
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.int64]:
    """Return the CRC-32 of the chosen images, -1 for the others: int64 ``(N,)``."""
    found = np.full(len(images), -1, np.int64)
    positions = np.flatnonzero(chosen)

    def some(start: int, stop: int) -> tuple[int, list[int]]:
        names = [images[position] for position in positions[start:stop]]
        return start, list(source.dataset.checksums(source.root, names))

    done = 0
    with parallel(some, worker_count() if len(positions) > _FEW else 1) as each:
        for start, values in each(0, len(positions), _AT_ONCE):
            found[positions[start : start + len(values)]] = values
            done += len(values)
            if progress:
                progress(done, len(positions))
    return found


def _read(path: Path, count: int) -> Contents | None:
    """Return what is known of ``count`` images, None where that is nothing, or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as held:
            found = Contents(held["first"], held["now"], held["stamps"])
    except Exception:  # each byte of a torn file may be anything, and so may the error
        return None
    return found if {len(found.first), len(found.now), len(found.stamps)} == {count} else None


def _write(path: Path, contents: Contents) -> None:
    sweep_old(path.parent)
    arrays = {"first": contents.first, "now": contents.now, "stamps": contents.stamps}
    with suppress(OSError):  # a cache that is only read: the next run compares them again
        write_with(path, lambda temporary: np.savez(temporary, **arrays))  # type: ignore[arg-type]
