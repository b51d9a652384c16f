"""The network of MCNN-AUX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from farbench import Group, Problem
from farbench.errors import UserError
from farbench.nn.heads import start_at_prior
from farbench_methods.peer_layers import GroupOutputs, scaled

if TYPE_CHECKING:
    from farbench_methods.mcnn_aux import MCNNAux


def _block(inputs: int, outputs: int, kernel: int, norm: str) -> nn.Sequential:
    """Return convolution, ReLU, max pooling by 3 and normalisation, in the paper's order."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.ReLU(),
        nn.MaxPool2d(3),
        nn.LocalResponseNorm(5) if norm == "lrn" else nn.BatchNorm2d(outputs),
    )


class MCNN(nn.Module):
    """Everything before AUX: the scores of all attributes."""

    def __init__(self, problem: Problem, options: MCNNAux, groups: Sequence[Group]) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        side = problem.image_size // 3 // 3 // 3
        if side == 0:
            raise UserError(
                f"mcnn_aux pools images by 27 and these measure {problem.image_size} px; type "
                "--set protocol.crop=64 or more."
            )
        first, second, third = (scaled(channels, options.width) for channels in (75, 200, 300))
        self.shared = nn.Sequential(
            _block(3, first, 7, options.norm), _block(first, second, 5, options.norm)
        )
        count = min(options.branches, len(groups))
        self.branch_of_group = [min(number, count - 1) for number in range(len(groups))]
        self.branches = nn.ModuleList(_block(second, third, 3, options.norm) for _ in range(count))
        hidden, dropout = options.hidden, options.dropout
        self.groups = nn.ModuleList(
            nn.Sequential(
                nn.Linear(third * side**2, hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Dropout(dropout),
            )
            for _ in groups
        )
        self.outputs = GroupOutputs(hidden, groups, problem)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        shared = self.shared(images)
        parts = [branch(shared).flatten(1) for branch in self.branches]
        features = [
            group(parts[branch])
            for group, branch in zip(self.groups, self.branch_of_group, strict=True)
        ]
        logits: Tensor = self.outputs(torch.stack(features, 1))
        return logits


class MCNNAuxNetwork(nn.Module):
    """MCNN and, if wanted, one layer from all scores to all attributes."""

    def __init__(self, problem: Problem, options: MCNNAux) -> None:
        """Build the network with the options of the method."""
        super().__init__()
        task = problem.attributes
        self.trunk = MCNN(problem, options, problem.groups(options.grouping))
        self.aux: nn.Linear | None = None
        if options.aux:
            self.aux = nn.Linear(task.outputs, task.outputs)
            if options.aux_start == "identity":
                nn.init.eye_(self.aux.weight)
                nn.init.zeros_(self.aux.bias)
            else:
                start_at_prior(self.aux.weight, self.aux.bias, problem, task)
        self.task = task.name

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map images ``(N, 3, S, S)`` to logits ``(N, A)``."""
        scores = self.trunk(images)
        return {self.task: scores if self.aux is None else self.aux(scores)}
