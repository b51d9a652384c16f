"""One ResNet18 feature for attributes and landmarks, after ChenChienYi's repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Method, Problem, Stage

if TYPE_CHECKING:
    from torch import nn


class AttributesLandmarks(Method):
    """A shared trunk, average pooling, and for each task two layers: 512 -> 256 -> outputs.

    The repository freezes all weights of the backbone, trains attributes and landmarks together
    and each alone, and asks which is better. Mind that with a frozen backbone the tasks share
    nothing that is trained: each head sees the same features whether the other is there or not, so
    neither positive nor negative transfer can be seen. ``freeze_backbone: false`` asks the question
    for real.

    The repository leaves the frozen backbone in training mode, so that the statistics of its
    BatchNorm layers still move, and with them the features. That is ``frozen_batchnorm: false``;
    by default a frozen backbone stays as it is.

    Any tasks can be predicted. Training has one stage. The repository's loss, 50 times BCE plus 100
    times MSE, is the protocol's (``losses`` and ``weighting``).
    """

    name: ClassVar[str] = "attributes_landmarks"
    source: ClassVar[str] = (
        "github.com/ChenChienYi/Multi-Task-Learning-Model, commit a63d6fd, src/models.py "
        "and src/train.py."
    )

    backbone: str = Field("resnet18", description="Any timm backbone.")
    freeze_backbone: bool = Field(
        True, description="Train the heads alone, as the repository does; needs pretrained weights."
    )
    frozen_batchnorm: bool = Field(
        True,
        description="With a frozen backbone: keep its BatchNorm statistics too; false lets them "
        "move, as the repository does.",
    )
    hidden: int = Field(256, ge=0, description="Middle layer of each head; 0 for none.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Before the last layer; the repository has none."
    )

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.global_network import GlobalNetwork

        network = GlobalNetwork(
            problem, self.backbone, pooling="avg", hidden=self.hidden, dropout=self.dropout
        )
        # Here and not by the stage alone: also where BatchNorm's statistics still move.
        network.trunk.requires_grad_(not self.freeze_backbone)
        return network

    def stages(self) -> tuple[Stage, ...]:
        """Train once; a frozen trunk is put in eval mode unless its statistics shall move."""
        kept = self.freeze_backbone and self.frozen_batchnorm
        return (Stage("joint", self, frozen=("trunk",) if kept else ()),)
