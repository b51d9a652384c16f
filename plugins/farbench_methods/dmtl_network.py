"""The network of DMTL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from farbench import BinaryAttributes, Problem
from farbench.nn.heads import GroupedHeads, TaskHeads
from farbench_methods.peer_layers import convolution, scaled

if TYPE_CHECKING:
    from farbench_methods.dmtl import DMTL

GRID = 6
"""Side of AlexNet's last map at 227 px."""


class DMTLNetwork(nn.Module):
    """AlexNet with BatchNorm -> a sub-network a group of attributes, and one a task besides."""

    def __init__(self, problem: Problem, options: DMTL) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        one, two, three, four, five, self.feature_size = (
            scaled(channels, options.width) for channels in (96, 256, 384, 384, 256, 4096)
        )
        self.trunk = nn.Sequential(
            nn.Conv2d(3, one, 11, 4, bias=False),
            nn.BatchNorm2d(one),
            nn.ReLU(),
            # Rounded up, so that small images are left with something; at 227 px it is the same.
            nn.MaxPool2d(3, 2, ceil_mode=True),
            convolution(one, two, 5),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            convolution(two, three, 3),
            convolution(three, four, 3),
            convolution(four, five, 3),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.AdaptiveAvgPool2d(GRID),
            nn.Flatten(),
            nn.Linear(five * GRID**2, self.feature_size),
            nn.ReLU(),
            nn.Dropout(options.dropout),
            nn.Linear(self.feature_size, self.feature_size),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        grouped = next((task for task in problem.tasks if isinstance(task, BinaryAttributes)), None)
        self.grouped = grouped.name if grouped else ""
        self.groups: nn.Module | None = None
        if grouped:
            self.groups = GroupedHeads(
                self.feature_size,
                problem.groups(options.grouping),
                problem,
                hidden=options.hidden,
                dropout=options.dropout,
            )
        others = [task for task in problem.tasks if task is not grouped]
        self.heads = TaskHeads(
            self.feature_size, problem, others, hidden=options.hidden, dropout=options.dropout
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to one output a task, and the feature they share."""
        features = self.trunk(images)
        outputs = {**self.heads(features), "features": features}
        if self.groups is not None:
            outputs[self.grouped] = self.groups(features)
        return outputs
