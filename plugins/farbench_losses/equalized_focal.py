"""Equalized Focal Loss for binary attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class EqualizedFocal(Loss):
    """Equalized Focal Loss: the focusing factor of an attribute grows with its imbalance.

    ``gamma_j = gamma + scale * (1 - g_j)`` with ``g_j`` the ratio of accumulated positive to
    negative gradient at the logits, and the loss is weighted by ``gamma_j / gamma``. Each
    attribute plays the part of a class (MGMTN says only "for each attribute"; this project's
    reading). The official ``alpha`` of 0.25 weighs positives down and does not learn attributes in
    a short budget, so it is off by default (this project's reading).
    """

    name: ClassVar[str] = "equalized_focal"
    source: ClassVar[str] = (
        "Li et al., Equalized Focal Loss for Dense Long-Tailed Object Detection, CVPR 2022, "
        "Eqs. 5-7; official code ModelTC/EOD, efl.py."
    )

    gamma: float = Field(2.0, gt=0, description="Focusing parameter of a balanced attribute.")
    scale: float = Field(8.0, ge=0, description="How much imbalance adds to gamma (s).")
    alpha: float = Field(-1.0, le=1, description="Weight of positives; negative switches it off.")
    reduction: Literal["mean", "sum"] = Field(
        "sum", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.elementwise import EqualizedFocalModule

        return EqualizedFocalModule(
            task.outputs, self.gamma, self.scale, self.alpha, self.reduction
        )
