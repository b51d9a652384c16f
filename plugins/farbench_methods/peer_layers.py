"""Layers that several peers are built of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from farbench import Group, Problem
from farbench.nn.heads import group_of_columns, start_at_prior


def scaled(channels: int, width: float) -> int:
    """Return a number of channels times the option ``width``, at least 4."""
    return max(4, round(channels * width))


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Return convolution, BatchNorm and ReLU; the map keeps its size."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class GroupOutputs(nn.Module):
    """The last layer of all groups: each attribute is read off its own group's feature."""

    group_of_output: Tensor

    def __init__(self, features: int, groups: Sequence[Group], problem: Problem) -> None:
        """Create the layer.

        Args:
            features: D, size of a group's feature.
            groups: The G groups; together they cover the A attributes once.
            problem: Gives A and the prior that the biases start at.
        """
        super().__init__()
        task = problem.attributes
        self.register_buffer("group_of_output", group_of_columns(groups), persistent=False)
        bound = features**-0.5  # as torch.nn.Linear starts
        self.weight = nn.Parameter(torch.empty(task.outputs, features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(task.outputs).uniform_(-bound, bound))
        start_at_prior(self.weight, self.bias, problem, task)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, G, D)`` to logits ``(N, A)``."""
        # Not features[:, ...]: on several threads its backward adds up in no fixed order.
        own = features.index_select(1, self.group_of_output)
        logits: Tensor = torch.einsum("nad,ad->na", own, self.weight) + self.bias
        return logits
