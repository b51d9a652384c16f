"""The torch side of losses of numbers: the mean cost of a difference, unknown targets masked."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from farbench_losses.reduction import reduce_known


class DifferenceModule(nn.Module):
    """Mean cost of known differences, ``(N, D), (N, D) -> scalar``."""

    def cost(self, difference: Tensor) -> Tensor:
        """Return what each difference costs, ``(N, D)``."""
        raise NotImplementedError

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss; targets are NaN where unknown."""
        known = ~torch.isnan(targets)
        # Masked before any cost is taken: 0 * NaN would be NaN, in the gradient as well.
        difference = torch.where(known, outputs - targets, 0.0)
        return reduce_known(self.cost(difference), known, "mean")


class AbsoluteModule(DifferenceModule):
    """The absolute difference."""

    def cost(self, difference: Tensor) -> Tensor:
        """See :meth:`DifferenceModule.cost`."""
        return difference.abs()


class SquareModule(DifferenceModule):
    """The squared difference."""

    def cost(self, difference: Tensor) -> Tensor:
        """See :meth:`DifferenceModule.cost`."""
        return difference.square()


class SmoothModule(DifferenceModule):
    """A parabola up to ``beta``, a line beyond."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def cost(self, difference: Tensor) -> Tensor:
        """See :meth:`DifferenceModule.cost`."""
        size = difference.abs()
        return torch.where(size < self.beta, size.square() / (2 * self.beta), size - self.beta / 2)


class WingModule(DifferenceModule):
    """A logarithm up to ``width``, a line beyond; both in units of which ``side`` make 1."""

    def __init__(self, width: float, epsilon: float, side: float) -> None:
        super().__init__()
        self.width, self.epsilon, self.side = width, epsilon, side

    def cost(self, difference: Tensor) -> Tensor:
        """See :meth:`DifferenceModule.cost`."""
        size = difference.abs() * self.side
        joint = self.width - self.width * math.log1p(self.width / self.epsilon)
        near = self.width * torch.log1p(size / self.epsilon)
        return torch.where(size < self.width, near, size - joint) / self.side
