"""The network of SPL-Net's second stage, by the sizes of the official code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from farbench import Problem
from farbench_methods.peer_layers import GroupOutputs, scaled

if TYPE_CHECKING:
    from farbench_methods.spl_net import SPLNet


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions, each behind BatchNorm and ReLU, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        """Create a block; the shortcut has a convolution where the map's shape changes."""
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.convolution1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.convolution2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, outputs, H / stride, W / stride)``."""
        active = relu(self.norm1(maps))
        # As in the official code: a convolution reads the activated map, the identity the raw one.
        kept = maps if self.shortcut is None else self.shortcut(active)
        residual: Tensor = self.convolution2(relu(self.norm2(self.convolution1(active))))
        return residual + kept


class CrossAttention(nn.Module):
    """Joins a branch's own map with the trunk's (CrossAtt of the official code).

    Channel attention weighs both maps side by side and brings them back to C channels; spatial
    attention weighs their sum; the two results are added.
    """

    def __init__(self, own: int, channels: int, reduction: int) -> None:
        """Create a block.

        Args:
            own: Channels of the branch's map; with more channels in the trunk's it is halved.
            channels: C, of the trunk's map.
            reduction: The middle layer has 2 C / reduction numbers.
        """
        super().__init__()
        self.bring: nn.Module | None = None
        if own != channels:
            self.bring = nn.Sequential(*_active(own), *_convolution(own, channels))
        middle = max(1, 2 * channels // reduction)
        self.channel = nn.Sequential(
            nn.Linear(2 * channels, middle, bias=False),
            nn.PReLU(),
            nn.Linear(middle, 2 * channels, bias=False),
            nn.Sigmoid(),
        )
        self.join = nn.Sequential(*_active(2 * channels), *_convolution(2 * channels, channels))
        self.spatial = nn.Sequential(
            *_active(2), nn.Conv2d(2, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid()
        )

    def forward(self, own: Tensor, trunk: Tensor) -> Tensor:
        """Join ``(N, own, h, w)`` and ``(N, C, H, W)`` to ``(N, C, H, W)``."""
        if self.bring is not None:
            own = max_pool2d(self.bring(own), 3, 2, 1)
        both, total = torch.cat([own, trunk], 1), own + trunk
        factor = self.channel(both.mean((2, 3)))[:, :, None, None]
        descriptors = torch.cat([total.mean(1, keepdim=True), total.amax(1, keepdim=True)], 1)
        by_channel: Tensor = self.join(both + both * factor)
        by_place: Tensor = total + total * self.spatial(descriptors)
        return by_channel + by_place


class PreActivationTrunk(nn.Module):
    """A pre-activation ResNet without its last normalisation; each level's map is read."""

    def __init__(self, channels: Sequence[int], blocks: Sequence[int]) -> None:
        """Create a trunk with these channels and residual blocks a level."""
        super().__init__()
        stem = channels[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 7, 2, 3, bias=False),
            nn.BatchNorm2d(stem),
            nn.PReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        self.levels = nn.ModuleList()
        before = stem
        for level, (after, count) in enumerate(zip(channels, blocks, strict=True)):
            first = PreActivationBlock(before, after, stride=2 if level else 1)
            others = [PreActivationBlock(after, after, stride=1) for _ in range(count - 1)]
            self.levels.append(nn.Sequential(first, *others))
            before = after

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images ``(N, 3, S, S)`` to one map a level."""
        maps = [self.stem(images)]
        for level in self.levels:
            maps.append(level(maps[-1]))
        return maps[1:]


class Branch(nn.Module):
    """One attention block a level, each reading the one before it and the trunk."""

    def __init__(self, channels: Sequence[int], reduction: int) -> None:
        """Create a branch for a trunk with these channels."""
        super().__init__()
        self.blocks = nn.ModuleList(
            CrossAttention(own, after, reduction)
            for own, after in zip([channels[0], *channels[:-1]], channels, strict=True)
        )

    def forward(self, trunk: Sequence[Tensor]) -> Tensor:
        """Map the trunk's maps to the branch's feature ``(N, C)``."""
        own = trunk[0]  # the first block has nothing of its own yet and joins the trunk's map twice
        for block, maps in zip(self.blocks, trunk, strict=True):
            own = block(own, maps)
        return own.mean((2, 3))


class SPLNetwork(nn.Module):
    """A trunk, a branch a group, one linear layer an attribute."""

    def __init__(self, problem: Problem, options: SPLNet) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        groups = problem.groups(options.grouping)
        channels = [scaled(64 << level, options.width) for level in range(len(options.blocks))]
        self.trunk = PreActivationTrunk(channels, options.blocks)
        self.branches = nn.ModuleList(Branch(channels, options.reduction) for _ in groups)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.outputs = GroupOutputs(channels[-1], groups, problem)
        self.task = problem.attributes.name

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        maps = self.trunk(images)
        features = torch.stack([branch(maps) for branch in self.branches], 1)
        return {self.task: self.outputs(features)}


def _active(channels: int) -> tuple[nn.Module, ...]:
    """Return BatchNorm and PReLU."""
    return (nn.BatchNorm2d(channels), nn.PReLU())


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """Return a 3x3 convolution, BatchNorm and PReLU."""
    return (nn.Conv2d(inputs, outputs, 3, padding=1), *_active(outputs))
