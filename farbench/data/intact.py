"""Is a packed file still what was written? A sample at every start, all of it when asked."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farbench.store.artifacts import DONE, PROGRESS, ArtifactStore
from farbench.store.folders import locked

PIXELS = "images.npy"
CHECKSUMS = "checksums.npy"
"""uint32 ``(N,)``, the CRC-32 of each packed image."""

SAMPLED = 64
"""Images that are checked whenever packed images are opened: 3 MB at 128 px."""


def checksum(image: NDArray[np.uint8]) -> int:
    """Return the CRC-32 of an image, which lies whole in memory."""
    return zlib.crc32(image.data)


def damage(
    folder: Path,
    shape: tuple[int, ...],
    sampled: int | None = SAMPLED,
    progress: Callable[[int, int], None] | None = None,
) -> str | None:
    """Return what is wrong with packed images, or None.

    Args:
        folder: The artifact's folder.
        shape: ``(N, R, R, 3)``, what the images must be.
        sampled: How many images are compared with their checksums: the first, the last and others
            by chance, so that starts together see more than one does; None is all.
        progress: Called with (done, images to check).
    """
    try:
        pixels = np.load(folder / PIXELS, mmap_mode="r")
        checksums = np.load(folder / CHECKSUMS)
    except Exception as error:  # each byte of a torn file may be anything, and so may the error
        return f"a file is missing, cut short or no array: {error}"
    if pixels.shape != shape or pixels.dtype != np.uint8 or checksums.shape != shape[:1]:
        return f"{PIXELS} holds {pixels.dtype} {pixels.shape}, not uint8 {shape}"
    chosen = np.arange(len(pixels))
    if sampled is not None and sampled < len(pixels):
        by_chance = np.random.default_rng().choice(len(pixels), sampled, replace=False)
        chosen = np.unique([0, len(pixels) - 1, *by_chance])
    for done, position in enumerate(chosen, 1):
        if checksum(pixels[position]) != checksums[position]:
            return f"image {position} is not what was written"
        if progress and (done % 256 == 0 or done == len(chosen)):
            progress(done, len(chosen))
    return None


def discard_damaged(
    store: ArtifactStore, key: str, shape: tuple[int, ...], say: Callable[[str], None]
) -> None:
    """See to it that finished packed images are whole, else that they are packed again."""
    folder = store.folder("packed", key)
    if store.meta("packed", key) is None or damage(folder, shape) is None:
        return
    with locked(folder):  # another process may have noticed it as well, and be done with it
        wrong = damage(folder, shape)
        if wrong is not None and store.meta("packed", key) is not None:
            say(f"warning: the packed images in {folder} are damaged ({wrong}): packing them again")
            (folder / DONE).unlink()


@dataclass(frozen=True)
class Checked:
    """A packed file that was checked whole.

    Attributes:
        folder: Where it lies.
        images: N.
        wrong: What is wrong with it, or None.
    """

    folder: Path
    images: int
    wrong: str | None

    def __str__(self) -> str:
        """Return a line for people."""
        state = f"damaged ({self.wrong}); the next run packs them again" if self.wrong else "whole"
        return f"packed images: {self.images} in {self.folder}: {state}"

    def as_json(self) -> dict[str, str | int | None]:
        """Return it for ``--json``."""
        return {"folder": str(self.folder), "images": self.images, "wrong": self.wrong}


def check_all(
    store: ArtifactStore, dataset: str, progress: Callable[[int, int], None] | None = None
) -> Iterator[Checked]:
    """Check every image of all finished packed files of a data set, whatever its options.

    A damaged one is no longer taken for finished, so that the next run packs it again.
    """
    for folder in sorted((store.root / "packed").glob("*/")):
        meta = store.meta("packed", folder.name)
        if meta is None or meta.get("dataset") != dataset or (folder / PROGRESS).exists():
            continue
        shape = (meta["count"], meta["side"], meta["side"], 3)
        wrong = damage(folder, shape, None, progress)
        if wrong is not None:
            (folder / DONE).unlink(missing_ok=True)
        yield Checked(folder, meta["count"], wrong)
