"""The network of PS-MCNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from farbench import Problem
from farbench.errors import UserError
from farbench_methods.peer_layers import GroupOutputs, convolution, scaled

if TYPE_CHECKING:
    from farbench_methods.ps_mcnn import PSMCNN


class Level(nn.Module):
    """One level: a convolution a TSNet and one of SNet, each followed by max pooling."""

    def __init__(self, to_task: int, to_shared: int, own: int, common: int, tasks: int) -> None:
        """Create a level.

        Args:
            to_task: Channels that a TSNet reads.
            to_shared: Channels that SNet reads.
            own: Channels of a TSNet's new map.
            common: Channels of SNet's new map.
            tasks: Number of TSNets.
        """
        super().__init__()
        self.specific = nn.ModuleList(convolution(to_task, own, 3) for _ in range(tasks))
        self.shared = convolution(to_shared, common, 3)

    def forward(self, to_tasks: Sequence[Tensor], to_shared: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the new maps of the TSNets and of SNet, at half the size."""
        maps = [
            max_pool2d(network(own), 2)
            for network, own in zip(self.specific, to_tasks, strict=True)
        ]
        return maps, max_pool2d(self.shared(to_shared), 2)


class PSMCNNNetwork(nn.Module):
    """One TSNet a group and SNet, level by level."""

    def __init__(self, problem: Problem, options: PSMCNN) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        groups = problem.groups(options.grouping)
        own = [scaled(channels, options.width) for channels in options.task_channels]
        common = [scaled(channels, options.width) for channels in options.shared_channels]
        exchanged = scaled(options.exchanged, options.width) if options.exchanged else 0
        side = problem.image_size >> len(own)
        if side == 0:
            raise UserError(
                f"ps_mcnn halves the image {len(own)} times and it measures {problem.image_size} "
                "px; give fewer task_channels and shared_channels, or a larger protocol.crop."
            )
        # A TSNet may have fewer channels than are asked of it.
        self.exchanged = [min(exchanged, channels) for channels in own]
        self.levels = nn.ModuleList()
        to_task = to_shared = 3
        for level, channels in enumerate(zip(own, common, strict=True)):
            self.levels.append(Level(to_task, to_shared, *channels, len(groups)))
            to_task = sum(channels)
            to_shared = len(groups) * self.exchanged[level] + channels[1]
        self.layers = nn.ModuleList(
            _layers(channels * side**2, options)
            for channels in [own[-1]] * len(groups) + [common[-1]]
        )
        self.outputs = GroupOutputs(2 * options.hidden, groups, problem)
        self.task = problem.attributes.name

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        to_tasks, to_shared = [images] * (len(self.layers) - 1), images
        for level, given in zip(self.levels, self.exchanged, strict=True):
            maps, shared = level(to_tasks, to_shared)
            to_tasks = [torch.cat([own, shared], 1) for own in maps]
            to_shared = torch.cat([*(own[:, :given] for own in maps), shared], 1)
        features = [
            layers(own.flatten(1)) for layers, own in zip(self.layers, [*maps, shared], strict=True)
        ]
        joined = [torch.cat([own, features[-1]], 1) for own in features[:-1]]
        return {self.task: self.outputs(torch.stack(joined, 1))}


def _layers(features: int, options: PSMCNN) -> nn.Sequential:
    """Return the two fully connected layers of one network."""
    hidden, dropout = options.hidden, options.dropout
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
    )
