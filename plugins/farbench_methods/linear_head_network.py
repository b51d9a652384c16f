"""The network of `linear_head`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from farbench import Problem
from farbench.nn.heads import TaskHeads
from farbench.nn.trunk import Trunk, global_pool

if TYPE_CHECKING:
    from farbench_methods.linear_head import LinearHead


class LinearHeadNetwork(nn.Module):
    """Trunk -> pooled feature -> one linear layer a task."""

    def __init__(self, problem: Problem, options: LinearHead) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.pooling = options.pooling
        self.feature_size = self.trunk.final_channels
        self.heads = TaskHeads(
            self.feature_size, problem, problem.tasks, hidden=0, dropout=options.dropout
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to one output a task, and the feature they share."""
        final, _ = self.trunk(images)
        features = global_pool(final, self.pooling)
        return {**self.heads(features), "features": features}
