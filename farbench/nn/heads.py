"""Classification heads: one for all attributes, or one a group, all groups in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from farbench.plugins.grouping import Group
from farbench.plugins.method import Problem


class GroupedHeads(nn.Module):
    """Two fully connected layers a group: D -> hidden -> the group's attributes.

    MGMTN, section 3.3: "the first reduces the dimension of the enhanced group features from 3584
    to 512, and the second independently predicts attribute values". The non-linearity (ReLU) and
    the place of dropout (between the two) are this project's reading.
    """

    group_of_output: Tensor

    def __init__(
        self,
        features: int,
        groups: Sequence[Group],
        problem: Problem,
        *,
        hidden: int,
        dropout: float,
    ) -> None:
        """Create the heads.

        Args:
            features: D, size of a feature vector.
            groups: The G groups; together they cover the A outputs once.
            problem: Gives A and the prior that the last biases start at.
            hidden: Size of the middle layer.
            dropout: Probability, between the layers.
        """
        super().__init__()
        outputs = len(problem.task.attributes)
        group_of_output = torch.zeros(outputs, dtype=torch.long)
        for number, group in enumerate(groups):
            group_of_output[list(group.columns)] = number
        self.register_buffer("group_of_output", group_of_output, persistent=False)
        self.reduce_weight = nn.Parameter(torch.empty(len(groups), features, hidden))
        self.reduce_bias = nn.Parameter(torch.empty(len(groups), 1, hidden))
        self.dropout = nn.Dropout(dropout)
        self.weight = nn.Parameter(torch.empty(outputs, hidden))
        self.bias = nn.Parameter(torch.empty(outputs))
        # The bounds of torch.nn.Linear's own initialisation.
        nn.init.uniform_(self.reduce_weight, -1 / math.sqrt(features), 1 / math.sqrt(features))
        nn.init.uniform_(self.reduce_bias, -1 / math.sqrt(features), 1 / math.sqrt(features))
        nn.init.uniform_(self.weight, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
        nn.init.uniform_(self.bias, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
        start_at_prior(self.weight, self.bias, problem)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, D)``, shared by all groups, or ``(N, G, D)`` to logits ``(N, A)``."""
        if features.ndim == 2:
            features = features.unsqueeze(1).expand(-1, len(self.reduce_weight), -1)
        reduced = torch.baddbmm(self.reduce_bias, features.transpose(0, 1), self.reduce_weight)
        reduced = self.dropout(torch.relu(reduced))
        chosen = reduced[self.group_of_output]
        logits: Tensor = torch.einsum("anh,ah->na", chosen, self.weight) + self.bias
        return logits


def one_group(problem: Problem) -> tuple[Group, ...]:
    """Return a single group that holds every attribute."""
    return (Group("all", tuple(range(len(problem.task.attributes))), None),)


@torch.no_grad()
def start_at_prior(weight: Tensor, bias: Tensor, problem: Problem, factor: float = 0.1) -> None:
    """Start a last layer at the log-odds of the train labels, if the problem asks for it.

    Equalized Focal Loss does not learn in a short budget without it (docs/methods.md).

    Args:
        weight: ``(A, D)``, shrunk in place by ``factor`` so that the prior shows.
        bias: ``(A,)``, set in place.
        problem: Gives the prevalence and whether this is wanted.
        factor: What the weights are multiplied by.
    """
    if not problem.start_at_prior:
        return
    rate = torch.tensor(problem.prevalence[problem.task.name], dtype=torch.float64)
    rate = rate.clamp(1e-3, 1 - 1e-3)
    bias.copy_(torch.log(rate / (1 - rate)))
    weight.mul_(factor)
