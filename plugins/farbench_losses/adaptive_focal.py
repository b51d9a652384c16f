"""The adaptive focal loss of APS."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class AdaptiveFocal(Loss):
    """Squared error of the probabilities, and a focal term weighed by the share of yes.

    ``(p - y)^2 + beta F`` for each label, with ``F = -(1 - q) (1 - p)^gamma log p`` for a yes and
    ``-q p^gamma log(1 - p)`` for a no; q is the attribute's share of yes in the batch. The
    summary that this follows prints ``p`` and ``1 - p`` in the places of the logarithms; such a
    term falls again as a wrong answer becomes certain. The logarithm is this project's reading,
    and ``logarithm: false`` is the term as printed. That the squared error is of probabilities,
    and is joined over attributes as the focal term is (by their sum), is a reading too. In a batch
    without a yes q is 0, and the focal term of that attribute vanishes; ``share: train`` avoids it.
    """

    name: ClassVar[str] = "adaptive_focal"
    source: ClassVar[str] = (
        "Chen et al. (APS), J. Visual Communication and Image Representation 90:103745, 2023; "
        "formulas from a summary of the paper."
    )

    gamma: float = Field(2.0, ge=0, description="Focusing parameter.")
    beta: float = Field(0.25, ge=0, description="Weight of the focal term.")
    share: Literal["batch", "train"] = Field(
        "batch", description="Where the share of yes is counted."
    )
    logarithm: bool = Field(
        True, description="Focal term with the logarithm; false: as printed, without it."
    )
    reduction: Literal["mean", "sum"] = Field(
        "sum", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.rebalanced import AdaptiveFocalModule

        share = statistics.prevalence if self.share == "train" else None
        return AdaptiveFocalModule(share, self.gamma, self.beta, self.logarithm, self.reduction)
