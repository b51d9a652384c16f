"""The file of packed images while it is filled, by several processes at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelFile:
    """A ``.npy`` file of images that is read as a map and written by calls.

    A write into a map whose disk is full ends the process without a word (SIGBUS), or, over a
    network, is lost; a call raises an OSError. Forked processes share the open file.

    Attributes:
        pixels: What is in it, uint8 ``(N, R, R, 3)``, a map that is not written.
        descriptor: Of the open file.
    """

    pixels: np.memmap[Any, np.dtype[np.uint8]]
    descriptor: int

    def write(self, position: int, image: NDArray[np.uint8]) -> None:
        """Put an image ``(R, R, 3)``, which lies whole in memory, into its place.

        Raises:
            OSError: The disk is full, or another error of writing.
        """
        left = image.data.cast("B")
        place = self.pixels.offset + position * image.nbytes
        while left:  # a disk that is nearly full takes a part
            written = os.pwrite(self.descriptor, left, place)
            left, place = left[written:], place + written


@contextmanager
def open_pixels(path: Path, shape: tuple[int, int, int, int]) -> Iterator[PixelFile]:
    """Open the file that a killed process left behind, else a new one of zeros.

    What was written is on the disk when this ends.

    Raises:
        OSError: It cannot be made or written.
    """
    if not _holds(path, shape):
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield PixelFile(np.lib.format.open_memmap(path, mode="r"), descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _holds(path: Path, shape: tuple[int, ...]) -> bool:
    """Tell whether a file is there that has room for these images."""
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except Exception:  # absent, or torn: each byte may be anything, and so may the error
        return False
    return bool(found.shape == shape and found.dtype == np.uint8)
