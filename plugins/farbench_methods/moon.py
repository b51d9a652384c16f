"""MOON: one VGG-16 for all attributes, and a loss that knows their imbalance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class Moon(Peer):
    """VGG-16 with three fully connected layers before the attributes.

    Known: the loss, a Euclidean error against -1 and 1 with the majority class weighted down; it
    is the protocol's (``loss: moon``), not this method's. Second-hand: VGG-16 from random weights,
    one network for all attributes; from a re-implementation (Wu et al., CelebAMSO): BatchNorm,
    maps pooled to 7 x 7, layers of 4096, 4096 and 1000 before the output, dropout 0.5 after each.
    With all of that and 40 attributes the network has 138,406,032 parameters, of which 123,682,896
    are in the fully connected layers.
    """

    name: ClassVar[str] = "moon"
    source: ClassVar[str] = (
        "Rudd, Günther and Boult, MOON: A Mixed Objective Optimization Network for the Recognition "
        "of Facial Attributes (ECCV 2016, arXiv 1603.07027); layers as in CelebAMSO's Moon.py."
    )

    untested_options: ClassVar[dict[str, str]] = {
        "from_scratch": "it tells only where the protocol has pretrained weights"
    }

    backbone: str = Field("vgg16_bn", description="Any timm backbone with intermediate maps.")
    from_scratch: bool = Field(
        True,
        description="Random weights, as the paper has it, whatever the protocol has.",
    )
    grid: int = Field(7, ge=1, description="Side that the last map is average-pooled to.")
    fc_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (4096, 4096, 1000), description="Fully connected layers before the output."
    )
    width: float = Field(1.0, gt=0, le=2, description="Factor on their sizes.")
    dropout: float = Field(0.5, ge=0, lt=1, description="After each of them.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.moon_network import MoonNetwork

        return MoonNetwork(problem, self)
