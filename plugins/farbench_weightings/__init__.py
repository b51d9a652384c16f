"""The task weightings that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import TaskWeighting, hookimpl


@hookimpl
def farbench_weightings() -> Sequence[type[TaskWeighting]]:
    """Provide constant, learned, measured and random weights."""
    from farbench_weightings.dwa import DynamicWeightAverage
    from farbench_weightings.dynamic import Dynamic
    from farbench_weightings.dynamic_convergence import DynamicConvergence
    from farbench_weightings.equal import Equal
    from farbench_weightings.fixed import Fixed
    from farbench_weightings.random_loss_weighting import RandomLossWeighting
    from farbench_weightings.uncertainty import Uncertainty

    return [
        Equal,
        Fixed,
        Uncertainty,
        DynamicWeightAverage,
        Dynamic,
        DynamicConvergence,
        RandomLossWeighting,
    ]
