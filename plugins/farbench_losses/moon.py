"""MOON's domain-adapted Euclidean loss of attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class Moon(Loss):
    """Squared distance from +1 (yes) and -1 (no), the more frequent answer weighted down.

    With S the share of yes among the train labels and T the share that the loss is adapted to, a
    yes weighs ``(1 - S) T / (S (1 - T))`` where S is above T and 1 elsewhere, a no the same with
    both shares counted the other way. At T = 0.5 these are the weights of the public
    re-implementation; other values of T are this project's reading. An output above 0 is yes, as
    for every attribute loss. Shares are kept between 0.001 and 0.999.

    Outputs are to be near -1 or +1. ``protocol.start_at_prior`` starts them at log-odds (-3 for
    an attribute that one face in twenty has), which is made for the other attribute losses.
    """

    name: ClassVar[str] = "moon"
    source: ClassVar[str] = (
        "Rudd, Günther and Boult, MOON: A Mixed Objective Optimization Network for the Recognition "
        "of Facial Attributes, ECCV 2016; weights as in tornadomeet/mxnet-face, moon_output.cc."
    )

    target_share: float | None = Field(
        0.5,
        gt=0,
        lt=1,
        description="Share of yes that each attribute is adapted to; null: the train labels' own, "
        "which leaves all weights at 1.",
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="Over attributes: their mean or their sum; images are averaged."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.rebalanced import WeighedSquares

        yes, no = [], []
        for rate in statistics.prevalence:
            share = min(max(rate, 1e-3), 1 - 1e-3)
            odds = share / (1 - share)
            target = share if self.target_share is None else self.target_share
            target_odds = target / (1 - target)
            yes.append(min(1.0, target_odds / odds))
            no.append(min(1.0, odds / target_odds))
        return WeighedSquares(yes, no, self.reduction)
