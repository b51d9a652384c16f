"""What FAR-AMTN does for all groups in one pass: attention, fusion between groups, heads."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from farbench import BinaryAttributes, Problem
from farbench.nn.heads import group_of_columns, start_at_prior


def groups_of_outputs(problem: Problem, grouping: str) -> list[int]:
    """Return the group of each output, the outputs of all tasks one after the other.

    Attributes have the groups of the grouping, each other task is one group.
    """
    attributes = next((task for task in problem.tasks if isinstance(task, BinaryAttributes)), None)
    numbers: list[int] = []
    for task in problem.tasks:
        first = max(numbers, default=-1) + 1
        own = [0] * task.outputs
        if task is attributes:
            own = group_of_columns(problem.groups(grouping)).tolist()
        numbers += [first + number for number in own]
    return numbers


class GroupAttention(nn.Module):
    """``Psi_g = sigmoid(FC_g(ReLU(FC_g(Z))))``, two layers of its own for each group."""

    def __init__(self, channels: int, outputs: int, groups: int, reduction: int) -> None:
        """Create the gates.

        Args:
            channels: C of Z.
            outputs: Channels that are weighed; C again unless the block changes their number.
            groups: G.
            reduction: The middle layer has C / reduction channels.
        """
        super().__init__()
        middle = max(channels // reduction, 1)
        self.reduce_weight, self.reduce_bias = stacked_linear(groups, channels, middle)
        self.restore_weight, self.restore_bias = stacked_linear(groups, middle, outputs)

    def forward(self, squeezed: Tensor) -> Tensor:
        """Map Z ``(N, C)`` to gates ``(N, G, D)`` in (0, 1)."""
        repeated = squeezed.expand(len(self.reduce_weight), -1, -1)
        middle = torch.relu(torch.baddbmm(self.reduce_bias, repeated, self.reduce_weight))
        gates = torch.baddbmm(self.restore_bias, middle, self.restore_weight)
        return torch.sigmoid(gates).transpose(0, 1)


class AttentionFusion(nn.Module):
    """Groups attend to groups: ``u_g = v_g + W_o sum_h softmax_h(q_g . k_h / sqrt(d)) W_v v_h``.

    This project's reading of CGFF. All four layers are shared by the groups and d is C / reduction,
    so that fusion stays small beside the shared convolution.
    """

    def __init__(self, channels: int, narrow: int) -> None:
        """Create the layers, C to d and back."""
        super().__init__()
        self.query = nn.Linear(channels, narrow, bias=False)
        self.key = nn.Linear(channels, narrow, bias=False)
        self.value = nn.Linear(channels, narrow, bias=False)
        self.restore = nn.Linear(narrow, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, G, C)`` to ``(N, G, C)``."""
        query, key, value = self.query(features), self.key(features), self.value(features)
        shares = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(key.shape[-1]), dim=-1)
        fused: Tensor = features + self.restore(shares @ value)
        return fused


class ConcatFusion(nn.Module):
    """All groups in one code, which each reads: ``u_g = v_g + W_g ReLU(W [v_1 .. v_G])``.

    This project's reading of CGFF as concatenation and reduction; the code has C / reduction
    channels.
    """

    def __init__(self, channels: int, narrow: int, groups: int) -> None:
        """Create the layers, G * C to d and from d to C for each group."""
        super().__init__()
        self.reduce = nn.Linear(groups * channels, narrow)
        self.restore_weight, self.restore_bias = stacked_linear(groups, narrow, channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, G, C)`` to ``(N, G, C)``."""
        code = torch.relu(self.reduce(features.flatten(1))).expand(features.shape[1], -1, -1)
        read = torch.baddbmm(self.restore_bias, code, self.restore_weight)
        return features + read.transpose(0, 1)


class GroupTaskHeads(nn.Module):
    """One head a group for tasks of any kind, all groups in one pass: D (-> hidden) -> outputs."""

    group_of_output: Tensor

    def __init__(
        self,
        features: int,
        group_of_output: list[int],
        problem: Problem,
        *,
        hidden: int,
        dropout: float,
    ) -> None:
        """Create the heads.

        Args:
            features: D.
            group_of_output: The group of each output, see :func:`groups_of_outputs`.
            problem: Gives the tasks, and the priors that last biases start at.
            hidden: Size of the middle layer, 0 for none.
            dropout: Probability, before the last layer.
        """
        super().__init__()
        self.register_buffer("group_of_output", torch.tensor(group_of_output), persistent=False)
        self.columns: dict[str, slice] = {}
        self.reduce_weight: nn.Parameter | None = None
        if hidden:
            groups = max(group_of_output) + 1
            self.reduce_weight, self.reduce_bias = stacked_linear(groups, features, hidden)
        self.dropout = nn.Dropout(dropout)
        last = nn.Linear(hidden or features, len(group_of_output))
        with torch.no_grad():
            first = 0
            for task in problem.tasks:
                columns = self.columns[task.name] = slice(first, first + task.outputs)
                start_at_prior(last.weight[columns], last.bias[columns], problem, task)
                first = columns.stop
        self.last = last

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Map ``(N, G, D)`` to one output a task, ``(N, task.outputs)``."""
        if self.reduce_weight is not None:
            reduced = torch.baddbmm(self.reduce_bias, features.transpose(0, 1), self.reduce_weight)
            features = torch.relu(reduced).transpose(0, 1)
        # Every output of every group, then the ones that are wanted: with few outputs that costs
        # next to nothing, and needs neither a loop nor padding.
        scores = self.last(self.dropout(features))
        number = torch.arange(len(self.group_of_output), device=scores.device)
        chosen = scores[:, self.group_of_output, number]
        return {name: chosen[:, columns] for name, columns in self.columns.items()}


def stacked_linear(groups: int, inputs: int, outputs: int) -> tuple[nn.Parameter, nn.Parameter]:
    """Return weights ``(G, inputs, outputs)`` and biases ``(G, 1, outputs)``, as Linear starts."""
    bound = 1 / math.sqrt(inputs)
    return (
        nn.Parameter(torch.empty(groups, inputs, outputs).uniform_(-bound, bound)),
        nn.Parameter(torch.empty(groups, 1, outputs).uniform_(-bound, bound)),
    )
