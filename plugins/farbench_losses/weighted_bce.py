"""Binary cross-entropy that weighs the rarer answer up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class WeightedBinaryCrossEntropy(Loss):
    """Binary cross-entropy with exp((1 - p) / s^2) on yes and exp(p / s^2) on no.

    p is the share of yes among the attribute's train labels. The weights are DeepMAR's. As a
    stand-in for the "weighted loss penalty" of He et al. (ICMEW 2019), whose formula is not known
    here, this is this project's reading.
    """

    name: ClassVar[str] = "weighted_bce"
    source: ClassVar[str] = (
        "Li, Chen, Huang, Multi-attribute Learning for Pedestrian Attribute Recognition in "
        "Surveillance Scenarios (DeepMAR), ACPR 2015; in the spirit of He et al., ICMEW 2019."
    )

    sigma: float = Field(
        1.0, gt=0, description="s: the larger it is, the nearer all weights are to 1."
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.rebalanced import WeighedCrossEntropy

        yes = [math.exp((1 - share) / self.sigma**2) for share in statistics.prevalence]
        no = [math.exp(share / self.sigma**2) for share in statistics.prevalence]
        return WeighedCrossEntropy(yes, no, self.reduction)
