"""The contract of a loss on binary attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench.plugins.base import Plugin

if TYPE_CHECKING:
    from torch import nn


class Loss(Plugin):
    """Builds the module that turns logits and targets into a scalar.

    State that must survive a restart (accumulators) belongs in buffers: the module's state dict
    is part of the checkpoint.
    """

    kind: ClassVar[str] = "loss"

    def build(self, outputs: int) -> nn.Module:
        """Return a module ``(logits (N, A), targets (N, A)) -> scalar``.

        Targets are float 1, 0, or -1 where unknown; unknown labels must add nothing. Logits
        arrive in float32 whatever the precision of the network.

        Args:
            outputs: A, the number of attributes.
        """
        raise NotImplementedError
