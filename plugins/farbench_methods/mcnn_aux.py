"""MCNN-AUX: nine groups that part early, and a layer that looks at all their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Problem, Stage
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class MCNNAux(Peer):
    """Two shared convolutions, six for parts of the face, nine groups, a layer on all scores.

    Second-hand: Conv1 7x7x75, Conv2 5x5x200, six Conv3 3x3x300, each with ReLU, max pooling of 3
    and local response normalisation of 5; a group has two layers of 512 with ReLU and dropout;
    AUX is one layer from all scores to all attributes, added after the rest is trained; sigmoid
    cross-entropy, random crops, from random weights, batches of 100, 22 epochs.

    This project's reading: convolutions keep the size of the map, pooling has stride 3, the maps
    of Conv3 are flattened; the first groups have a Conv3 of their own and those from the sixth on
    share one (Around Head, Facial Hair, Cheeks, Fat); AUX reads logits, starts as the identity,
    and is trained with the rest frozen. With ``aux`` the rest is trained in the stage ``global``
    alone: give it the epochs of both (``protocol: {stage_epochs: {global: 8}, epochs: 1}``).
    Without that stage (``global: 0``) AUX would be trained on what random weights say.
    """

    name: ClassVar[str] = "mcnn_aux"
    source: ClassVar[str] = (
        "Hand and Chellappa, Attributes for Improved Attributes: A Multi-Task Network Utilizing "
        "Implicit and Explicit Relationships for Facial Attribute Classification (AAAI 2017)."
    )

    grouping: str = Field("mcnn_aux", description="See `farbench list groupings`.")
    aux: bool = Field(True, description="Whether the layer on all scores follows (else: MCNN).")
    aux_start: Literal["identity", "random"] = Field(
        "identity", description="Weights that the layer on all scores starts from."
    )
    aux_frozen: bool = Field(True, description="Whether that layer is trained alone.")
    branches: int = Field(6, ge=1, description="Convolutions Conv3; the last groups share one.")
    hidden: int = Field(512, ge=1, description="Size of a group's two layers.")
    dropout: float = Field(0.5, ge=0, lt=1, description="After each of a group's layers.")
    norm: Literal["lrn", "batch"] = Field(
        "lrn", description="After pooling: local response normalisation, or BatchNorm."
    )
    width: float = Field(1.0, gt=0, le=2, description="Factor on the channels; the paper's is 1.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.mcnn_aux_network import MCNNAuxNetwork

        return MCNNAuxNetwork(problem, self)

    def stages(self) -> tuple[Stage, ...]:
        """MCNN, then the layer on all scores; without it MCNN twice, as the other rows."""
        if not self.aux:
            return super().stages()
        frozen = ("trunk",) if self.aux_frozen else ()
        return (
            Stage("global", self.model_copy(update={"aux": False})),
            Stage("joint", self, frozen=frozen),
        )
