"""Weights from a softmax unit on the shared features, trained by a loss of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class Dynamic(TaskWeighting):
    """Dynamic weights: a softmax unit that gives the harder task more, trained by its own loss.

    z is the shared feature scaled to unit length, ``w = mean over images of softmax(FC(z))``. The
    network is trained by ``sum_i w_i L_i`` with w held fixed, FC by ``sum_i w_i / (L_i + sigma)``
    with L and z held fixed; their sum is returned, and neither gradient reaches the other's
    parameters. FC starts at a truncated normal of 0.1 with biases of 0. All of that is the
    official code's, but for one thing: its graph does not stop the gradient at z, so the network
    is also trained to give features with which hard tasks weigh less (``through_features``).

    This project's readings: the feature is the pooled one that a network offers, not the
    flattened map; ``rescale`` makes weights sum to the number of tasks, so that the loss is of
    the size it has with equal weights; a task without labels in a batch weighs 0 there; and the
    learning rate. As long as the order of the losses stays, FC's loss is least where the hardest
    task has all the weight, and the learning rate sets how soon that is approached. The official
    0.1 (RMSProp with an epsilon of 1) is there within some ten steps where one loss is twice the
    other; under Adam 0.01 does the same, and the default of 1e-4 takes about a thousand steps.
    """

    name: ClassVar[str] = "dynamic"
    source: ClassVar[str] = (
        "Ming, Xia, Luqman, Burie, Zhao, Dynamic Multi-Task Learning for Face Recognition with "
        "Facial Expression, ICCVW 2019; hengxyz/Dynamic_multi-task-learning."
    )
    needs_features: ClassVar[bool] = True

    sigma: float = Field(0.01, gt=0, description="Added to each loss in FC's own loss.")
    rescale: bool = Field(
        True, description="Weights sum to the number of tasks; false: to 1, as published."
    )
    through_features: bool = Field(
        False, description="Train the network through w's dependence on z too, as the code does."
    )
    own_learning_rate: float = Field(1e-4, gt=0, description="Learning rate of FC.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.learned_weights import DynamicWeights

        return DynamicWeights(
            feature_size, len(terms), self.sigma, self.rescale, self.through_features
        )

    def learning_rate(self, learning_rate: float) -> float:
        """See :meth:`farbench.TaskWeighting.learning_rate`."""
        return self.own_learning_rate
