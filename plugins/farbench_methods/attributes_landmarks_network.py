"""The network of attributes_landmarks: one pooled feature, one head a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from farbench import Problem
from farbench.nn.heads import TaskHeads
from farbench.nn.trunk import Trunk

if TYPE_CHECKING:
    from farbench_methods.attributes_landmarks import AttributesLandmarks


class SharedFeatureNetwork(nn.Module):
    """Trunk -> average over positions -> one head a task.

    Attributes:
        feature_size: Channels of the final map; ``"features"`` is its average over positions.
    """

    def __init__(self, problem: Problem, options: AttributesLandmarks) -> None:
        """Build the network from the method's options."""
        super().__init__()
        self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        # Parameters are frozen here, so that they are where BatchNorm's statistics still move.
        self.trunk.requires_grad_(not options.freeze_backbone)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.feature_size = self.trunk.final_channels
        self.heads = TaskHeads(
            self.feature_size,
            problem,
            problem.tasks,
            hidden=options.hidden,
            dropout=options.dropout,
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return one output a task and ``"features"`` ``(N, feature_size)``."""
        final, _ = self.trunk(images)
        pooled = final.mean((2, 3))
        outputs: dict[str, Tensor] = self.heads(pooled)
        return outputs | {"features": pooled}
