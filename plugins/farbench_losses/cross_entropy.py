"""Cross-entropy over exclusive classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class CrossEntropy(Loss):
    """Softmax cross-entropy, averaged over the images whose class is known.

    A class that is a share p of the train labels can be weighted by 1 / p or by the root of it.
    Weights are scaled so that they average 1 over the train labels, and the loss is divided by
    the number of labels, not by the batch's sum of weights: a rare class weighs the same in every
    batch. A class that the train split lacks has the weight 0.
    """

    name: ClassVar[str] = "cross_entropy"
    source: ClassVar[str] = (
        "Standard; label smoothing: Szegedy et al., Rethinking the Inception Architecture, "
        "CVPR 2016, section 7."
    )
    tasks: ClassVar[tuple[str, ...]] = ("classes",)

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Share of each label that is spread evenly over all classes."
    )
    class_weights: Literal["none", "inverse_frequency", "inverse_square_root"] = Field(
        "none", description="Weight of a class by its share of the train labels."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.classification import ClassCrossEntropyModule

        power = {"none": 0.0, "inverse_frequency": 1.0, "inverse_square_root": 0.5}
        exponent = power[self.class_weights]
        weights = [1.0] * task.outputs
        if exponent:
            shares = statistics.prevalence
            average = sum(share ** (1 - exponent) for share in shares if share > 0)
            weights = [share**-exponent / average if share > 0 else 0.0 for share in shares]
        return ClassCrossEntropyModule(weights, self.label_smoothing)
