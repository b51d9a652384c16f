"""The contract of a loss: one task's outputs and targets to a scalar."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench.plugins.base import Plugin
from farbench.tasks.base import Task, TrainStatistics

if TYPE_CHECKING:
    from torch import nn


class Loss(Plugin):
    """Builds the module that turns the outputs and targets of one task into a scalar.

    State that must survive a restart (accumulators) belongs in buffers: the module's state dict
    is part of the checkpoint. A module may have parameters (a classifier over identities): they
    are trained with the network's.

    Attributes:
        tasks: The kinds of tasks that the loss is made for.
    """

    tasks: ClassVar[tuple[str, ...]] = ("attributes",)

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """Return a module ``(outputs, targets) -> scalar``.

        Outputs are float32 ``(N, task.outputs)`` whatever the precision of the network. Unknown
        labels must add nothing, and no NaN to the gradient. The scalar is not below 0, and 0 where
        no label is known: task weightings take a loss of 0 for a task that the batch lacks. Targets
        are, by kind of task:

        * attributes: float ``(N, A)``, 1, 0, or -1 where unknown. With a task weighting over
          groups the module is built for one group and sees its columns alone.
        * classes: int64 ``(N,)``, -1 where unknown.
        * scalar, landmarks: float ``(N, outputs)``, NaN where unknown.
        * identity: int64 ``(N,)``, below ``statistics.identities``, -1 where unknown.

        Args:
            task: What the outputs are.
            statistics: Of the task's train labels.
        """
        raise NotImplementedError
