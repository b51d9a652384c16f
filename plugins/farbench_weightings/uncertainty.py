"""Weights from a learned uncertainty of each task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class Uncertainty(TaskWeighting):
    """Learns a log-variance s_i for each task: the sum of exp(-s_i) L_i + penalty s_i.

    The paper has ``L / (2 v) + log(v) / 2`` for regression (squared error) and ``L / v +
    log(v) / 2`` for classification, with v = exp(s). All tasks take the second form (this
    project's reading): it starts at equal weights with ``start: 0``, and once the s_i have settled
    both forms weigh a task by 1 / (2 L). With ``penalty: 1``, right for absolute errors and
    common in code, that is 1 / L.

    The s_i have a learning rate of their own (this project's reading): under Adam a parameter
    moves by about its learning rate in a step, so at a network's 1e-4 a thousand steps would
    change the weights by a tenth.
    """

    name: ClassVar[str] = "uncertainty"
    source: ClassVar[str] = (
        "Kendall, Gal, Cipolla, Multi-Task Learning Using Uncertainty to Weigh Losses for Scene "
        "Geometry and Semantics, CVPR 2018, Eqs. 7 and 10."
    )

    start: float = Field(0.0, description="What every s starts at; weights start at exp(-s).")
    penalty: float = Field(0.5, gt=0, description="Factor on the sum of all s.")
    own_learning_rate: float = Field(0.01, gt=0, description="Learning rate of all s.")

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.learned_weights import UncertaintyWeights

        return UncertaintyWeights(len(terms), self.start, self.penalty)

    def learning_rate(self, learning_rate: float) -> float:
        """See :meth:`farbench.TaskWeighting.learning_rate`."""
        return self.own_learning_rate
