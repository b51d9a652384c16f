"""The torch side of bce and the focal losses: one value a logit, masked, then reduced."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from farbench_losses.reduction import reduce_known


class BinaryCrossEntropyModule(nn.Module):
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
        # An attribute without a label so far stays balanced: 0 / 0 says nothing of it.
        seen = self.positive_gradient + self.negative_gradient > 0
        self.balance.copy_(torch.where(seen, ratio.clamp(0, 1), 1.0))
