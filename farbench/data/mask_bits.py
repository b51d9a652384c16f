"""Binary masks of every image, kept as bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

MASKS = "masks.npy"
"""The file of an artifact that holds ``StoredMasks.bits``."""


@dataclass(frozen=True)
class StoredMasks:
    """The group masks of all images of a source, in the frame of the packed image.

    Attributes:
        bits: uint8 ``(N, ceil(G * side * side / 8))``, eight mask pixels a byte.
        groups: Names of the G groups, in channel order.
        side: Side of a mask in pixels.
    """

    bits: NDArray[np.uint8]
    groups: tuple[str, ...]
    side: int

    def read(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return masks of some images, uint8 ``(N, side, side, G)`` in {0, 1}."""
        shape = (len(positions), len(self.groups), self.side, self.side)
        flat = np.unpackbits(self.bits[positions], axis=1, count=math.prod(shape[1:]))
        return np.ascontiguousarray(flat.reshape(shape).transpose(0, 2, 3, 1))


def to_bits(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack masks ``(N, G, side, side)`` in {0, 1}; the last byte is filled up with zeros."""
    return np.packbits(masks.reshape(len(masks), math.prod(masks.shape[1:])), axis=1)


def unpack(bits: Tensor, groups: int, side: int) -> Tensor:
    """Do what :meth:`StoredMasks.read` does where the bits are.

    Args:
        bits: uint8 ``(N, ceil(G * side * side / 8))``, the first pixel in the highest bit.
        groups: G.
        side: Side of a mask in pixels.

    Returns:
        uint8 ``(N, G, side, side)`` in {0, 1}.
    """
    import torch

    shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=bits.device)
    flat = ((bits[..., None] >> shifts) & 1).flatten(1)
    return flat[:, : groups * side * side].reshape(-1, groups, side, side)


def load_masks(folder: Path, groups: tuple[str, ...], side: int) -> StoredMasks:
    """Open the masks of an artifact folder by memory map."""
    return StoredMasks(np.load(folder / MASKS, mmap_mode="r"), groups, side)
