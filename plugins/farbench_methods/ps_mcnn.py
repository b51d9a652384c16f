"""PS-MCNN: a network a group and one for all of them, which talk to each other at every level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn

Channels = tuple[Annotated[int, Field(ge=1)], ...]


class PSMCNN(Peer):
    """Four task-specific networks (TSNet) and a shared one (SNet), joined at every level.

    Known: the four groups by position. Second-hand: features are exchanged through the whole
    depth, so that there is no point where the groups part. This is PS-MCNN, *not* PS-MCNN-LC: the
    local constraint needs identities of the training faces, as does the shared network's
    pretraining on identity; all networks start from random weights and learn together.

    This project's reading, after the sizes of a public re-implementation: five levels of a 3x3
    convolution with BatchNorm, ReLU and max pooling by 2; a TSNet reads its own map and SNet's,
    SNet reads its own map and the first 32 channels of each TSNet; two fully connected layers of
    512 a network; a group's attributes are read off its own feature joined with SNet's.
    """

    name: ClassVar[str] = "ps_mcnn"
    source: ClassVar[str] = (
        "Cao, Li and Zhang, Partially Shared Multi-Task Convolutional Neural Network with Local "
        "Constraint for Face Attribute Learning (CVPR 2018), without the local constraint."
    )

    grouping: str = Field("ps_mcnn", description="See `farbench list groupings`.")
    task_channels: Channels = Field(
        (32, 64, 128, 128, 128), min_length=1, description="Of each level of a TSNet."
    )
    shared_channels: Channels = Field(
        (32, 64, 64, 64, 64), min_length=1, description="Of each level of SNet."
    )
    exchanged: int = Field(
        32, ge=0, description="Channels that SNet reads of each TSNet; 0 is none."
    )
    hidden: int = Field(512, ge=1, description="Size of a network's two layers.")
    dropout: float = Field(0.0, ge=0, lt=1, description="After each of them.")
    width: float = Field(1.0, gt=0, le=2, description="Factor on all channels.")

    @model_validator(mode="after")
    def _levels_agree(self) -> PSMCNN:
        if len(self.task_channels) != len(self.shared_channels):
            raise ValueError(
                f"task_channels has {len(self.task_channels)} levels and shared_channels "
                f"{len(self.shared_channels)}; give both as many"
            )
        return self

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.ps_mcnn_network import PSMCNNNetwork

        return PSMCNNNetwork(problem, self)
