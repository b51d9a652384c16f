"""The torch side of attribute losses that weigh yes against no."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from farbench_losses.elementwise import focal_values
from farbench_losses.reduction import reduce_known


class WeighedAnswers(nn.Module):
    """Weighs what yes and no cost, attribute by attribute, ``(N, A), (N, A) -> scalar``."""

    yes: Tensor
    no: Tensor

    def __init__(self, yes: Sequence[float], no: Sequence[float], reduction: str) -> None:
        """Keep the weights.

        Args:
            yes: A weights of labels that are 1.
            no: A weights of labels that are 0.
            reduction: See :func:`farbench_losses.reduction.reduce_known`.
        """
        super().__init__()
        self.reduction = reduction
        self.register_buffer("yes", torch.tensor(yes), persistent=False)
        self.register_buffer("no", torch.tensor(no), persistent=False)

    def cost(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the unweighted loss ``(N, A)``; targets are 1 or 0 here."""
        raise NotImplementedError

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are 1, 0 or -1 for unknown."""
        weight = torch.where(targets > 0.5, self.yes, self.no)
        values = weight * self.cost(logits, targets.clamp(min=0))
        return reduce_known(values, targets >= 0, self.reduction)


class WeighedSquares(WeighedAnswers):
    """Squared distance of the output from +1 for yes and from -1 for no."""

    def cost(self, logits: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`WeighedAnswers.cost`."""
        return (logits - (2 * targets - 1)).square()


class WeighedCrossEntropy(WeighedAnswers):
    """Binary cross-entropy."""

    def cost(self, logits: Tensor, targets: Tensor) -> Tensor:
        """See :meth:`WeighedAnswers.cost`."""
        return binary_cross_entropy_with_logits(logits, targets, reduction="none")


class AdaptiveFocalModule(nn.Module):
    """Squared error and focal term weighed by the share of yes, ``(N, A), (N, A) -> scalar``."""

    share: Tensor | None

    def __init__(
        self,
        share: Sequence[float] | None,
        gamma: float,
        beta: float,
        logarithm: bool,
        reduction: str,
    ) -> None:
        """Keep the settings.

        Args:
            share: Share of yes of each of the A attributes; None takes it from each batch.
            gamma: Focusing parameter.
            beta: Weight of the focal term.
            logarithm: Whether the focal term has ``-log p`` (else ``p``).
            reduction: See :func:`farbench_losses.reduction.reduce_known`.
        """
        super().__init__()
        self.gamma, self.beta, self.logarithm = gamma, beta, logarithm
        self.reduction = reduction
        fixed = None if share is None else torch.tensor(share)
        self.register_buffer("share", fixed, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are 1, 0 or -1 for unknown."""
        known, positive = targets >= 0, targets > 0.5
        share = self.share
        if share is None:
            share = positive.sum(0) / known.sum(0).clamp(min=1)
        signed = torch.where(positive, logits, -logits)
        if self.logarithm:
            focal = focal_values(logits, positive, self.gamma, alpha=-1)
        else:
            focal = torch.exp(self.gamma * logsigmoid(-signed)) * torch.sigmoid(signed)
        weight = torch.where(positive, 1 - share, share)
        values = torch.sigmoid(-signed).square() + self.beta * weight * focal
        return reduce_known(values, known, self.reduction)
