"""Focal loss on logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class Focal(Loss):
    """Focal loss of every attribute, unknown labels left out."""

    name: ClassVar[str] = "focal"
    source: ClassVar[str] = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, Eq. 5."

    gamma: float = Field(2.0, ge=0, description="Focusing parameter.")
    alpha: float = Field(-1.0, le=1, description="Weight of positives; negative switches it off.")
    reduction: Literal["mean", "sum"] = Field(
        "sum", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.elementwise import FocalModule

        return FocalModule(self.gamma, self.alpha, self.reduction)
