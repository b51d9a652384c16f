"""MGMTN: adaptive mask learning (AML) and group-global feature fusion (G2FF)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import MaskRequest, Problem
from farbench_methods.attribute_grouping import AttributeGrouping

if TYPE_CHECKING:
    from torch import nn

Level = Literal[2, 3, 4, 5]
Attention = Literal["none", "channel", "spatial", "channel_spatial"]


class AML(AttributeGrouping):
    """Adaptive mask learning: each group sees the features inside its own mask.

    Eq. 1: ``Gr_i^j = resize(P_j; F_i) * F_i``, max-pooled, levels concatenated, one head a group.
    The text gives 14x14x512 and 7x7x1024 maps; in ResNet-50 these depths are levels 3 and 4
    (strides 8 and 16), which are taken, and the mask is resized to what the map measures.
    """

    name: ClassVar[str] = "aml"
    source: ClassVar[str] = "MGMTN (arXiv 2601.01408), section 3.1, Eq. 1; Tables 3 and 4."

    levels: tuple[Level, ...] = Field((3, 4), description="Levels that masks select from.")
    attention: Attention = Field("none", description="Attention on the masked maps.")
    attention_shared: bool = Field(
        True, description="One attention a level for all groups, or one a group."
    )
    global_feature: bool = Field(False, description="Join the global feature (G2FF, Eq. 6).")
    mask_area: float = Field(
        1.0, gt=0, le=4, description="Area of the masks relative to the prediction (Table 4)."
    )
    mask_coverage: float = Field(
        0.25, gt=0, le=1, description="Share of a cell that must be masked for it to be kept."
    )

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.group_network import GroupNetwork

        return GroupNetwork(
            problem,
            self,
            problem.groups(self.grouping),
            global_feature=self.global_feature,
            levels=self.levels,
            attention=self.attention,
            attention_shared=self.attention_shared,
            mask_coverage=self.mask_coverage,
        )

    def mask_request(self) -> MaskRequest:
        """Ask for one mask a group."""
        return MaskRequest(self.grouping, self.mask_area)


class G2FFChannel(AML):
    """Group-global feature fusion with channel attention (Eqs. 2 to 6)."""

    name: ClassVar[str] = "g2ff_ca"
    source: ClassVar[str] = "MGMTN (arXiv 2601.01408), section 3.2, Eqs. 2-6; Table 3."

    attention: Attention = Field("channel", description="Attention on the masked maps.")
    global_feature: bool = Field(True, description="Join the global feature (G2FF, Eq. 6).")


class G2FFSpatial(G2FFChannel):
    """Group-global feature fusion with spatial attention."""

    name: ClassVar[str] = "g2ff_sa"
    attention: Attention = Field("spatial", description="Attention on the masked maps.")


class G2FFChannelSpatial(G2FFChannel):
    """Group-global feature fusion with channel, then spatial attention."""

    name: ClassVar[str] = "g2ff_ca_sa"
    attention: Attention = Field("channel_spatial", description="Attention on the masked maps.")
