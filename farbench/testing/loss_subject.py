"""A loss under check: its module for the task of a kind, drawn outputs and targets, steps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from farbench.plugins.loss import Loss
from farbench.testing.plugin_checks import PluginSubject
from farbench.testing.problems import STATISTICS, TASKS, drawn_targets, unknown_label

COUNT = 12
"""Images in a batch."""


@dataclass
class LossSubject(PluginSubject[Loss]):
    """A loss and what it is tried with."""

    def build(self, kind: str, seed: int = 0, loss: Loss | None = None) -> nn.Module:
        """Build the module for the task of a kind; its weights are the seed's."""
        task = TASKS[kind]
        torch.manual_seed(seed)
        return (loss or self.instance).build(task, STATISTICS[task.name])


def drawn(kind: str, unknown: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return outputs that take a gradient, and targets of which a share is unknown."""
    generator = torch.Generator().manual_seed(seed)
    targets = drawn_targets(kind, COUNT, seed)
    outputs = torch.randn(COUNT, TASKS[kind].outputs, generator=generator)
    if kind == "landmarks":  # some errors of half a pixel, some of a fifth of the face
        sizes = torch.tensor([0.005, 0.2])
        outputs = targets + outputs * sizes.repeat(outputs.shape[1] // 2)
    hidden = torch.rand(targets.shape, generator=generator) < unknown
    return outputs.requires_grad_(), targets.masked_fill(hidden, unknown_label(kind))


def known_entries(kind: str, targets: Tensor) -> Tensor:
    """Return which outputs have a known label, to be broadcast over ``(N, outputs)``."""
    known = ~torch.isnan(targets) if kind in ("scalar", "landmarks") else targets >= 0
    return known if known.ndim == 2 else known[:, None]


def stepped(module: nn.Module, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Take a backward pass in train mode; return the loss and the gradient of the outputs."""
    module.train().zero_grad(set_to_none=True)
    outputs.grad = None
    value: Tensor = module(outputs, targets)
    if value.requires_grad:
        value.backward()  # type: ignore[no-untyped-call]
    gradient = torch.zeros_like(outputs) if outputs.grad is None else outputs.grad
    return value.detach(), gradient


def seen_in_steps(subject: LossSubject, kind: str, loss: Loss) -> str:
    """Return a digest of three steps: values, gradients, state."""
    module = subject.build(kind, loss=loss)
    digest = hashlib.sha256()
    for seed in range(3):
        torch.manual_seed(seed)
        found: list[Any] = [*stepped(module, *drawn(kind, unknown=0.2, seed=seed))]
        found += [value.grad for value in module.parameters() if value.grad is not None]
        for tensor in (*found, *module.state_dict().values()):
            digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
