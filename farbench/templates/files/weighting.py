"""my_weighting, a task weighting. Change what is marked 1 and 2.

After each change: farbench test-plugin my_weighting.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import Tensor, nn

# torch is imported inside `build`: `farbench list` loads this file too, and should stay quick.


class MyWeighting(TaskWeighting):
    """Weighs a term by how its loss, averaged over the last steps, compares with the others'."""

    name: ClassVar[str] = "my_weighting"
    source: ClassVar[str] = "TO FILL IN: paper, section, equation."
    # True: forward is given the network's shared features (N, D) too.
    needs_features: ClassVar[bool] = False

    # 1. Options. A protocol or a row sets them: `weighting: {name: my_weighting, power: 0.5}`.
    #    `over` (tasks or groups) and `grouping` are inherited.
    power: float = Field(1.0, description="Of the average loss; 0 weighs all terms alike.")
    memory: float = Field(0.9, ge=0, lt=1, description="Share of the past in the average.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """Return a module for the T terms: tasks, or the groups of an attribute task."""
        import torch
        from torch import nn

        power, memory = self.power, self.memory

        # 2. The weighting. State belongs in buffers: they are part of the checkpoint. Parameters
        #    are trained with the network's. `epoch_ended(mean_losses)` is called if it is there.
        class Module(nn.Module):
            average: Tensor

            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("average", torch.zeros(len(terms)))

            def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
                # (T,) losses -> the scalar to minimise, and the weights (T,) for the records.
                now = losses.detach()
                # A term without a label in this batch has the loss 0: its average stays.
                moved = torch.where(
                    self.average > 0, memory * self.average + (1 - memory) * now, now
                )
                self.average.copy_(torch.where(now > 0, moved, self.average))
                weights = (self.average + 1e-6) ** power
                weights = weights * len(terms) / weights.sum()
                return (weights * losses).sum(), weights

        return Module()
