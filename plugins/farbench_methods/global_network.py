"""The plainest network: one global feature, one head a task."""

from __future__ import annotations

from torch import Tensor, nn

from farbench import Problem
from farbench.nn.heads import TaskHeads
from farbench.nn.trunk import Trunk, global_pool


class GlobalNetwork(nn.Module):
    """Trunk -> global feature -> one head a task.

    Attributes:
        feature_size: Channels of the final map; ``"features"`` is it, pooled.
    """

    def __init__(
        self, problem: Problem, backbone: str, *, pooling: str, hidden: int, dropout: float
    ) -> None:
        """Build the network.

        Args:
            problem: Gives the tasks and their priors.
            backbone: timm's name.
            pooling: "max" or "avg".
            hidden: Size of each head's middle layer, 0 for none.
            dropout: Probability, before each head's last layer.
        """
        super().__init__()
        self.trunk = Trunk(backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.pooling = pooling
        self.feature_size = self.trunk.final_channels
        self.heads = TaskHeads(
            self.feature_size, problem, problem.tasks, hidden=hidden, dropout=dropout
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map ``(N, 3, S, S)`` to one output a task, and the feature that they share."""
        final, _ = self.trunk(images)
        features = global_pool(final, self.pooling)
        return {**self.heads(features), "features": features}
