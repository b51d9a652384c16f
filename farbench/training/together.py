"""A training step in several processes: outputs come together, gradients go back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from farbench.training.distributed import add_up, from_leader, own_part
from farbench.training.whole_batch_norm import WholeBatchNorm

BUCKET = 8_000_000
"""Gradients of so many numbers are summed at a time."""


class Together:
    """The steps of one network in several processes."""

    def __init__(self, network: nn.Module) -> None:
        """Bind a network that all processes have."""
        self.network = network
        self._own = self._whole = torch.empty(0)

    def outputs(
        self, call: Callable[..., Mapping[str, Tensor]], arguments: Sequence[Tensor], count: int
    ) -> dict[str, Tensor]:
        """Pass this process's part through the network.

        Args:
            call: Takes the arguments, returns float ``(n, ...)`` outputs by name.
            arguments: ``(n, ...)`` each, of :func:`own_part`.
            count: N, images of the whole batch.

        Returns:
            ``(N, ...)`` by name: to the leader, for the loss.
        """
        with WholeBatchNorm():
            outputs = call(*arguments)
        self._own = torch.cat([output.flatten(1) for output in outputs.values()], 1)
        whole = self._own.new_zeros((count, self._own.shape[1]))
        whole[own_part(count)] = self._own.detach()
        add_up(whole)  # each row is one process's, and zero in the others
        self._whole = whole.requires_grad_()
        widths = [output[0].numel() for output in outputs.values()]
        pieces = torch.split(self._whole, widths, 1)
        return {
            name: piece.reshape(count, *output.shape[1:])
            for (name, output), piece in zip(outputs.items(), pieces, strict=True)
        }

    def backward(self, value: Tensor | None) -> None:
        """Take the gradients of the leader's loss; all processes get the same.

        Args:
            value: The loss, in the leader; None in a helper.
        """
        gradient = torch.zeros_like(self._whole)
        if value is not None:
            value.backward()  # type: ignore[no-untyped-call]
            if self._whole.grad is not None:
                gradient.copy_(self._whole.grad)
        from_leader(gradient)
        own = gradient[own_part(len(gradient))]
        self._own.backward(own)  # type: ignore[no-untyped-call]
        self._own = self._whole = torch.empty(0)
        _sum(p.grad for p in self.network.parameters() if p.grad is not None)


def _sum(gradients: Iterator[Tensor]) -> None:
    """Sum tensors over all processes, several at a time."""
    bucket: list[Tensor] = []
    for gradient in gradients:
        bucket.append(gradient)
        if sum(one.numel() for one in bucket) >= BUCKET:
            _sum_bucket(bucket)
            bucket = []
    if bucket:
        _sum_bucket(bucket)


def _sum_bucket(bucket: list[Tensor]) -> None:
    flat = torch.cat([one.reshape(-1) for one in bucket])
    add_up(flat)
    sizes = [one.numel() for one in bucket]
    pieces = torch.split(flat, sizes)
    for one, piece in zip(bucket, pieces, strict=True):
        one.copy_(piece.view(one.shape))
