"""Absolute, squared and smooth absolute error of numbers and points."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics

NUMBERS = ("scalar", "landmarks")


class L1(Loss):
    """Mean absolute error over the known numbers.

    Of a scalar it is in standard deviations of the train labels, of landmarks in fractions of the
    input's side.
    """

    name: ClassVar[str] = "l1"
    source: ClassVar[str] = "Standard."
    tasks: ClassVar[tuple[str, ...]] = NUMBERS

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.regression import AbsoluteModule

        return AbsoluteModule()


class MeanSquaredError(Loss):
    """Mean squared error over the known numbers, in the units of ``l1`` squared."""

    name: ClassVar[str] = "mse"
    source: ClassVar[str] = "Standard."
    tasks: ClassVar[tuple[str, ...]] = NUMBERS

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.regression import SquareModule

        return SquareModule()


class SmoothL1(Loss):
    """Squared error up to beta, absolute error beyond, averaged over the known numbers.

    ``d^2 / (2 beta)`` where the difference d is smaller than beta, ``|d| - beta / 2`` elsewhere.
    The paper's beta is 1, of targets in standard units; a hundredth of the input's side, about a
    pixel, is this project's reading for landmarks.
    """

    name: ClassVar[str] = "smooth_l1"
    source: ClassVar[str] = "Girshick, Fast R-CNN, ICCV 2015, Eq. 3."
    tasks: ClassVar[tuple[str, ...]] = NUMBERS

    beta: float | None = Field(
        None,
        gt=0,
        description="Where the parabola ends, in standard deviations of a scalar or fractions of "
        "the input's side; null: 1 for a scalar, 0.01 for landmarks.",
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.regression import SmoothModule

        usual = 0.01 if task.kind == "landmarks" else 1.0
        return SmoothModule(usual if self.beta is None else self.beta)
