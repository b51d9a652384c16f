"""Random weights, the cheap baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class RandomLossWeighting(TaskWeighting):
    """Random weights: a softmax of normal draws, new in every step.

    A baseline that weightings which look at the losses should beat. Weights sum to the number of
    tasks, not to 1 (this project's reading), so that the loss is of the size it has with equal
    weights. Draws come from torch's generator.
    """

    name: ClassVar[str] = "random_loss_weighting"
    source: ClassVar[str] = (
        "Lin, Ye, Zhang, Tsang, Reasonable Effectiveness of Random Weighting: A Litmus Test for "
        "Multi-Task Learning, TMLR 2022."
    )

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.random_weights import RandomWeights

        return RandomWeights()
