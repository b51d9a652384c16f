"""Decode and resize every image once, into one memory-mapped uint8 file."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farbench.errors import UserError
from farbench.store.artifacts import PROGRESS, ArtifactStore
from farbench.store.blocks import Arrays, in_blocks

FILE = "images.npy"


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
    skip_broken: bool = False,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> PackedImages:
    """Return the packed images of an index, building them if they are not there.

    A packing that was killed goes on after its last block of images whose checksum is right.

    Args:
        store: Where artifacts live.
        key: Identity of the data and the size.
        count: N, number of images.
        read: Gives the i-th image, uint8 ``(H, W, 3)``; a UserError marks it broken.
        side: R, side of the packed images.
        skip_broken: Go on without images that do not decode.
        threads: Threads that decode.
        progress: Called with (done, count) from time to time.

    Raises:
        UserError: Images do not decode and ``skip_broken`` is off; the first few are named.
    """

    def build(folder: Path) -> dict[str, Any]:
        pixels = _open_pixels(folder / FILE, (count, side, side, 3))
        reasons: dict[int, str] = {}

        def make(start: int, stop: int) -> Arrays:
            sizes = np.zeros((stop - start, 2), np.int32)

            def one(i: int) -> None:
                try:
                    image = read(i)
                except Exception as error:
                    known = isinstance(error, UserError)
                    named = f"image {i} of the index: {type(error).__name__}: {error}."
                    reasons[i] = str(error) if known else named
                    pixels[i] = 0
                    return
                sizes[i - start] = image.shape[:2]
                pixels[i] = resize(image, side)

            for done, _ in enumerate(pool.map(one, range(start, stop), chunksize=16), start + 1):
                if progress and (done % 200 == 0 or done == count):
                    progress(done, count)
            pixels.flush()
            broken = sorted(i for i in reasons if start <= i < stop)
            return {
                "sizes": sizes,
                "broken": np.array(broken, np.int64),
                "reasons": np.array([reasons[i] for i in broken], str),
                "checksum": np.array(zlib.crc32(pixels[start:stop].data)),
            }

        def holds(start: int, stop: int, block: Arrays) -> bool:
            # Where broken images are an error they may have been mended since.
            if len(block["broken"]) and not skip_broken:
                return False
            return zlib.crc32(pixels[start:stop].data) == int(block["checksum"])

        sizes = np.zeros((count, 2), np.int32)
        broken: dict[int, str] = {}
        with ThreadPoolExecutor(threads) as pool:
            for start, stop, block in in_blocks(folder / PROGRESS, count, make, holds):
                sizes[start:stop] = block["sizes"]
                broken |= {
                    int(i): str(reason)
                    for i, reason in zip(block["broken"], block["reasons"], strict=True)
                }
        if broken and not skip_broken:
            raise _broken_error(broken)
        np.save(folder / "sizes.npy", sizes)
        return {"count": count, "side": side, "broken": {str(i): broken[i] for i in broken}}

    folder, meta, _ = store.get("packed", key, build)
    broken = {int(i): reason for i, reason in meta["broken"].items()}
    if broken and not skip_broken:
        raise _broken_error(broken)
    return PackedImages(
        np.load(folder / FILE, mmap_mode="r"), np.load(folder / "sizes.npy"), broken
    )


def _open_pixels(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """Map the file of pixels, the one that a killed process left behind if there is one."""
    try:
        found = np.lib.format.open_memmap(path, mode="r+")
    except (OSError, ValueError):  # absent, or cut short
        found = None
    if found is not None and found.shape == shape and found.dtype == np.uint8:
        return found
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _broken_error(broken: dict[int, str]) -> UserError:
    first = [broken[i] for i in sorted(broken)[:5]]
    more = f" ... and {len(broken) - 5} more." if len(broken) > 5 else ""
    return UserError(
        f"{len(broken)} image{'s do' if len(broken) > 1 else ' does'} not open: "
        f"{' '.join(first)}{more} Mend them, or go on without them with --skip-broken."
    )
