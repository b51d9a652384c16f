"""The network of DMM-CNN in spirit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from farbench import Problem
from farbench.errors import unknown_name
from farbench.nn.heads import TaskHeads
from farbench.nn.trunk import Trunk
from farbench_methods.peer_layers import GroupOutputs, convolution

if TYPE_CHECKING:
    from farbench_methods.dmm_cnn import DMMCNN


class PyramidPool(nn.Module):
    """Maxima of grids of several sizes, side by side (He et al., SPP-net, ECCV 2014)."""

    def __init__(self, sides: Sequence[int]) -> None:
        """Create a pyramid of grids with these sides."""
        super().__init__()
        self.sides = tuple(sides)

    def forward(self, maps: Tensor) -> Tensor:
        """Pool ``(N, C, H, W)`` to ``(N, C * cells)``."""
        return torch.cat([adaptive_max_pool2d(maps, side).flatten(1) for side in self.sides], 1)


class DMMCNNNetwork(nn.Module):
    """Trunk -> one branch a group, shallow or deep -> attributes; landmarks beside them."""

    def __init__(self, problem: Problem, options: DMMCNN) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.feature_size = self.trunk.final_channels
        attributes = problem.attributes
        groups = problem.groups(options.grouping)
        named = problem.groupings[options.grouping].groups
        for name in options.subjective:
            # A group that the data set has no attributes of is left out, and is no mistake.
            if name not in named:
                raise unknown_name("group", name, named)
        self.branches = nn.ModuleList(
            _deep(self.feature_size, options)
            if group.name in options.subjective
            else _shallow(self.feature_size, options)
            for group in groups
        )
        self.dropout = nn.Dropout(options.dropout)
        self.outputs = GroupOutputs(options.hidden, groups, problem)
        self.task = attributes.name
        self.heads = TaskHeads(
            self.feature_size,
            problem,
            [task for task in problem.tasks if task is not attributes],
            hidden=options.hidden,
            dropout=options.dropout,
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to one output a task, and the feature they share."""
        final, _ = self.trunk(images)
        features = final.mean((2, 3))
        groups = torch.stack([branch(final) for branch in self.branches], 1)
        logits = self.outputs(self.dropout(groups))
        return {self.task: logits, **self.heads(features), "features": features}


def _shallow(features: int, options: DMMCNN) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, options.hidden), nn.ReLU()
    )


def _deep(features: int, options: DMMCNN) -> nn.Sequential:
    cells = sum(side**2 for side in options.pyramid)
    return nn.Sequential(
        convolution(features, options.channels, 3),
        convolution(options.channels, options.channels, 3),
        PyramidPool(options.pyramid),
        nn.Linear(options.channels * cells, options.hidden),
        nn.ReLU(),
        nn.Linear(options.hidden, options.hidden),
        nn.ReLU(),
    )
