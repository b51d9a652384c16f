"""Weights set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from farbench import TaskWeighting
from farbench.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn


class Fixed(TaskWeighting):
    """The sum of the losses, each times a weight that is written down."""

    name: ClassVar[str] = "fixed"
    source: ClassVar[str] = "Standard."

    weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        {}, description="Name of a task (or group) -> its weight; those not named weigh 1."
    )

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        """See :meth:`farbench.TaskWeighting.build`.

        Raises:
            UserError: A weight is given to something that is not weighed.
        """
        from farbench_weightings.constant_weights import ConstantWeights

        for name in self.weights:
            if name not in terms:
                raise unknown_name(self.over[:-1], name, terms, f"weighting '{self.name}'")
        return ConstantWeights([self.weights.get(name, 1.0) for name in terms])
