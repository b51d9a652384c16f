"""Wing loss of landmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Loss

if TYPE_CHECKING:
    from torch import nn

    from farbench import Task, TrainStatistics


class Wing(Loss):
    """Wing loss: small errors count by their logarithm, large ones as they are.

    ``w ln(1 + x / epsilon)`` where x is below w, ``x - C`` elsewhere, with C such that both meet
    at w. The paper's x, w and epsilon are pixels of the network's input, 64 x 64 for its CNN-6;
    outputs here are fractions of the input's side, so x is the difference times ``side``. The
    result is divided by ``side`` again: beyond w its gradient is that of ``l1``. Both are this
    project's reading. The loss is averaged over the known coordinates.
    """

    name: ClassVar[str] = "wing"
    source: ClassVar[str] = (
        "Feng et al., Wing Loss for Robust Facial Landmark Localisation with Convolutional Neural "
        "Networks, CVPR 2018."
    )
    tasks: ClassVar[tuple[str, ...]] = ("landmarks",)

    w: float = Field(10.0, gt=0, description="Where the logarithm ends, in pixels.")
    epsilon: float = Field(2.0, gt=0, description="Curvature of the logarithm, in pixels.")
    side: float = Field(
        64.0, gt=0, description="The input's side in the pixels of w and epsilon, of any input."
    )

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        """See :meth:`farbench.Loss.build`."""
        from farbench_losses.regression import WingModule

        return WingModule(self.w, self.epsilon, self.side)
