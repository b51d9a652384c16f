"""FAR-AMTN: one shared convolution block, an attention a group, groups that look at each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Problem, Stage
from farbench_methods.baseline import GlobalOptions

if TYPE_CHECKING:
    from torch import nn


class FarAMTN(GlobalOptions):
    """Weight-shared group-specific attention and cross-group feature fusion (FAR-AMTN).

    What is known: the last residual block of ResNet50's conv5 is replaced by WSGSA (weight-shared
    group-specific attention), followed by CGFF (cross-group feature fusion) and K independent
    fully connected layers. WSGSA is ``Z = GAP(X)``, ``Psi_g = sigmoid(FC(ReLU(FC(Z))))`` with a
    reduction of 16 and layers of its own for each group, and ``X'_g = f(X) * Psi_g`` with one
    convolution ``f`` for all groups. This comes from reviews of the paper, not from its text.

    This project's readings:

    * ``f`` is the convolutions of the block that is replaced, with its pretrained weights, and its
      shortcut and last ReLU stay: ``X'_g = ReLU(f(X) * Psi_g + X)`` (``residual``).
    * Cross-group fusion works on pooled features (``fusion``; the paper's formula is not known).
    * Groups are those of MGMTN. Each task that is not attributes is a group of its own.
    * A backbone without a ``layer4`` of plain residual blocks keeps all of its layers, and ``f`` is
      a bottleneck (1x1, 3x3, 1x1) added after its final map; it starts as the identity.
    * The stages are those of the other rows: the shared global stage, then joint. The fine-tuned
      last block of the global stage goes into ``f``, and into every branch where none is shared.

    The paper's dynamic weighting strategy is a task weighting (``protocol.weighting``), and no part
    of the method.
    """

    name: ClassVar[str] = "far_amtn"
    source: ClassVar[str] = (
        "Gao et al., FAR-AMTN: Attention Multi-Task Network for Face Attribute Recognition "
        "(arXiv 2601.01537, CVIU 2025); formulas of WSGSA from reviews, CGFF is farbench's reading."
    )

    backbone: str = Field("resnet50", description="Any timm backbone; the paper has ResNet50.")
    hidden: int = Field(
        512, ge=1, description="Middle layer of the head in the shared global stage."
    )
    dropout: float = Field(
        0.5,
        ge=0,
        lt=1,
        description="Before the last layer of every head, also in the global stage.",
    )
    grouping: str = Field("mgmtn", description="See `farbench list groupings`.")
    shared: bool = Field(
        True,
        description="One convolution block for all groups (WSGSA); false gives each group its own.",
    )
    attention: bool = Field(
        True,
        description="Group attention; false with shared=false is the traditional network of "
        "distinct high-level branches.",
    )
    reduction: int = Field(
        16, ge=1, description="Factor by which attention and fusion narrow the channels."
    )
    residual: bool = Field(
        True, description="Keep shortcut and ReLU of the replaced block; false is f(X) * Psi alone."
    )
    fusion: Literal["none", "attention", "concat"] = Field(
        "attention", description="Cross-group feature fusion (CGFF): how groups see each other."
    )
    group_hidden: int = Field(
        0, ge=0, description="Middle layer of each group's head; 0 is the paper's single layer."
    )

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.far_amtn_network import FarAMTNNetwork

        return FarAMTNNetwork(problem, self)

    def stages(self) -> tuple[Stage, ...]:
        """Global, shared with the other rows, then joint (this project's reading)."""
        return (self.global_stage(), Stage("joint", self))
