"""The torch side of the losses: one value a logit, unknown labels masked, then reduced."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid


def reduce_known(values: Tensor, known: Tensor, reduction: str) -> Tensor:
    """Average over images what each known label costs, then join the attributes.

    Args:
        values: ``(N, A)`` losses.
        known: ``(N, A)`` bool.
        reduction: "mean" divides by all known labels; "sum" adds the A attributes, each averaged
            over the N images of the batch (an unknown label counts as 0, so that a rare label is
            not weighted up by the batch it happens to be in).
    """
    values = values * known
    if reduction == "mean":
        return values.sum() / known.sum().clamp(min=1)
    return values.sum() / len(values)


class CrossEntropyModule(nn.Module):
    """Binary cross-entropy, ``(N, A), (N, A) -> scalar``."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are 1, 0 or -1 for unknown."""
        values = binary_cross_entropy_with_logits(logits, targets.clamp(min=0), reduction="none")
        return reduce_known(values, targets >= 0, self.reduction)


def focal_values(logits: Tensor, positive: Tensor, gamma: Tensor | float, alpha: float) -> Tensor:
    """Return ``-alpha_t (1 - p_t)^gamma log p_t``, ``(N, A)``, stable for large logits."""
    signed = torch.where(positive, logits, -logits)
    # As exp(gamma * log): the derivative of a power below 1 is infinite where 1 - p underflows.
    values = -torch.exp(gamma * logsigmoid(-signed)) * logsigmoid(signed)
    if alpha >= 0:
        values = values * torch.where(positive, alpha, 1.0 - alpha)
    return values


class FocalModule(nn.Module):
    """Focal loss, ``(N, A), (N, A) -> scalar``."""

    def __init__(self, gamma: float, alpha: float, reduction: str) -> None:
        super().__init__()
        self.gamma, self.alpha, self.reduction = gamma, alpha, reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are 1, 0 or -1 for unknown."""
        values = focal_values(logits, targets > 0.5, self.gamma, self.alpha)
        return reduce_known(values, targets >= 0, self.reduction)


class EqualizedFocalModule(nn.Module):
    """Equalized Focal Loss with its gradient accumulators, ``(N, A), (N, A) -> scalar``.

    The accumulators sum ``|dL/dlogit|`` over every training step so far, without decay; the
    gradient is computed in closed form, so no backward hook is needed. The factor of a step comes
    from the steps before it.
    """

    positive_gradient: Tensor
    negative_gradient: Tensor
    balance: Tensor

    def __init__(
        self, outputs: int, gamma: float, scale: float, alpha: float, reduction: str
    ) -> None:
        super().__init__()
        self.gamma, self.scale, self.alpha, self.reduction = gamma, scale, alpha, reduction
        self.register_buffer("positive_gradient", torch.zeros(outputs))
        self.register_buffer("negative_gradient", torch.zeros(outputs))
        self.register_buffer("balance", torch.ones(outputs))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are 1, 0 or -1 for unknown. Accumulates while training."""
        known, positive = targets >= 0, targets > 0.5
        gamma = self.gamma + self.scale * (1 - self.balance)
        weight = gamma / self.gamma
        values = weight * focal_values(logits, positive, gamma, self.alpha)
        if self.training:
            self._accumulate(logits.detach(), known, positive, gamma, weight)
        return reduce_known(values, known, self.reduction)

    @torch.no_grad()
    def _accumulate(
        self, logits: Tensor, known: Tensor, positive: Tensor, gamma: Tensor, weight: Tensor
    ) -> None:
        signed = torch.where(positive, logits, -logits)
        p, log_p, miss = torch.sigmoid(signed), logsigmoid(signed), torch.sigmoid(-signed)
        size = weight * miss**gamma * (miss - gamma * p * log_p) * known
        if self.alpha >= 0:
            size = size * torch.where(positive, self.alpha, 1.0 - self.alpha)
        # The common factor of the reduction is left out: it cancels in the ratio.
        self.positive_gradient += (size * positive).sum(0)
        self.negative_gradient += (size * ~positive).sum(0)
        ratio = self.positive_gradient / (self.negative_gradient + 1e-10)
        self.balance.copy_(ratio.clamp(0, 1))
