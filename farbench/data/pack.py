"""Decode and resize every image once, into one memory-mapped uint8 file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farbench.errors import UserError
from farbench.store.artifacts import ArtifactStore

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
        partial = folder / "partial.npy"
        pixels = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.uint8, shape=(count, side, side, 3)
        )
        sizes = np.zeros((count, 2), np.int32)
        broken: dict[int, str] = {}

        def one(i: int) -> None:
            try:
                image = read(i)
            except UserError as error:
                broken[i] = str(error)
                return
            except Exception as error:
                broken[i] = f"image {i} of the index: {type(error).__name__}: {error}."
                return
            sizes[i] = image.shape[:2]
            pixels[i] = resize(image, side)

        with ThreadPoolExecutor(threads) as pool:
            for done, _ in enumerate(pool.map(one, range(count), chunksize=16), 1):
                if progress and (done % 200 == 0 or done == count):
                    progress(done, count)
        if broken and not skip_broken:
            partial.unlink()
            raise _broken_error(broken)
        pixels.flush()
        np.save(folder / "sizes.npy", sizes)
        partial.rename(folder / FILE)
        return {
            "count": count,
            "side": side,
            "broken": {str(i): broken[i] for i in sorted(broken)},
        }

    folder, meta, _ = store.get("packed", key, build)
    broken = {int(i): reason for i, reason in meta["broken"].items()}
    if broken and not skip_broken:
        raise _broken_error(broken)
    return PackedImages(
        np.load(folder / FILE, mmap_mode="r"), np.load(folder / "sizes.npy"), broken
    )


def _broken_error(broken: dict[int, str]) -> UserError:
    first = [broken[i] for i in sorted(broken)[:5]]
    more = f" ... and {len(broken) - 5} more." if len(broken) > 5 else ""
    return UserError(
        f"{len(broken)} image{'s do' if len(broken) > 1 else ' does'} not open: "
        f"{' '.join(first)}{more} Mend them, or go on without them with --skip-broken."
    )
