"""Batches warped on a device: gathered by index, one call for all images, one for all masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farbench.data.geometry import Matrices, warp_on_device
from farbench.data.mask_bits import unpack
from farbench.data.placement import PlacedImages

HALF = 0.5 - 1e-4
"""A mask pixel is kept if at least half of it was; sums of thirds and fifths miss 0.5 by a bit."""


@dataclass(frozen=True)
class Prepared:
    """What the host knows of a batch; the tensors are pinned if the device is a GPU.

    Attributes:
        index: int64 ``(N,)``, where the samples stand among resident images; else None.
        pixels: uint8 ``(N, R, R, 3)``, of images that are not resident; else None.
        matrices: float32 ``(N, 2, 3)``, from crop to packed pixels.
        targets: By task.
        mask_matrices: float32 ``(N, 2, 3)``, from warped to stored mask pixels, or None.
        bits: uint8 ``(N, B)``, the stored masks, or None.
    """

    index: Tensor | None
    pixels: Tensor | None
    matrices: Tensor
    targets: dict[str, Tensor]
    mask_matrices: Tensor | None
    bits: Tensor | None


@dataclass(frozen=True)
class DeviceWarp:
    """Warps batches where the network runs; the bits differ from OpenCV's, so it is numerics.

    Both sample bilinearly at the same places and round to whole levels: they differ by one level,
    and only where the value lies within rounding errors of half a level.

    The host's part (:meth:`prepare`) runs ahead in a thread. The device's part is begun by the
    thread that trains, on its stream: nothing to wait for, nothing that a capture of a CUDA graph
    in that thread would have beside it.

    Attributes:
        images_at: The packed images, where they are read from.
        device: Where they are warped.
    """

    images_at: PlacedImages
    device: torch.device

    def prepare(
        self,
        chosen: NDArray[np.int64],
        matrices: Matrices,
        targets: dict[str, Tensor],
        mask_matrices: Matrices | None,
        bits: NDArray[np.uint8] | None,
    ) -> Prepared:
        """Do what is the host's: small arrays, and the pixels if they are not on the device."""
        resident = self.images_at.place == "resident"
        pin = self.device.type == "cuda"
        return Prepared(
            self._tensor(chosen) if resident else None,
            None if resident else self.images_at.take(chosen, pin),
            self._tensor(matrices, np.float32),
            {name: value.pin_memory() if pin else value for name, value in targets.items()},
            None if mask_matrices is None else self._tensor(mask_matrices, np.float32),
            None if bits is None else self._tensor(bits),
        )

    def images(self, batch: Prepared, side: int) -> Tensor:
        """Return the warped images on the device, uint8 ``(N, side, side, 3)``."""
        if batch.index is not None:
            pixels = torch.index_select(self._resident, 0, self._move(batch.index))
        else:
            assert batch.pixels is not None
            pixels = self._move(batch.pixels)
        warped = warp_on_device(pixels, self._move(batch.matrices), side)
        return warped.round_().to(torch.uint8).permute(0, 2, 3, 1)

    def masks(self, batch: Prepared, groups: int, stored: int, side: int) -> Tensor:
        """Return the warped masks on the device, uint8 ``(N, groups, side, side)`` in {0, 1}."""
        assert batch.bits is not None
        assert batch.mask_matrices is not None
        masks = unpack(self._move(batch.bits), groups, stored).permute(0, 2, 3, 1)
        warped = warp_on_device(masks, self._move(batch.mask_matrices), side, border="zeros")
        return (warped >= HALF).to(torch.uint8).contiguous()

    @property
    def _resident(self) -> Tensor:
        assert isinstance(self.images_at.pixels, Tensor)
        return self.images_at.pixels

    def _tensor(self, values: NDArray[Any], dtype: Any = None) -> Tensor:
        """Return a tensor of its own, pinned if a GPU will read it."""
        tensor = torch.from_numpy(np.array(values, dtype))
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def _move(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)
