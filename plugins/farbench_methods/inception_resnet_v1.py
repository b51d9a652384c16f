"""Inception-ResNet-v1 as facenet has it: the trunk up to Mixed_7a, and block8 for branches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CHANNELS = 1792
"""Of ``Mixed_7a`` and of everything after it."""

SMALLEST = 75
"""Side of the smallest image that the unpadded stem and reductions leave a pixel of."""

Kernel = int | tuple[int, int]


class InceptionTrunk(nn.Sequential):
    """Stem, block35 (x 0.17), reduction A, block17 (x 0.10), reduction B: ``Mixed_7a``.

    Szegedy et al., arXiv 1602.07261, in facenet's widths: 256, 896 and 1792 channels. A batch of
    one image of 75 to 106 px cannot be trained on: BatchNorm sees one value a channel there.
    """

    def __init__(self, blocks35: int, blocks17: int) -> None:
        """Create the trunk with so many residual blocks of each kind."""
        super().__init__()
        self.stem = nn.Sequential(
            convolution(3, 32, 3, stride=2, pad=False),
            convolution(32, 32, 3, pad=False),
            convolution(32, 64, 3),
            nn.MaxPool2d(3, 2),
            convolution(64, 80, 1),
            convolution(80, 192, 3, pad=False),
            convolution(192, 256, 3, stride=2, pad=False),
        )
        self.block35 = nn.Sequential(*(block35() for _ in range(blocks35)))
        self.reduction_a = Towers(
            [
                [convolution(256, 384, 3, stride=2, pad=False)],
                [
                    convolution(256, 192, 1),
                    convolution(192, 192, 3),
                    convolution(192, 256, 3, stride=2, pad=False),
                ],
                [nn.MaxPool2d(3, 2)],
            ]
        )
        self.block17 = nn.Sequential(*(block17() for _ in range(blocks17)))
        self.reduction_b = Towers(
            [
                [convolution(896, 256, 1), convolution(256, 384, 3, stride=2, pad=False)],
                [convolution(896, 256, 1), convolution(256, 256, 3, stride=2, pad=False)],
                [
                    convolution(896, 256, 1),
                    convolution(256, 256, 3),
                    convolution(256, 256, 3, stride=2, pad=False),
                ],
                [nn.MaxPool2d(3, 2)],
            ]
        )

    @staticmethod
    def side(image_size: int) -> int:
        """Return the side of ``Mixed_7a`` for an image of at least 75 px."""
        side = (image_size - 3) // 2 + 1 - 2
        side = (side - 3) // 2 + 1 - 2
        for _ in range(3):
            side = (side - 3) // 2 + 1
        return side


class Towers(nn.Module):
    """Chains of layers on the same map, their results side by side."""

    def __init__(self, towers: Sequence[Sequence[nn.Module]]) -> None:
        """Create the towers from their layers."""
        super().__init__()
        self.towers = nn.ModuleList(nn.Sequential(*tower) for tower in towers)

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to the channels of all towers."""
        return torch.cat([tower(maps) for tower in self.towers], 1)


class ResidualTowers(nn.Module):
    """``ReLU(x + scale * Conv1x1(towers(x)))``, or without the ReLU."""

    def __init__(
        self,
        channels: int,
        towers: Sequence[Sequence[nn.Module]],
        widths: int,
        scale: float,
        activation: bool,
    ) -> None:
        """Create the block.

        Args:
            channels: C.
            towers: The layers of each tower.
            widths: Channels of all towers together.
            scale: Factor of what is added.
            activation: Whether a ReLU follows.
        """
        super().__init__()
        self.towers = Towers(towers)
        self.up = nn.Conv2d(widths, channels, 1)
        nn.init.xavier_uniform_(self.up.weight)
        self.scale, self.activation = scale, activation

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``(N, C, h, w)`` to ``(N, C, h, w)``."""
        added: Tensor = maps + self.scale * self.up(self.towers(maps))
        return torch.relu(added) if self.activation else added


def convolution(
    inputs: int, outputs: int, kernel: Kernel, *, stride: int = 1, pad: bool = True
) -> nn.Sequential:
    """Return convolution, BatchNorm and ReLU; padded to the same size ("SAME") or not ("VALID")."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2) if pad else (0, 0)
    layer = nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False)
    nn.init.xavier_uniform_(layer.weight)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU(inplace=True))


def block35() -> ResidualTowers:
    """Return Inception-ResNet-A, on 256 channels."""
    towers = [
        [convolution(256, 32, 1)],
        [convolution(256, 32, 1), convolution(32, 32, 3)],
        [convolution(256, 32, 1), convolution(32, 32, 3), convolution(32, 32, 3)],
    ]
    return ResidualTowers(256, towers, 96, scale=0.17, activation=True)


def block17() -> ResidualTowers:
    """Return Inception-ResNet-B, on 896 channels."""
    towers = [
        [convolution(896, 128, 1)],
        [convolution(896, 128, 1), convolution(128, 128, (1, 7)), convolution(128, 128, (7, 1))],
    ]
    return ResidualTowers(896, towers, 256, scale=0.10, activation=True)


def block8(*, scale: float, activation: bool = True) -> ResidualTowers:
    """Return Inception-ResNet-C, on 1792 channels."""
    towers = [
        [convolution(CHANNELS, 192, 1)],
        [
            convolution(CHANNELS, 192, 1),
            convolution(192, 192, (1, 3)),
            convolution(192, 192, (3, 1)),
        ],
    ]
    return ResidualTowers(CHANNELS, towers, 384, scale=scale, activation=activation)
