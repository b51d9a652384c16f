"""Attribute grouping: the global feature of the baseline, one head a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from farbench import Problem, Stage
from farbench_methods.baseline import GlobalOptions

if TYPE_CHECKING:
    from torch import nn


class AttributeGrouping(GlobalOptions):
    """The global feature with one head a group of attributes (MGMTN's +AG)."""

    name: ClassVar[str] = "attribute_grouping"
    task_kinds: ClassVar[tuple[str, ...]] = ("attributes",)
    source: ClassVar[str] = "MGMTN (arXiv 2601.01408), Table 1 and Table 3, second row."

    grouping: str = Field("mgmtn", description="See `farbench list groupings`.")

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.group_network import GroupNetwork

        return GroupNetwork(problem, self, problem.groups(self.grouping), global_feature=True)

    def stages(self) -> tuple[Stage, ...]:
        """Global, each group with the trunk frozen, joint (MGMTN section 4.2)."""
        return (self.global_stage(), Stage("groups", self, frozen=("trunk",)), Stage("joint", self))
