"""my_loss, a loss. Change what is marked 1 and 2.

After each change: farbench test-plugin my_loss.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Loss, Task, TrainStatistics

if TYPE_CHECKING:
    from torch import Tensor, nn

# torch is imported inside `build`: `farbench list` loads this file too, and should stay quick.


class MyLoss(Loss):
    """Binary cross-entropy on smoothed labels."""

    name: ClassVar[str] = "my_loss"
    source: ClassVar[str] = "TO FILL IN: paper, section, equation."
    # Kinds of tasks that it is for: attributes, classes, scalar, landmarks, identity.
    tasks: ClassVar[tuple[str, ...]] = ("attributes",)

    # 1. Options. A protocol or a row sets them: `loss: {name: my_loss, smoothing: 0.2}`.
    smoothing: float = Field(0.1, ge=0, lt=1, description="How far labels move towards one half.")

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """Return a module for `task`.

        `task.outputs` is the number of attributes A, which is fewer where a task weighting weighs
        groups; `statistics.prevalence` is the share of yes in the train labels of each.
        """
        from torch import nn
        from torch.nn.functional import binary_cross_entropy_with_logits

        smoothing = self.smoothing

        # 2. The loss. What training builds up belongs in buffers (register_buffer): they are part
        #    of the checkpoint.
        class Module(nn.Module):
            def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
                # (N, A) logits and (N, A) labels: 1, 0, or -1 where unknown -> a scalar.
                known = targets >= 0
                soft = targets.clamp(min=0) * (1 - smoothing) + smoothing / 2
                values = binary_cross_entropy_with_logits(outputs, soft, reduction="none")
                # Unknown labels add nothing, and a batch without known ones gives 0.
                return (values * known).sum() / known.sum().clamp(min=1)

        return Module()
