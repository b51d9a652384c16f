"""Problems and small networks that the tests of the peers share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from farbench import CELEBA_ATTRIBUTES, BinaryAttributes, Method, Problem, Task
from farbench.tasks.base import TrainStatistics
from farbench_methods import farbench_groupings

torch.set_num_threads(1)

ATTRIBUTES = BinaryAttributes("attributes", CELEBA_ATTRIBUTES)
FEW = BinaryAttributes("attributes", ("Smiling", "Male", "Eyeglasses"))


def peer_problem(
    tasks: Sequence[Task] = (ATTRIBUTES,),
    side: int = 64,
    rates: Sequence[float] | None = None,
    **changes: bool,
) -> Problem:
    """Tasks with plausible statistics, and the shipped groupings."""
    statistics = {}
    for task in tasks:
        shares = tuple(rates or (0.2,) * task.outputs)
        statistics[task.name] = TrainStatistics(
            prevalence=shares, mean=(0.5,) * task.outputs, std=(1.0,) * task.outputs
        )
    return Problem(
        tuple(tasks),
        side,
        statistics,
        groupings={grouping.name: grouping for grouping in farbench_groupings()},
        **({"pretrained": False} | changes),
    )


def build(method: Method, problem: Problem | None = None) -> nn.Module:
    """Build a network whose weights the seed decides."""
    torch.manual_seed(0)
    return method.build(problem or peer_problem())


def faces(count: int = 2, side: int = 64) -> Tensor:
    """Return noise in the shape of images."""
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def parameters(network: nn.Module) -> int:
    """Count the parameters."""
    return sum(value.numel() for value in network.parameters())


def built_without_memory(method: Method) -> nn.Module:
    """Build on the meta device: shapes without numbers, for networks of the published size."""
    with torch.device("meta"):
        return method.build(peer_problem(side=224, start_at_prior=False))
