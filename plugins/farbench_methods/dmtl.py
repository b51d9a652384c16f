"""DMTL: an AlexNet-like trunk and a small network for each kind of attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class DMTL(Peer):
    """Five convolutions and two layers shared by all, two layers more for each category.

    Second-hand: AlexNet with BatchNorm after each convolution; a category of heterogeneous
    attributes has a sub-network of two fully connected layers, for CelebA one of holistic and
    seven of local attributes; cross-entropy for nominal and L2 for ordinal ones (losses are the
    protocol's); pretrained on CASIA-WebFace, which is not to be had here: it starts from random
    weights.

    This project's reading: MGMTN's eight groups (Object and seven parts) for the eight categories,
    whose members were not found; AlexNet's sizes without its split in two; maps pooled to 6 x 6,
    which they measure at 227 px; the second of a sub-network's two layers is the output. A task
    that is no attribute is a category of its own, as age is in the paper.
    """

    name: ClassVar[str] = "dmtl"
    source: ClassVar[str] = (
        "Han, Jain, Wang, Shan and Chen, Heterogeneous Face Attribute Estimation: A Deep "
        "Multi-Task Learning Approach (TPAMI 2018, arXiv 1706.00906)."
    )
    task_kinds: ClassVar[tuple[str, ...]] = ()

    grouping: str = Field("mgmtn", description="Categories; see `farbench list groupings`.")
    hidden: int = Field(512, ge=1, description="Size of a sub-network's first layer.")
    dropout: float = Field(0.5, ge=0, lt=1, description="After fully connected layers.")
    width: float = Field(1.0, gt=0, le=2, description="Factor on the trunk's channels.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.dmtl_network import DMTLNetwork

        return DMTLNetwork(problem, self)
