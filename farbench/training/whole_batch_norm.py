"""BatchNorm over a batch whose parts lie in several processes, in any network as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional
from torch.nn.modules._functions import SyncBatchNorm
from torch.overrides import TorchFunctionMode

from farbench.training.distributed import add_up, ranks


class WholeBatchNorm(TorchFunctionMode):
    """Has every ``batch_norm`` that trains take its statistics over all processes."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace that one function."""
        if func is functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what torch's does, of a batch whose parts lie in several processes.

    Args:
        images: ``(n, C, ...)``, this process's part.
        running_mean: ``(C,)``; it and what follows as in ``torch.nn.functional.batch_norm``.
        running_var: ``(C,)``.
        weight: ``(C,)``.
        bias: ``(C,)``.
        training: Whether statistics are the batch's.
        momentum: Of the running statistics.
        eps: Added to the variance.
    """
    if not training:
        return functional.batch_norm(
            images, running_mean, running_var, weight, bias, False, momentum, eps
        )
    if images.is_cuda:  # torch's own is for GPUs alone
        world = dist.group.WORLD
        fused: Tensor = SyncBatchNorm.apply(
            images, weight, bias, running_mean, running_var, eps, momentum, world, ranks()
        )
        return fused
    over = [0, *range(2, images.ndim)]
    shape = [1, -1] + [1] * (images.ndim - 2)
    values = images.float()
    count = torch.full((1,), images.numel() // images.shape[1], device=images.device)
    add_up(count)
    mean = _sum_of_ranks(values.sum(over)) / count
    centred = values - mean.view(shape)
    variance = _sum_of_ranks(centred.square().sum(over)) / count
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            unbiased = variance * (count / (count - 1).clamp(min=1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    result = centred * (variance + eps).rsqrt().view(shape)
    if weight is not None:
        result = result * weight.view(shape)
    if bias is not None:
        result = result + bias.view(shape)
    return result.to(images.dtype)


def _sum_of_ranks(value: Tensor) -> Tensor:
    summed: Tensor = _SumOfRanks.apply(value)
    return summed


class _SumOfRanks(torch.autograd.Function):
    """A sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        """Sum values."""
        whole = value.contiguous().clone()
        add_up(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Sum gradients."""
        whole = gradient.contiguous().clone()
        add_up(whole)
        return whole
