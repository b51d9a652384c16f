"""Attention on group features: channel, spatial, and one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from farbench.nn.regions import argmax_of_products, masked_average, masked_max

KINDS = ("none", "channel", "spatial", "channel_spatial")


class RegionPool(nn.Module):
    """Masked features of one level, refined by attention and max-pooled for each group.

    * channel: Eqs. 2 to 4 of MGMTN. ``Psi = sigmoid(Conv1x1(Z))`` with Z the average of the masked
      map. A positive factor a channel commutes with the maximum, so it is applied after pooling.
    * spatial: mean and maximum over the channels of the masked map, a 7x7 convolution, a sigmoid
      (the paper cites STAT and gives no formula; CBAM's form is this project's reading).
    * channel_spatial: channel, then spatial on the refined map (the paper cites GAM; reading).
    """

    def __init__(self, channels: int, kind: str, groups: int, *, shared: bool = True) -> None:
        """Create the attention of one level.

        Args:
            channels: C of the level.
            kind: One of ``KINDS``.
            groups: G.
            shared: Whether one convolution serves all groups (the default: Eq. 3 has one
                ``Conv1_i`` a level) or each group has its own.
        """
        super().__init__()
        copies = 1 if shared else groups
        self.groups = groups
        self.channel_weight: nn.Parameter | None = None
        self.spatial: nn.Module | None = None
        if kind in ("channel", "channel_spatial"):
            bound = channels**-0.5
            self.channel_weight = nn.Parameter(
                torch.empty(copies, channels, channels).uniform_(-bound, bound)
            )
            self.channel_bias = nn.Parameter(torch.zeros(copies, 1, channels))
        if kind in ("spatial", "channel_spatial"):
            self.spatial = nn.Conv2d(2 * copies, copies, 7, padding=3, groups=copies)
        self.shared = shared

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """Pool ``(N, C, H, W)`` under masks ``(N, G, H, W)`` to ``(N, G, C)``."""
        psi = self._channel_attention(features, masks) if self.channel_weight is not None else None
        weights = masks
        if self.spatial is not None:
            weights = masks * self._spatial_attention(self.spatial, features, masks, psi)
        pooled = masked_max(features, weights)
        return pooled if psi is None else pooled * psi

    def _channel_attention(self, features: Tensor, masks: Tensor) -> Tensor:
        z = masked_average(features, masks).transpose(0, 1)
        weight = self.channel_weight.expand(self.groups, -1, -1)  # type: ignore[union-attr]
        bias = self.channel_bias.expand(self.groups, -1, -1)
        return torch.sigmoid(torch.baddbmm(bias, z, weight)).transpose(0, 1)

    def _spatial_attention(
        self, convolution: nn.Module, features: Tensor, masks: Tensor, psi: Tensor | None
    ) -> Tensor:
        """Return ``(N, G, H, W)`` in (0, 1)."""
        if psi is None:
            # Masks are not negative, so they factor out of both descriptors.
            mean = masks * features.mean(1, keepdim=True)
            peak = masks * features.amax(1, keepdim=True)
        else:
            flat = features.flatten(2)
            mean = masks * (psi @ flat / features.shape[1]).view_as(masks)
            peak = masks * _largest_channel(flat, psi).view_as(masks)
        both = torch.stack([mean, peak], 2)
        if self.shared:
            return torch.sigmoid(convolution(both.flatten(0, 1))).view_as(masks)
        return torch.sigmoid(convolution(both.flatten(1, 2)))


def _largest_channel(flat: Tensor, psi: Tensor) -> Tensor:
    """Return ``max over C of psi * features`` for all groups in one pass, ``(N, G, positions)``.

    As in :func:`farbench.nn.regions.masked_max` the product is not kept: the largest channel is
    found without a graph, and its value is gathered. Of equal channels the first gets the gradient.

    Args:
        flat: Features, ``(N, C, positions)``.
        psi: Factors, ``(N, G, C)``.
    """
    where = argmax_of_products(flat, psi.unsqueeze(-1), 2)
    peak: Tensor = flat.gather(1, where) * psi.gather(2, where)
    return peak
