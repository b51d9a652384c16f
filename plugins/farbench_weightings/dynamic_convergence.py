"""FAR-AMTN's dynamic weighting strategy, as this project reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class DynamicConvergence(TaskWeighting):
    """More for tasks that have come less far since the start, step by step.

    Known of FAR-AMTN's Dynamic Weighting Strategy is its purpose: "synchronized task convergence"
    (abstract), and from a review that it answers different convergence speeds and loss scales.
    Its formula is not known here; what follows is this project's reading.

    ``left_i`` is a moving average of the task's loss divided by its mean over the first steps:
    GradNorm's inverse training rate, without its gradients. ``w_i`` is proportional to
    ``left_i ^ alpha``, divided by that first mean with ``balance``, and the weights sum to the
    number of tasks. ``dwa`` looks at the last two epochs, so its weights even out once all losses
    stand still, wherever they stand; here a task that lags behind keeps its weight until it has
    caught up, and weights act from the first epoch on.
    """

    name: ClassVar[str] = "dynamic_convergence"
    source: ClassVar[str] = (
        "FAR-AMTN (Gao et al., CVIU 2025, arXiv 2601.01537) names it, formula unknown; inverse "
        "training rate: Chen et al., GradNorm, ICML 2018."
    )

    alpha: float = Field(1.0, ge=0, description="How strongly weights follow what is left; 0: not.")
    decay: float = Field(
        0.99, ge=0, lt=1, description="Share of the moving average that stays in a step."
    )
    start_steps: int = Field(20, ge=1, description="Steps of a task whose mean loss is its start.")
    balance: bool = Field(
        True, description="Divide each loss by its start, so that all begin with equal size."
    )

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.measured_weights import ConvergenceWeights

        return ConvergenceWeights(
            len(terms), self.alpha, self.decay, self.start_steps, self.balance
        )
