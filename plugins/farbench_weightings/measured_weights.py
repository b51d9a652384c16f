"""The torch side of weights that are computed from how the losses have gone so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LastEpochsWeights(nn.Module):
    """Weights from the mean losses of the last two epochs, ``(T,), anything -> scalar, (T,)``."""

    weights: Tensor
    last: Tensor

    def __init__(self, terms: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("weights", torch.ones(terms))
        self.register_buffer("last", torch.zeros(terms))

    def forward(self, losses: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the weights."""
        return (self.weights * losses).sum(), self.weights.clone()

    @torch.no_grad()
    def epoch_ended(self, mean_losses: Tensor) -> None:
        """Set the weights of the next epoch.

        Args:
            mean_losses: ``(T,)``, of the epoch. A task that had no label in one of the last two
                epochs (0), as all have before the first, counts as one that has not changed.
        """
        now = mean_losses.to(self.last)
        measured = (self.last > 0) & (now > 0)
        ratio = torch.where(measured, now / self.last.where(measured, 1.0), 1.0)
        self.weights.copy_(len(ratio) * torch.softmax(ratio / self.temperature, dim=0))
        self.last.copy_(now)


class ConvergenceWeights(nn.Module):
    """Weights from how far each loss has come, ``(T,), anything -> scalar, (T,)``.

    ``reference`` is a loss's mean over its first steps, ``average`` its moving average since,
    ``seen`` the number of steps in which it had a label.
    """

    reference: Tensor
    average: Tensor
    seen: Tensor

    def __init__(
        self, terms: int, alpha: float, decay: float, start_steps: int, balance: bool
    ) -> None:
        """Create the averages.

        Args:
            terms: T.
            alpha: Power of the share of a loss that is left.
            decay: Share of the average that stays in a step.
            start_steps: Steps of a term that are averaged to its reference.
            balance: Whether losses are divided by their references.
        """
        super().__init__()
        self.alpha, self.decay, self.start_steps = alpha, decay, start_steps
        self.balance = balance
        self.register_buffer("reference", torch.zeros(terms))
        self.register_buffer("average", torch.zeros(terms))
        self.register_buffer("seen", torch.zeros(terms))

    def forward(self, losses: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted sum and the weights; in training the averages move first."""
        if self.training:
            self._follow(losses.detach())
        weights = self._weights()
        return (weights * losses).sum(), weights

    @torch.no_grad()
    def _follow(self, losses: Tensor) -> None:
        present = losses > 0
        self.seen += present
        first = present & (self.seen <= self.start_steps)
        mean = self.reference + (losses - self.reference) / self.seen.clamp(min=1)
        moved = self.decay * self.average + (1 - self.decay) * losses
        self.reference.copy_(torch.where(first, mean, self.reference))
        later = torch.where(present, moved, self.average)
        self.average.copy_(torch.where(first, self.reference, later))

    def _weights(self) -> Tensor:
        known = self.seen > 0
        left = self.average / self.reference.where(known, 1.0)
        weights = left.where(known, 1.0) ** self.alpha
        if self.balance:
            # A term not seen yet is taken for one of average size.
            usual = self.reference.sum() / known.sum().clamp(min=1)
            size = torch.where(known, self.reference, usual)
            weights = weights / size.where(size > 0, 1.0)
        return len(weights) * weights / weights.sum()
