"""The torch side of cross-entropy over classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from farbench_losses.reduction import reduce_known


class ClassCrossEntropyModule(nn.Module):
    """Softmax cross-entropy with a weight for each class, ``(N, C), (N,) -> scalar``."""

    weights: Tensor

    def __init__(self, weights: Sequence[float], label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", torch.tensor(weights), persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over known labels; targets are classes, or -1 for unknown."""
        labels = targets.clamp(min=0)
        values = cross_entropy(
            logits, labels, reduction="none", label_smoothing=self.label_smoothing
        )
        return reduce_known(values * self.weights[labels], targets >= 0, "mean")
