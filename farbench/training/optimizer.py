"""The optimizer and the learning rate of a protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from farbench.benchmark.schema import Protocol
from farbench.training.device import Compute


def make_optimizer(
    parameters: list[nn.Parameter],
    protocol: Protocol,
    learning_rate: float,
    compute: Compute,
    weighting: Sequence[nn.Parameter] = (),
    weighting_rate: float = 0.0,
) -> torch.optim.Optimizer:
    """Make the optimizer of a protocol, fused where the device has it.

    Args:
        parameters: Of the network and the losses.
        protocol: Kind, decay, momentum.
        learning_rate: Of ``parameters``.
        compute: The device.
        weighting: Parameters of a task weighting: a group of their own, never decayed.
        weighting_rate: Their learning rate.
    """
    settings: dict[str, Any] = {"lr": learning_rate, "weight_decay": protocol.weight_decay}
    groups: list[dict[str, Any]] = [{"params": parameters, "factor": 1.0}]
    if weighting:
        factor = weighting_rate / learning_rate
        groups.append({"params": list(weighting), "factor": factor, "weight_decay": 0.0})
    if compute.device.type == "cuda":
        settings["fused"] = True
    if protocol.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=protocol.momentum, **settings)
    betas = (protocol.momentum, 0.999)
    kind = torch.optim.Adam if protocol.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, betas=betas, **settings)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; each group keeps its ratio to the network's."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


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
