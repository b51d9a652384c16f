"""Binary cross-entropy on logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy of every attribute, unknown labels left out."""

    name: ClassVar[str] = "bce"
    source: ClassVar[str] = "Standard; the strong baseline of Lingenfelter and Hand (FG 2021)."

    reduction: Literal["mean", "sum"] = Field(
        "mean", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.elementwise import BinaryCrossEntropyModule

        return BinaryCrossEntropyModule(self.reduction)
