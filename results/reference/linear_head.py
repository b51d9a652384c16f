"""The plain loop's network as a farbench method: pooled features and one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench import Method, Problem

if TYPE_CHECKING:
    from torch import nn


class LinearHead(Method):
    """Average pooling and one linear layer: tells what the runner does from what the head does."""

    name: ClassVar[str] = "linear_head"
    source: ClassVar[str] = "A control of farbench's own: the network of plain_loop.py."

    backbone: str = "resnest50d"

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        from torch import Tensor, nn

        from farbench.nn.heads import start_at_prior
        from farbench.nn.trunk import Trunk, global_pool

        class Network(nn.Module):
            def __init__(self, backbone: str) -> None:
                super().__init__()
                self.trunk = Trunk(backbone, pretrained=problem.pretrained)
                self.pixel_mean, self.pixel_std = self.trunk.pixel_mean, self.trunk.pixel_std
                self.head = nn.Linear(self.trunk.final_channels, len(problem.task.attributes))
                start_at_prior(self.head.weight, self.head.bias, problem)

            def forward(self, images: Tensor) -> dict[str, Tensor]:
                final, _ = self.trunk(images)
                return {problem.task.name: self.head(global_pool(final, "avg"))}

        return Network(self.backbone)
