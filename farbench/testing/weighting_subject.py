"""A task weighting under check: its module for three terms, steps, and what is seen of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from farbench.plugins.weighting import TaskWeighting
from farbench.testing.plugin_checks import PluginSubject

TERMS = ("traits", "mood", "years")
FEATURES = 6
LOSSES = (0.9, 0.3, 1.7)
EPOCH = 15
"""Steps; averages over the first ones have ended in the second epoch."""


@dataclass
class WeightingSubject(PluginSubject[TaskWeighting]):
    """A task weighting and what it is tried with."""

    def build(self, weighting: TaskWeighting | None = None, seed: int = 0) -> nn.Module:
        """Build the module for three terms; features are offered where it needs them."""
        torch.manual_seed(seed)
        size = FEATURES if self.plugin.needs_features else 0
        return (weighting or self.instance).build(TERMS, size)

    def features(self) -> Tensor | None:
        """Return ``(5, 6)`` that take a gradient, or None where no features are needed."""
        if not self.plugin.needs_features:
            return None
        generator = torch.Generator().manual_seed(4)
        return torch.randn(5, FEATURES, generator=generator, requires_grad=True)


def stepped(
    module: nn.Module, losses: Tensor, features: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Take a backward pass; return scalar, weights and the gradient of the losses."""
    module.zero_grad(set_to_none=True)
    losses = losses.clone().requires_grad_()
    total, weights = module(losses, features)
    total.backward()
    return total.detach(), weights, losses.grad


def end_epoch(module: nn.Module, mean_losses: Tensor) -> None:
    """Tell the module of the end of an epoch, as the core does, if it listens."""
    listener = getattr(module, "epoch_ended", None)
    if listener is not None:
        listener(mean_losses)


def train(module: nn.Module, subject: WeightingSubject) -> list[Tensor]:
    """Take some steps in each of two epochs and return what was seen."""
    seen: list[Tensor] = []
    optimizer = None
    if list(module.parameters()):
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    fall = torch.tensor((0.95, 0.8, 0.99))
    losses = torch.tensor(LOSSES)
    for step in range(2 * EPOCH):
        torch.manual_seed(step)
        features = subject.features()
        total, weights, gradient = stepped(module, losses, features)
        reached = [gradient, None if features is None else features.grad]
        seen += [total, weights, *(tensor for tensor in reached if tensor is not None)]
        if optimizer is not None:
            optimizer.step()
        losses = losses * fall
        if step % EPOCH == EPOCH - 1:
            end_epoch(module, losses)
    total, weights, _ = stepped(module, losses, subject.features())
    return [*seen, total, weights, *module.state_dict().values()]


def seen_in_training(subject: WeightingSubject, weighting: TaskWeighting) -> str:
    """Return a digest of two epochs: learning rate, scalars, weights, gradients, state."""
    digest = hashlib.sha256(repr(weighting.learning_rate(1e-3)).encode())
    for tensor in train(subject.build(weighting), subject):
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
