"""APS: task networks that read every block of a shared VGG-16, and attention on the last two."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class APS(Peer):
    """A shared VGG-16 and a parallel network each for partial and for general attributes.

    Second-hand (formulas of a public summary): with S^b1, S^b2 and S^b3 the maps after the
    convolutions of the shared block b, a task's map is F^1 = S^11 * S^12 and
    F^b = [p(F^(b-1)), S^b1] * S^b3 (S^b2 in block 2), where ``*`` is element by element, ``[.]``
    joins channels and p is convolution, BatchNorm, ReLU, pooling. Soft alignment in blocks 4 and
    5: c_i = <u, h_i + g>, r_i = <w, l_i + g> with h a task's and l the shared features at
    position i and g the task's global feature; a = softmax(tau c + (1 - tau) r);
    G = [eta sum a h of block 4, (1 - eta) sum a h of block 5]; tau and eta 0.1. The adaptive focal
    loss is the protocol's (``losses: {attributes: adaptive_focal}``); SGD 1e-3, batches of 16.

    This project's reading: a product needs as many channels on both sides, so a 1x1 convolution
    with BatchNorm brings the joined map to the block's channels, and a sigmoid makes it a gate
    (``gate``). As printed, g adds the same number at every position, which the softmax takes out
    again; so ``printed`` leaves out the layer that would make g, and changes nothing by it.
    ``dot`` scores <h_i, g> and <l_i, g> instead, where g does matter. The members of the two
    groups are a reading too (`farbench show aps`).

    With a backbone that is no VGG a block is one of levels 1 to 5 and S^b1 = S^b3 is its map.
    """

    name: ClassVar[str] = "aps"
    source: ClassVar[str] = (
        "Chen, Lai, Yan, Wang and Zhu, Learning an Attention-Aware Parallel Sharing Network for "
        "Facial Attribute Recognition (JVCIR 90:103745, 2023)."
    )

    backbone: str = Field("vgg16", description="A timm VGG, or any backbone with levels 1 to 5.")
    grouping: str = Field("aps", description="Task networks; see `farbench list groupings`.")
    gate: Literal["sigmoid", "relu", "none"] = Field(
        "sigmoid", description="After the joined map was brought to the block's channels."
    )
    alignment: bool = Field(True, description="Soft alignment; else the last map is averaged.")
    compatibility: Literal["printed", "dot"] = Field(
        "printed", description="How positions are scored in the alignment."
    )
    tau: float = Field(0.1, ge=0, le=1, description="Share of the task's score of a position.")
    eta: float = Field(0.1, ge=0, le=1, description="Weight of block 4's feature beside block 5's.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.aps_network import APSNetwork

        return APSNetwork(problem, self)
