"""my_method: the baseline and what you add to it. Change what is marked 1 to 4.

After each change: farbench test-plugin my_method.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Loss, Problem, Stage, Task, TrainStatistics
from farbench_methods.baseline import GlobalOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

# torch is imported inside `build`: `farbench list` loads this file too, and should stay quick.


class MyMethod(GlobalOptions):
    """The baseline with a gate: what the whole feature says scales each of its channels."""

    name: ClassVar[str] = "my_method"
    source: ClassVar[str] = "TO FILL IN: paper, section, equation."
    # Which kinds of tasks it can predict; empty is all. For attributes alone: ("attributes",).
    task_kinds: ClassVar[tuple[str, ...]] = ()

    # 1. Options. A row of a benchmark sets them (`reduction: 8`), `farbench show my_method` prints
    #    them. `backbone`, `pooling`, `hidden` and `dropout` are inherited from the baseline.
    reduction: int = Field(16, ge=1, description="Channels of the feature for one of the gate.")

    def stages(self) -> tuple[Stage, ...]:
        """Train the baseline's network first, then this one.

        The baseline trains twice as well: so both take equally many steps, and they share the
        first stage, which is trained once. A method that has nothing in common with the baseline
        inherits from `farbench.Method` and leaves this out: it has one stage.
        """
        return (self.global_stage(), Stage("joint", self))

    def build(self, problem: Problem) -> nn.Module:
        """Return a new network for `problem.tasks`."""
        import torch
        from torch import nn

        from farbench.nn.heads import TaskHeads
        from farbench.nn.trunk import Trunk, global_pool

        options = self

        # 2. The network.
        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                # Called as in the baseline's network: the weights of the first stage are handed
                # on module by module, where names and shapes agree.
                self.trunk = Trunk(options.backbone, pretrained=problem.pretrained)
                self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
                self.feature_size = self.trunk.final_channels
                inner = max(self.feature_size // options.reduction, 1)
                self.squeeze = nn.Linear(self.feature_size, inner)
                self.excite = nn.Linear(inner, self.feature_size)
                # The gate begins at 1, so the network begins where the first stage ended.
                nn.init.zeros_(self.excite.weight)
                nn.init.zeros_(self.excite.bias)
                # One head a task; last biases begin at the prior of the train labels. A head of
                # your own calls farbench.nn.heads.start_at_prior for that.
                self.heads = TaskHeads(
                    self.feature_size,
                    problem,
                    problem.tasks,
                    hidden=options.hidden,
                    dropout=options.dropout,
                )

            def forward(self, images: Tensor) -> dict[str, Tensor]:
                # (N, 3, S, S) -> one output a task, (N, task.outputs), by the task's name.
                final, _ = self.trunk(images)  # (N, C, h, w)
                feature = global_pool(final, options.pooling)  # (N, C)
                gate = 2 * torch.sigmoid(self.excite(torch.relu(self.squeeze(feature))))
                feature = gate * feature
                # "features" is for task weightings that look at it; it may be left out, and
                # `feature_size` with it.
                return {**self.heads(feature), "features": feature}

        return Network()


# 3. A loss of its own, if the method has one; else delete this class. A row takes it with
#    `protocol: {loss: my_method_loss}`, so that the loss can be told from the network.
class MyMethodLoss(Loss):
    """Binary cross-entropy that counts the rarer value of each attribute for more."""

    name: ClassVar[str] = "my_method_loss"
    source: ClassVar[str] = "TO FILL IN: paper, section, equation."
    tasks: ClassVar[tuple[str, ...]] = ("attributes",)

    strength: float = Field(
        0.5, ge=0, le=1, description="0: each label counts alike; 1: each value of an attribute."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """Return a module for `task`, given what is known of its train labels."""
        import torch
        from torch import nn
        from torch.nn.functional import binary_cross_entropy_with_logits

        share = torch.tensor(statistics.prevalence).clamp(0.01, 0.99)  # of yes, (A,)
        strength = self.strength

        # 4. The loss.
        class Module(nn.Module):
            yes: Tensor
            no: Tensor

            def __init__(self) -> None:
                super().__init__()
                # Buffers move to the device with the module. What training builds up is kept in
                # buffers too, without persistent=False: then it survives a restart.
                self.register_buffer("yes", (0.5 / share) ** strength, persistent=False)
                self.register_buffer("no", (0.5 / (1 - share)) ** strength, persistent=False)

            def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
                # (N, A) logits and (N, A) labels: 1, 0, or -1 where unknown -> a scalar.
                known = targets >= 0
                values = binary_cross_entropy_with_logits(
                    outputs, targets.clamp(min=0), reduction="none"
                )
                values = values * torch.where(targets > 0.5, self.yes, self.no) * known
                return values.sum() / known.sum().clamp(min=1)

        return Module()
