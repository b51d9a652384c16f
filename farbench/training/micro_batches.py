"""A batch through the network in parts, to save memory; its loss and its step stay whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Parts:
    """Passes a training batch through a network in parts of about equal size.

    No activations are kept: the backward pass computes each part again, with the same random
    numbers, so that those of one part are in memory at a time, at the price of a second forward
    pass. In return the loss is taken of the whole batch at once. It needs to know nothing of parts,
    whatever it divides by (known labels, a share of yes in the batch) and whatever it counts from
    step to step. Only a network that looks across images, as BatchNorm does, sees parts.
    """

    def __init__(self, network: nn.Module, size: int) -> None:
        """Bind a network.

        Args:
            network: Whose buffers (running means) change once a part, not once more in the
                backward pass.
            size: The most images of a part; one more where a single one would be left over, for
                BatchNorm cannot train on one.
        """
        self.network, self.size = network, size
        self._buffers: list[Tensor] = []

    def outputs(
        self, call: Callable[..., dict[str, Tensor]], *arguments: Tensor
    ) -> dict[str, Tensor]:
        """Return the outputs of the whole batch.

        Args:
            call: Takes ``(n, ...)`` parts of the arguments, returns ``(n, ...)`` outputs by name.
            arguments: ``(N, ...)`` each.
        """
        count = len(arguments[0])
        number = max(1, min(-(-count // self.size), count // 2))
        pieces = zip(*(argument.tensor_split(number) for argument in arguments), strict=True)
        done = [checkpoint(call, *piece, use_reentrant=False) for piece in pieces]
        self._buffers = [buffer.detach().clone() for buffer in self.network.buffers()]
        return {name: torch.cat([outputs[name] for outputs in done]) for name in done[0]}

    @torch.no_grad()
    def settle(self) -> None:
        """After the backward pass, undo what computing again did to running means."""
        for buffer, before in zip(self.network.buffers(), self._buffers, strict=True):
            buffer.copy_(before)
        self._buffers = []
