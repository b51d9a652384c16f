"""Dynamic Weight Average."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class DynamicWeightAverage(TaskWeighting):
    """Dynamic Weight Average: more for tasks whose loss fell little from epoch to epoch.

    ``w_i = T softmax(r_i / temperature)`` over the T tasks, with r_i the ratio of the task's mean
    losses in the last epoch and the one before. In the first two epochs all weights are 1.
    """

    name: ClassVar[str] = "dwa"
    source: ClassVar[str] = (
        "Liu, Johns, Davison, End-to-End Multi-Task Learning with Attention, CVPR 2019, Eq. 7."
    )

    temperature: float = Field(2.0, gt=0, description="The larger, the more even the weights.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.measured_weights import LastEpochsWeights

        return LastEpochsWeights(len(terms), self.temperature)
