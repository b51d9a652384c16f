"""Heads: one a task, or one a group of attributes, all groups in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from farbench.plugins.grouping import Group
from farbench.plugins.method import Problem
from farbench.tasks.base import Task


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
            groups: The G groups; together they cover the A attributes once.
            problem: Gives A and the prior that the last biases start at.
            hidden: Size of the middle layer.
            dropout: Probability, between the layers.
        """
        super().__init__()
        outputs = problem.attributes.outputs
        self.register_buffer("group_of_output", group_of_columns(groups), persistent=False)
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
        start_at_prior(self.weight, self.bias, problem, problem.attributes)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, D)``, shared by all groups, or ``(N, G, D)`` to logits ``(N, A)``."""
        if features.ndim == 2:
            features = features.unsqueeze(1).expand(-1, len(self.reduce_weight), -1)
        reduced = torch.baddbmm(self.reduce_bias, features.transpose(0, 1), self.reduce_weight)
        reduced = self.dropout(torch.relu(reduced))
        # Not reduced[...]: on several threads its backward adds up in no fixed order.
        chosen = reduced.index_select(0, self.group_of_output)
        logits: Tensor = torch.einsum("anh,ah->na", chosen, self.weight) + self.bias
        return logits


def group_of_columns(groups: Sequence[Group]) -> Tensor:
    """Return the number of the group of each column of an output, int64 ``(A,)``.

    Args:
        groups: Together they cover the A columns once.
    """
    column_groups = {
        column: number for number, group in enumerate(groups) for column in group.columns
    }
    return torch.tensor([column_groups[column] for column in range(len(column_groups))])


class TaskHeads(nn.ModuleDict):
    """One head a task on a feature that all of them share: D -> hidden -> ``task.outputs``.

    The non-linearity is ReLU, dropout is between the two layers; with ``hidden`` 0 a head is one
    linear layer behind dropout.
    """

    def __init__(
        self, features: int, problem: Problem, tasks: Sequence[Task], *, hidden: int, dropout: float
    ) -> None:
        """Create the heads.

        Args:
            features: D, size of the feature vector.
            problem: Gives the priors that last biases start at.
            tasks: The tasks that get a head here.
            hidden: Size of the middle layer, 0 for none.
            dropout: Probability, before the last layer.
        """
        super().__init__()
        for task in tasks:
            last = nn.Linear(hidden or features, task.outputs)
            start_at_prior(last.weight, last.bias, problem, task)
            first = (nn.Linear(features, hidden), nn.ReLU()) if hidden else ()
            self[task.name] = nn.Sequential(*first, nn.Dropout(dropout), last)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Map ``(N, D)`` to one output a task, ``(N, task.outputs)``."""
        return {name: head(features) for name, head in self.items()}


@torch.no_grad()
def start_at_prior(
    weight: Tensor, bias: Tensor, problem: Problem, task: Task, factor: float = 0.1
) -> None:
    """Start a last layer at what suits the train labels best, if the problem asks for it.

    That is the log-odds of attributes and classes and the mean shape of landmarks. Equalized
    Focal Loss does not learn in a short budget without it (docs/methods.md). An embedding has no
    prior: its layer stays as it is.

    Args:
        weight: ``(task.outputs, D)``, shrunk in place by ``factor`` so that the prior shows.
        bias: ``(task.outputs,)``, set in place.
        problem: Gives the statistics of the train labels and whether this is wanted.
        task: What the layer predicts.
        factor: What the weights are multiplied by.
    """
    if not problem.start_at_prior or task.kind == "identity":
        return
    bias.copy_(torch.tensor(problem.prior(task), dtype=bias.dtype))
    weight.mul_(factor)
