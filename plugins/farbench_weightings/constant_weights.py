"""The torch side of weights that never change."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ConstantWeights(nn.Module):
    """``sum_i w_i L_i``, ``(T,), anything -> scalar, (T,)``."""

    weights: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def forward(self, losses: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the weights."""
        return (self.weights * losses).sum(), self.weights
