"""The torch side of the plugins that keep to their contracts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from farbench import Problem
from farbench.nn.regions import resize_masks


class GoodNetwork(nn.Module):
    """Two convolutions, a pooled feature, one linear layer a task."""

    def __init__(self, problem: Problem, hidden: int, pooling: str, dropout: float) -> None:
        super().__init__()
        self.pooling, self.feature_size = pooling, hidden
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, hidden, 3, 2)
        )
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {task.name: nn.Linear(hidden, task.outputs) for task in problem.tasks}
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.trunk(images)
        pooled = maps.amax((2, 3)) if self.pooling == "max" else maps.mean((2, 3))
        features = self.dropout(pooled)
        return {name: head(features) for name, head in self.heads.items()} | {"features": pooled}


class GroupedNetwork(nn.Module):
    """A masked feature and a linear layer for each group of attributes."""

    def __init__(self, problem: Problem, grouping: str, hidden: int, coverage: float) -> None:
        super().__init__()
        self.task, self.coverage = problem.attributes, coverage
        groups = problem.groups(grouping)
        self.trunk = nn.Sequential(nn.Conv2d(3, hidden, 5, 4), nn.BatchNorm2d(hidden), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(hidden, len(g.columns)) for g in groups)
        for number, group in enumerate(groups):
            self.register_buffer(f"columns_{number}", torch.tensor(group.columns), persistent=False)

    def forward(self, images: Tensor, masks: Tensor) -> dict[str, Tensor]:
        maps = self.trunk(images)
        kept = resize_masks(masks, *maps.shape[2:], self.coverage)
        logits: Tensor | None = None
        for number, head in enumerate(self.heads):
            values = head((maps * kept[:, number : number + 1]).amax((2, 3)))
            if logits is None:
                logits = values.new_zeros(len(images), self.task.outputs)
            logits = logits.index_add(1, getattr(self, f"columns_{number}"), values)
        assert logits is not None
        return {self.task.name: logits}


class SquaredModule(nn.Module):
    """Squared error on known labels, divided by a running mean of itself."""

    scale: Tensor

    def __init__(self, power: float, sides: bool = False) -> None:
        """Take the power of the difference; ``sides`` puts no at -1 and yes at 1."""
        super().__init__()
        self.power, self.sides = power, sides
        self.register_buffer("scale", torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = (targets >= 0) & ~torch.isnan(targets)
        aims = 2 * targets - 1 if self.sides else targets
        difference = torch.where(known, outputs - aims, 0.0)
        value = (difference.square() + 1e-12).pow(self.power / 2)
        mean = (value * known).sum() / known.sum().clamp(min=1)
        if self.training:
            moved = 0.9 * self.scale + 0.1 * mean.detach().clamp(min=0.1)
            self.scale.copy_(torch.where(known.any(), moved, self.scale))
        return mean / self.scale


class LearnedWeights(nn.Module):
    """Weights that are learned, and fall with the mean losses of the last epoch."""

    last: Tensor

    def __init__(self, terms: int, penalty: float) -> None:
        super().__init__()
        self.penalty = penalty
        self.scores = nn.Parameter(torch.zeros(terms))
        self.register_buffer("last", torch.ones(terms))

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        weights = torch.exp(-self.scores) * self.last
        total = (weights * losses).sum() + self.penalty * (self.scores + self.scores**2).sum()
        return total, weights.detach()

    def epoch_ended(self, mean_losses: Tensor) -> None:
        self.last.copy_(mean_losses.clamp(0.1, 10))
