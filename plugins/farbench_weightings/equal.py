"""The plain sum of the losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench import TaskWeighting

if TYPE_CHECKING:
    from torch import nn


class Equal(TaskWeighting):
    """The sum of the losses, each as its loss gives it."""

    name: ClassVar[str] = "equal"
    source: ClassVar[str] = "Standard."

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`."""
        from farbench_weightings.constant_weights import ConstantWeights

        return ConstantWeights([1.0] * len(terms))
