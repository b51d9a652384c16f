"""The baseline: one global feature, one head a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from farbench import Method, Problem, Stage

if TYPE_CHECKING:
    from torch import nn


class GlobalOptions(Method):
    """Options that every method on a global feature shares."""

    backbone: str = Field("resnest50d", description="Any timm backbone with intermediate maps.")
    pooling: Literal["max", "avg"] = Field(
        "max", description="Global pooling; MGMTN section 4.5 max-pools the global map too."
    )
    hidden: int = Field(512, ge=1, description="Size of the layer between feature and output.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Between the two layers of a head.")

    def global_stage(self) -> Stage:
        """Return the stage that fine-tunes the trunk with one global head, shared by all rows."""
        keys = GlobalOptions.model_fields
        return Stage("global", Baseline(**{key: getattr(self, key) for key in keys}))


class Baseline(GlobalOptions):
    """One global feature and one head a task (MGMTN's baseline: one for all attributes)."""

    name: ClassVar[str] = "baseline"
    source: ClassVar[str] = (
        "Gao et al., Mask-Guided Multi-Task Network for Face Attribute Recognition "
        "(MGMTN, arXiv 2601.01408), Table 3, first row."
    )

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from farbench_methods.global_network import GlobalNetwork

        return GlobalNetwork(
            problem, self.backbone, pooling=self.pooling, hidden=self.hidden, dropout=self.dropout
        )

    def stages(self) -> tuple[Stage, ...]:
        """Train twice, like every other row, so that no row's trunk takes more steps."""
        return (self.global_stage(), Stage("joint", self))
