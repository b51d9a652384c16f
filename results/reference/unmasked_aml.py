"""AML with its masks switched off: tells what the masks do from what the levels do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from farbench import Problem
from farbench_methods.mgmtn import AML

if TYPE_CHECKING:
    from torch import nn


class UnmaskedAML(AML):
    """AML whose every mask is the whole image: same levels, same heads, no selection."""

    name: ClassVar[str] = "aml_unmasked"
    source: ClassVar[str] = "A control of farbench's own, not of the paper."

    def build(self, problem: Problem) -> nn.Module:
        """See :meth:`farbench.Method.build`."""
        import torch

        network = super().build(problem)
        network.register_forward_pre_hook(lambda _, inputs: (inputs[0], torch.ones_like(inputs[1])))
        return network
