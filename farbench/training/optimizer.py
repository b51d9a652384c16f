"""The optimizer and the learning rate of a protocol."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from farbench.benchmark.schema import Protocol
from farbench.training.device import Compute


def make_optimizer(
    parameters: list[nn.Parameter], protocol: Protocol, learning_rate: float, compute: Compute
) -> torch.optim.Optimizer:
    """Make the optimizer of a protocol, fused where the device has it."""
    settings: dict[str, Any] = {"lr": learning_rate, "weight_decay": protocol.weight_decay}
    if compute.device.type == "cuda":
        settings["fused"] = True
    if protocol.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=protocol.momentum, **settings)
    betas = (protocol.momentum, 0.999)
    kind = torch.optim.Adam if protocol.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, betas=betas, **settings)


def learning_rate_at(protocol: Protocol, learning_rate: float, step: int, steps: int) -> float:
    """Return the learning rate of a step: a function of its number, so a resume changes nothing.

    Args:
        protocol: Gives the schedule.
        learning_rate: The stage's own.
        step: Counted from 0 over the whole stage.
        steps: Of the whole stage.
    """
    if protocol.schedule == "constant":
        return learning_rate
    return learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
