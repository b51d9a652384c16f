"""The network of APS: shared blocks, task networks beside them, soft alignment."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, max_pool2d

from farbench import Problem
from farbench.nn.pretrained import load_pretrained
from farbench.nn.trunk import Trunk
from farbench_methods.peer_layers import GroupOutputs, convolution

if TYPE_CHECKING:
    from farbench_methods.aps import APS

Pairs = list[tuple[Tensor, Tensor]]
"""The first and the last map of each block, ``(N, C, H, W)``."""


class VGGBlocks(nn.Module):
    """The convolutions of a timm VGG, block by block."""

    def __init__(self, name: str, *, pretrained: bool) -> None:
        """Take a VGG apart; what follows its last convolution is left out."""
        super().__init__()
        net: Any = timm.create_model(name, pretrained=False, num_classes=0)
        if pretrained:
            load_pretrained(net, name)
        self.pixel_mean: tuple[float, ...] = tuple(net.pretrained_cfg["mean"])
        self.pixel_std: tuple[float, ...] = tuple(net.pretrained_cfg["std"])
        self.first, self.rest = nn.ModuleList(), nn.ModuleList()
        self.channels: list[int] = []
        layers: list[nn.Module] = []
        for layer in net.features:
            if not isinstance(layer, nn.MaxPool2d):
                layers.append(layer)
                continue
            end = 1 + next(i for i, one in enumerate(layers) if isinstance(one, nn.ReLU))
            self.first.append(nn.Sequential(*layers[:end]))
            self.rest.append(nn.Sequential(*layers[end:]))
            self.channels.append(layers[0].out_channels)  # type: ignore[arg-type]
            layers = []

    def forward(self, images: Tensor) -> Pairs:
        """Return the maps after each block's first and last convolution."""
        pairs: Pairs = []
        maps = images
        for first, rest in zip(self.first, self.rest, strict=True):
            if pairs:
                maps = max_pool2d(maps, 2)
            start = first(maps)
            maps = rest(start)
            pairs.append((start, maps))
        return pairs


class LevelBlocks(nn.Module):
    """Any other backbone: the maps of levels 1 to 5, each both first and last of its block."""

    def __init__(self, name: str, *, pretrained: bool) -> None:
        """Create a backbone that ends with its last level."""
        super().__init__()
        self.net = Trunk(name, pretrained=pretrained, levels=(1, 2, 3, 4, 5), final=False)
        self.pixel_mean, self.pixel_std = self.net.pixel_mean, self.net.pixel_std
        self.channels = list(self.net.channels.values())

    def forward(self, images: Tensor) -> Pairs:
        """Return each level's map twice."""
        _, maps = self.net(images)
        return [(maps[level], maps[level]) for level in (1, 2, 3, 4, 5)]


class TaskNetwork(nn.Module):
    """The maps F^1 to F^5 of one task, made of the shared maps."""

    def __init__(self, channels: list[int], gate: str) -> None:
        """Create a task network for shared blocks of these channels."""
        super().__init__()
        self.passed = nn.ModuleList(convolution(before, before, 3) for before in channels[:-1])
        self.gates = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before + own, own, 1, bias=False), nn.BatchNorm2d(own), _gate(gate)
            )
            for before, own in pairwise(channels)
        )

    def forward(self, pairs: Pairs) -> list[Tensor]:
        """Return one map a block, of the shape of the shared one."""
        maps = [pairs[0][0] * pairs[0][1]]
        for passed, gate, (first, last) in zip(self.passed, self.gates, pairs[1:], strict=True):
            # Pooling by 2; to the very size of the next block, which some backbones round up.
            before = adaptive_max_pool2d(passed(maps[-1]), first.shape[2:])
            maps.append(gate(torch.cat([before, first], 1)) * last)
        return maps


class Alignment(nn.Module):
    """Soft alignment of one task in one block: where to look, by its own and by shared features."""

    def __init__(self, channels: int, size: int, options: APS) -> None:
        """Create the alignment.

        Args:
            channels: Of the block.
            size: D, of the task's features; other channels are brought to it.
            options: Of the method.
        """
        super().__init__()
        self.tau, self.dot = options.tau, options.compatibility == "dot"
        self.bring = nn.Identity() if channels == size else nn.Conv2d(channels, size, 1, bias=False)
        if not self.dot:
            self.own = nn.Parameter(torch.randn(size) * size**-0.5)
            self.shared = nn.Parameter(torch.randn(size) * size**-0.5)

    def forward(self, own: Tensor, shared: Tensor, whole: Tensor | None) -> Tensor:
        """Pool ``own`` ``(N, C, H, W)``, looking at ``shared`` too, to ``(N, D)``.

        Args:
            own: The task's map.
            shared: The shared map.
            whole: The task's global feature ``(N, D)``, if positions are compared with it.
        """
        own, shared = self.bring(own).flatten(2), self.bring(shared).flatten(2)
        if whole is not None:
            to_own = to_shared = whole[:, None] * own.shape[1] ** -0.5
            scores = self.tau * (to_own @ own) + (1 - self.tau) * (to_shared @ shared)
        else:
            scores = self.tau * (self.own @ own) + (1 - self.tau) * (self.shared @ shared)
            scores = scores[:, None]
        weights = torch.softmax(scores, -1)  # (N, 1, positions)
        return (weights @ own.transpose(1, 2))[:, 0]


class APSNetwork(nn.Module):
    """Shared blocks, one task network a group, alignment in blocks 4 and 5, attributes."""

    def __init__(self, problem: Problem, options: APS) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        kind = VGGBlocks if options.backbone.startswith("vgg") else LevelBlocks
        self.trunk = kind(options.backbone, pretrained=problem.pretrained)
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        groups = problem.groups(options.grouping)
        channels = self.trunk.channels
        size = channels[-1]
        self.tasks = nn.ModuleList(TaskNetwork(channels, options.gate) for _ in groups)
        self.eta = options.eta
        self.aligned, self.whole = options.alignment, nn.ModuleList()
        self.fourth, self.fifth = nn.ModuleList(), nn.ModuleList()
        if options.alignment:
            for _ in groups:
                self.fourth.append(Alignment(channels[-2], size, options))
                self.fifth.append(Alignment(size, size, options))
                if options.compatibility == "dot":
                    self.whole.append(nn.Linear(size, size))
        self.outputs = GroupOutputs(2 * size if options.alignment else size, groups, problem)
        self.task = problem.attributes.name

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        pairs = self.trunk(images)
        features = [self._feature(number, pairs) for number in range(len(self.tasks))]
        return {self.task: self.outputs(torch.stack(features, 1))}

    def _feature(self, number: int, pairs: Pairs) -> Tensor:
        """Return one task's feature ``(N, 2 D)``, or ``(N, D)`` without alignment."""
        maps = self.tasks[number](pairs)
        mean: Tensor = maps[-1].mean((2, 3))
        if not self.aligned:
            return mean
        whole = torch.relu(self.whole[number](mean)) if self.whole else None
        fourth = self.fourth[number](maps[-2], pairs[-2][1], whole)
        fifth = self.fifth[number](maps[-1], pairs[-1][1], whole)
        return torch.cat([self.eta * fourth, (1 - self.eta) * fifth], 1)


def _gate(name: str) -> nn.Module:
    return {"sigmoid": nn.Sigmoid(), "relu": nn.ReLU(), "none": nn.Identity()}[name]
