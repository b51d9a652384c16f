"""SPL-Net: what SSPL learns in its second stage, with cross attention in four branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class SPLNet(Peer):
    """A pre-activation ResNet-18 and a chain of attention blocks for each of four groups.

    Known, from the official code of the extension (github.com/pida0/spl_net, commit e871c97): the
    layers, their sizes, the start of the convolutions, the groups; a block joins the trunk's map
    with the branch's own last one by channel and by spatial attention; average pooling and one
    linear layer a branch; binary cross-entropy averaged within a branch, then summed; Adam 1e-4,
    weight decay 5e-5, batches of 24, 60 to 70 epochs with a warm-up.

    Not here: the first stage (three pretext tasks and an adversarial loss), so it starts from
    random weights. The loss is the protocol's, which weighs attributes alike, not branches.
    Tables name SSPL's backbone ResNet50; the code has this one. Its choice of the epoch on the
    test images is not repeated.
    """

    name: ClassVar[str] = "spl_net"
    source: ClassVar[str] = (
        "Shu et al., Learning Spatial-Semantic Relationship for Facial Attribute Recognition with "
        "Limited Labeled Data (SSPL, CVPR 2021), second stage; code of its extension SPL-Net, "
        "github.com/pida0/spl_net."
    )

    grouping: str = Field("ps_mcnn", description="Branches; see `farbench list groupings`.")
    blocks: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (2, 2, 2, 2), min_length=1, description="Residual blocks of each of the trunk's levels."
    )
    reduction: int = Field(16, ge=1, description="Of the channel attention's middle layer.")
    width: float = Field(1.0, gt=0, le=2, description="Factor on all channels.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.spl_net_network import SPLNetwork

        return SPLNetwork(problem, self)
