"""The torch side of weights that are parameters, or come from a layer, and are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize


class UncertaintyWeights(nn.Module):
    """``sum_i exp(-s_i) L_i + penalty s_i``, ``(T,), anything -> scalar, (T,)``."""

    def __init__(self, terms: int, start: float, penalty: float) -> None:
        """Create the log-variances.

        Args:
            terms: T.
            start: What all s_i start at.
            penalty: Factor on the sum of the s_i.
        """
        super().__init__()
        self.penalty = penalty
        self.log_variances = nn.Parameter(torch.full((terms,), start))

    def forward(self, losses: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the scalar and ``exp(-s)``; a term without labels moves no s."""
        weights = torch.exp(-self.log_variances)
        present = losses.detach() > 0
        total = weights * losses + self.penalty * self.log_variances * present
        return total.sum(), weights.detach()


class DynamicWeights(nn.Module):
    """A softmax of one linear layer on the shared features, trained by its own loss alone."""

    def __init__(
        self, features: int, terms: int, sigma: float, rescale: bool, through_features: bool
    ) -> None:
        """Create the layer.

        Args:
            features: D, size of the shared feature vector.
            terms: T.
            sigma: Added to each loss in the weights' own loss.
            rescale: Whether weights sum to the number of terms, not to 1.
            through_features: Whether the network is trained through its weights as well.
        """
        super().__init__()
        self.sigma, self.rescale, self.through_features = sigma, rescale, through_features
        self.layer = nn.Linear(features, terms)
        # TensorFlow's truncated normal ends at two standard deviations.
        nn.init.trunc_normal_(self.layer.weight, std=0.1, a=-0.2, b=0.2)
        nn.init.zeros_(self.layer.bias)

    def forward(self, losses: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scalar and the weights.

        Args:
            losses: ``(T,)``; a term whose loss is 0 is absent and weighs 0.
            features: ``(N, D)``.
        """
        unit = normalize(features.float(), dim=1, eps=1e-5)
        known = losses.detach()
        present = (known > 0) | ~(known > 0).any()
        weight, bias = self.layer.weight, self.layer.bias
        own = _mean_softmax(linear(unit.detach(), weight, bias), present)
        others = own.detach()
        if self.through_features:
            others = _mean_softmax(linear(unit, weight.detach(), bias.detach()), present)
        if self.rescale:
            others = others * present.sum()
        total = (others * losses).sum() + (own / (known + self.sigma)).sum()
        return total, others.detach()


def _mean_softmax(scores: Tensor, present: Tensor) -> Tensor:
    """Return the softmax over the present terms, ``(N, T)`` to its mean over images ``(T,)``."""
    return torch.softmax(scores.masked_fill(~present, float("-inf")), dim=1).mean(0)
