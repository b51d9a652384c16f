"""The torch side of weights that are drawn again in every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RandomWeights(nn.Module):
    """``T softmax(normal draws)``, ``(T,), anything -> scalar, (T,)``; weights of 1 in eval."""

    def forward(self, losses: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the weights."""
        weights = torch.ones_like(losses)
        if self.training:
            weights = len(losses) * torch.softmax(torch.randn_like(losses), dim=0)
        return (weights * losses).sum(), weights
