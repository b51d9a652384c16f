"""Masks predicted on the augmented image in every step, by the same frozen network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from farbench.benchmark.schema import MaskProtocol
from farbench.data.geometry import warp_on_device
from farbench.training.device import Compute


class OnlinePrediction:
    """Maps a batch of crops to its masks.

    A crop is laid into the middle of the frame that the network was trained on, at the scale that
    faces have there, and its edge is repeated to the frame's: so an image that was not augmented is
    seen as where masks are predicted once, but for what the crop cuts off. Probabilities are
    averaged over each mask pixel and compared once; stored masks are compared where they are
    stored and again where they are warped.
    """

    def __init__(
        self, network: torch.nn.Module, protocol: MaskProtocol, packed: int, compute: Compute
    ) -> None:
        """Bind a mask network.

        Args:
            network: In eval mode, on the device: uint8-valued ``(N, P, P, 3)`` to logits
                ``(N, G, P, P)``, P = ``protocol.size``.
            protocol: Size and threshold.
            packed: Side of the packed images that crops are taken from.
            compute: Device and precision.
        """
        self.network, self.protocol = network, protocol
        self.packed, self.compute = packed, compute
        self._maps: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    @torch.no_grad()  # not inference_mode: what it makes is kept for the backward pass
    def __call__(self, images: Tensor, side: int) -> Tensor:
        """Return masks, bool ``(N, G, side, side)``, of uint8 images ``(N, S, S, 3)``."""
        crop = images.shape[1]
        if (crop, side) not in self._maps:
            self._maps[crop, side] = self._maps_of(crop, side)
        matrix, shrink = self._maps[crop, side]
        framed = warp_on_device(images, matrix.expand(len(images), 2, 3), self.protocol.size)
        with self.compute.autocast():
            logits = self.network(framed.round_().permute(0, 2, 3, 1))
        probability = torch.sigmoid(logits.float())
        return shrink @ probability @ shrink.T > self.protocol.threshold

    def _maps_of(self, crop: int, side: int) -> tuple[Tensor, Tensor]:
        """Return the map from frame to crop, ``(2, 3)``, and that from frame to mask."""
        size = self.protocol.size
        scale = self.packed / size
        shift = (crop - 1) / 2 - scale * (size - 1) / 2
        matrix = torch.tensor([[scale, 0, shift], [0, scale, shift]])
        length = crop / scale
        shrink = area_matrix(size, (size - length) / 2, length, side)
        device = self.compute.device
        return matrix.to(device, non_blocking=True), shrink.to(device, non_blocking=True)


def area_matrix(source: int, start: float, length: float, side: int) -> Tensor:
    """Return the matrix that averages a part of a row of pixels to fewer of them.

    Args:
        source: Pixels of the row.
        start: Where the part begins, in pixels from the row's edge.
        length: Its length.
        side: Pixels that it becomes.

    Returns:
        float32 ``(side, source)``; its rows sum to 1.
    """
    step = length / side
    first = start + step * np.arange(side)[:, None]
    pixel = np.arange(source)[None]
    covered = np.minimum(first + step, pixel + 1) - np.maximum(first, pixel)
    return torch.from_numpy((covered.clip(0) / step).astype(np.float32))
