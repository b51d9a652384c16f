"""MobileNetV3 with multi-head attention: a trunk that parts into one branch a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from farbench import Method, Problem

if TYPE_CHECKING:
    from torch import nn


class MobileNetV3MHA(Method):
    """A light trunk, shared up to a branch point, then attention over the map for each task.

    The paper's abstract is all that could be read: MobileNetV3-Large, multi-head attention that
    looks at several regions of the face, a weighted loss, and a search for the branch point. This
    project's readings:

    * Each task's branch is its own copy of the backbone's last ``branch_at`` stages, a 1x1
      convolution with Hardswish to ``embedding`` channels, self-attention between the positions of
      the map (with learned positions, a residual sum and LayerNorm), the mean over positions,
      dropout, and one linear layer.
    * A stage of the backbone begins at each part that holds a convolution: MobileNetV3-Large has
      eight (stem, ``blocks.0`` to ``blocks.6``), a ResNet five.
    * Learned positions are kept for the map of the problem's image size and interpolated
      (bicubic) for another one.
    * Training has one stage. A model of one task is the same network with one branch
      (``single_task: true`` in a benchmark).

    Weights of the tasks' losses are the protocol's (``weighting``). Finding and aligning faces
    (the paper's RFEMTC) is a matter of the data, not of the network.
    """

    name: ClassVar[str] = "mobilenetv3_mha"
    source: ClassVar[str] = (
        "Rohani, Farsi, Mohamadzadeh, Advanced Multi-Task Learning with Lightweight Networks and "
        "Multi-Head Attention for Efficient Facial Attribute Estimation (IJE 38(10), 2025): "
        "abstract only; where attention sits and all sizes are farbench's reading."
    )

    backbone: str = Field(
        "mobilenetv3_large_100",
        description="A timm backbone whose parts run one after the other, such as resnet50.",
    )
    branch_at: int = Field(
        1,
        ge=0,
        description="Where tasks part: how many of the backbone's last stages each task has for "
        "itself; 0 shares the whole backbone.",
    )
    attention: bool = Field(
        True, description="Multi-head attention between positions; false averages them at once."
    )
    heads: int = Field(8, ge=1, description="Attention heads; they divide the embedding.")
    embedding: int = Field(256, ge=1, description="Channels of a position, and of what is pooled.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Before the last layer of every task.")

    @model_validator(mode="after")
    def _heads_divide_the_embedding(self) -> Self:
        if self.attention and self.embedding % self.heads:
            raise ValueError(
                f"heads ({self.heads}) must divide embedding ({self.embedding}) without remainder"
            )
        return self

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.mobilenetv3_mha_network import BranchedNetwork

        return BranchedNetwork(problem, self)
