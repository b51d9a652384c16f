"""Decode and resize every image once, into one memory-mapped uint8 file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farbench.data.intact import CHECKSUMS, PIXELS, checksum, discard_damaged
from farbench.data.pixel_file import PixelFile, open_pixels
from farbench.data.workers import parallel, worker_count
from farbench.errors import UserError
from farbench.store.artifacts import PROGRESS, ArtifactStore
from farbench.store.blocks import Arrays, in_blocks

FEW = 128
"""So many images are decoded sooner than other processes are there."""


@dataclass(frozen=True)
class PackedImages:
    """All images of an index, resized and in its order.

    Attributes:
        pixels: Memory map, uint8 ``(N, R, R, 3)`` RGB.
        sizes: int32 ``(N, 2)``, height and width of the originals; 0 where broken.
        broken: Positions and reasons of the images that did not decode.
    """

    pixels: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    broken: dict[int, str]

    def to_packed(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move points ``(N, P, 2)`` from pixels of the originals to packed pixels."""
        side = self.pixels.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = side / self.sizes[:, None, ::-1].astype(np.float32)
        return np.asarray((points + 0.5) * factor - 0.5, dtype=np.float32)


def resize(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize to a square, antialiased along each axis (Pillow's bilinear filter)."""
    if image.shape[:2] == (side, side):
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def pack(
    store: ArtifactStore,
    key: str,
    count: int,
    read: Callable[[int], NDArray[np.uint8]],
    side: int,
    *,
    dataset: str = "",
    skip_broken: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> PackedImages:
    """Return the packed images of an index, building them if they are not there, or are damaged.

    A packing that was killed goes on after its last block of images whose checksums are right.

    Args:
        store: Where artifacts live.
        key: Identity of the data and the size.
        count: N, number of images.
        read: Gives the i-th image, uint8 ``(H, W, 3)``; a UserError marks it broken. It is called
            in forked processes (see :mod:`farbench.data.workers`).
        side: R, side of the packed images.
        dataset: Name of the data set, for ``farbench data verify``.
        skip_broken: Go on without images that do not decode.
        workers: Processes that decode; None is ``FARBENCH_WORKERS``, else all cores. The packed
            bits do not depend on it.
        progress: Called with (done, count) from time to time.
        say: Told that damaged images are packed again.

    Raises:
        UserError: An image does not open and ``skip_broken`` is off, or a worker died.
    """
    shape = (count, side, side, 3)

    def build(folder: Path) -> dict[str, Any]:
        return _build(
            folder, shape, read, skip_broken, workers or worker_count(), progress or _nobody
        ) | {"dataset": dataset}

    discard_damaged(store, key, shape, say or _nobody)
    folder, meta, _ = store.get("packed", key, build)
    broken = {int(i): reason for i, reason in meta["broken"].items()}
    if broken and not skip_broken:
        raise _broken_error(broken)
    return PackedImages(
        np.load(folder / PIXELS, mmap_mode="r"), np.load(folder / "sizes.npy"), broken
    )


def _build(
    folder: Path,
    shape: tuple[int, int, int, int],
    read: Callable[[int], NDArray[np.uint8]],
    skip_broken: bool,
    workers: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Fill the folder of the artifact; see :func:`pack`."""
    count, side = shape[:2]
    # A worker's last images should not keep the others waiting at the end of a block.
    size = max(4, min(32, 256 // workers))
    sizes, checksums = np.zeros((count, 2), np.int32), np.zeros(count, np.uint32)
    broken: dict[int, str] = {}
    with (
        open_pixels(folder / PIXELS, shape) as file,
        parallel(partial(_pack_some, file, read), workers if count > FEW else 1) as each,
    ):

        def make(start: int, stop: int) -> Arrays:
            parts = []
            done = start
            for part in each(start, stop, size):
                parts.append(part)
                done += len(part.sizes)
                progress(done, count)
            return _joined(sorted(parts, key=lambda part: part.start))

        def holds(start: int, stop: int, block: Arrays) -> bool:
            # Where broken images are an error they may have been mended since.
            if len(block["broken"]) and not skip_broken:
                return False
            found = np.array([checksum(image) for image in file.pixels[start:stop]], np.uint32)
            return np.array_equal(found, block["checksums"])

        for start, stop, block in in_blocks(folder / PROGRESS, count, make, holds):
            sizes[start:stop], checksums[start:stop] = block["sizes"], block["checksums"]
            broken |= {
                int(i): str(reason)
                for i, reason in zip(block["broken"], block["reasons"], strict=True)
            }
    if broken and not skip_broken:
        raise _broken_error(broken)
    np.save(folder / "sizes.npy", sizes)
    np.save(folder / CHECKSUMS, checksums)
    return {"count": count, "side": side, "broken": {str(i): broken[i] for i in broken}}


class _Some(NamedTuple):
    """What a worker says of the images that it packed: sizes, checksums, why some are broken."""

    start: int
    sizes: NDArray[np.int32]
    checksums: NDArray[np.uint32]
    reasons: dict[int, str]


def _joined(parts: Sequence[_Some]) -> Arrays:
    """Return what is kept of a block of images, whose parts come in order."""
    reasons = {i: reason for part in parts for i, reason in part.reasons.items()}
    return {
        "sizes": np.concatenate([part.sizes for part in parts]),
        "checksums": np.concatenate([part.checksums for part in parts]),
        "broken": np.array(list(reasons), np.int64),
        "reasons": np.array(list(reasons.values()), str),
    }


def _pack_some(
    file: PixelFile, read: Callable[[int], NDArray[np.uint8]], start: int, stop: int
) -> _Some:
    """Decode and resize some images into their places."""
    sizes, checksums = np.zeros((stop - start, 2), np.int32), np.zeros(stop - start, np.uint32)
    reasons: dict[int, str] = {}
    shape = file.pixels.shape[1:]
    for i in range(start, stop):
        try:
            image = read(i)
            packed = np.ascontiguousarray(resize(image, shape[0]))
            if packed.dtype != np.uint8 or packed.shape[2:] != (3,):
                raise UserError(
                    f"image {i} of the index is read as {image.dtype} {image.shape}, not as uint8 "
                    "(height, width, 3)."
                )
            sizes[i - start] = image.shape[:2]
        except Exception as error:  # a data set of somebody's own may raise anything
            known = isinstance(error, UserError)
            named = f"image {i} of the index: {type(error).__name__}: {error}."
            reasons[i] = str(error) if known else named
            packed = np.zeros(shape, np.uint8)
        file.write(i, packed)
        checksums[i - start] = checksum(packed)
    return _Some(start, sizes, checksums, reasons)


def _nobody(*told: object) -> None:
    """Stand in for whoever is not there to be told."""


def _broken_error(broken: dict[int, str]) -> UserError:
    first = [broken[i] for i in sorted(broken)[:5]]
    more = f" ... and {len(broken) - 5} more." if len(broken) > 5 else ""
    return UserError(
        f"{len(broken)} image{'s do' if len(broken) > 1 else ' does'} not open: "
        f"{' '.join(first)}{more} Mend them, or go on without them with --skip-broken."
    )
