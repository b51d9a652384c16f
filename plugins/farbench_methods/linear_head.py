"""A backbone and one linear layer a task: the plain baseline that is hard to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Problem
from farbench_methods.peer import Peer

if TYPE_CHECKING:
    from torch import nn


class LinearHead(Peer):
    """A pooled backbone and one linear layer a task, for tasks of any kind.

    For attributes, with a ResNet-18 and binary cross-entropy (the protocol's loss), it is what
    Lingenfelter and Hand found to match the state of the art, on all of CelebA and nearly so on a
    tenth of it (``protocol: {images: {train: 0.1}}``). Their optimizer, epochs and augmentation
    are not known here; the protocol's are used.
    """

    name: ClassVar[str] = "linear_head"
    source: ClassVar[str] = (
        "Lingenfelter and Hand, Improving Evaluation of Facial Attribute Prediction Models "
        "(FG 2021); row 10%CelebA of MGMTN's Table 2."
    )
    task_kinds: ClassVar[tuple[str, ...]] = ()

    backbone: str = Field("resnet18", description="Any timm backbone with intermediate maps.")
    pooling: Literal["max", "avg"] = Field("avg", description="Global pooling of the last map.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Before the linear layers.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.global_network import GlobalNetwork

        return GlobalNetwork(
            problem, self.backbone, pooling=self.pooling, hidden=0, dropout=self.dropout
        )
