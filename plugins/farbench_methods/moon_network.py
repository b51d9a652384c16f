"""The network of MOON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from farbench import Problem
from farbench.nn.heads import start_at_prior
from farbench.nn.trunk import Trunk
from farbench_methods.peer_layers import scaled

if TYPE_CHECKING:
    from farbench_methods.moon import Moon


class MoonNetwork(nn.Module):
    """Convolutions of level 5 -> a grid -> fully connected layers -> attributes."""

    def __init__(self, problem: Problem, options: Moon) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        self.trunk = Trunk(
            options.backbone,
            pretrained=problem.pretrained and not options.from_scratch,
            levels=(5,),
            final=False,
        )
        self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
        self.grid = nn.AdaptiveAvgPool2d(options.grid)
        size = self.trunk.channels[5] * options.grid**2
        layers: list[nn.Module] = []
        for published in options.fc_sizes:
            hidden = scaled(published, options.width)
            layers += [nn.Linear(size, hidden), nn.ReLU(), nn.Dropout(options.dropout)]
            size = hidden
        task = problem.attributes
        last = nn.Linear(size, task.outputs)
        start_at_prior(last.weight, last.bias, problem, task)
        self.classifier = nn.Sequential(*layers, last)
        self.task = task.name

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        _, maps = self.trunk(images)
        return {self.task: self.classifier(self.grid(maps[5]).flatten(1))}
