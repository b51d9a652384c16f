"""Methods that break what the contract says on gradients, stages, masks and options."""

from __future__ import annotations

from typing import Literal

import torch
from broken_methods import altered, breaks
from good_plugins import Good, GoodGroups
from pydantic import Field
from torch import Tensor, nn

from farbench import Problem, Stage


@breaks("parameters_learn", r"spare\.weight gets no gradient in stage 'joint' -> Use it in forward")
class Spare(Good):
    """Has a layer that nobody calls."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.spare = nn.Linear(2, 2)
        return network

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("joint", self),)


@breaks("parameters_learn", r'frozen=\("trunk",\)')
class CutOff(Good):
    """Stops the gradient of its trunk."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.trunk.register_forward_hook(lambda module, inputs, output: output.detach())
        return network

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("joint", self),)


@breaks("parameters_learn", "gets a gradient of nothing but zeros")
class TimesNothing(Good):
    """Multiplies a branch by 0."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.branch = nn.Linear(40, 40)

        def add(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            return {**given, "traits": given["traits"] + 0 * network.branch(given["traits"])}

        return altered(network, add)


@breaks("parameters_learn", "nothing learns in stage 'joint' -> Freeze less")
class AllFrozen(Good):
    """Trains nothing."""

    def build(self, problem: Problem) -> nn.Module:
        return super().build(problem).requires_grad_(False)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("joint", self),)


@breaks(
    "parameters_learn", "freezes 'backbone', and the network's modules are trunk, dropout, heads"
)
class UnknownModule(Good):
    """Freezes what is not there."""

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("joint", self, frozen=("backbone",)),)


class _Renamed(Good):
    """The same network under other names."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)

        class Wrapper(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner, self.feature_size = network, network.feature_size

            def forward(self, images: Tensor) -> dict[str, Tensor]:
                given: dict[str, Tensor] = self.inner(images)
                return given

        return Wrapper()


@breaks("weights_are_handed_on", "'joint' begins with none of the weights before it")
class Forgets(Good):
    """Begins with a network whose modules have other names."""

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("global", _Renamed(**dict(self))), Stage("joint", self))


@breaks("masks", "the same with drawn masks and with full ones")
class BlindToMasks(GoodGroups):
    """Takes masks and does not look."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        forward = network.forward
        network.forward = lambda images, masks: forward(images, torch.ones_like(masks))
        return network


@breaks("masks", "with empty masks the output is not finite")
class AverageOfNothing(GoodGroups):
    """Averages over an empty mask."""

    def build(self, problem: Problem) -> nn.Module:
        def share(given: dict[str, Tensor], images: Tensor, masks: Tensor) -> dict[str, Tensor]:
            area = masks.sum((1, 2, 3)).view(-1, 1)
            return {"traits": given["traits"] * area / area}

        return altered(super().build(problem), share)


@breaks("options_change_something", r"nothing changes with gamma \(2\.0 tried .* untested_options")
class Unused(Good):
    """Has an option that nobody reads."""

    gamma: float = Field(2.0, description="Nothing.")


@breaks("options_change_something", r"no other value of weights could be made up.*examples=\[")
class FreeText(Good):
    """Has an option that takes any text."""

    weights: str = Field("a.pt", description="A file.")


@breaks(
    "values_are_refused_in_words", r"^heads=3 raises AssertionError: embed_dim must be divisible"
)
class Attends(Good):
    """Has heads that must divide the feature, and leaves that to torch."""

    hidden: Literal[8] = Field(8, description="Size of the feature.")
    heads: int = Field(2, ge=2, description="Of the attention.")

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.attention = nn.MultiheadAttention(self.hidden, self.heads)
        return network


@breaks("values_are_refused_in_words", r"^hidden=7 raises .*broken_\w+\.py:\d+\).*model_validator")
class Divides(Good):
    """Has options that must fit each other, and leaves that to torch."""

    heads: int = Field(2, ge=1, description="Parts of the feature.")

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.parts = nn.Parameter(torch.zeros(self.hidden).view(self.heads, self.hidden // 2))
        return network


@breaks(
    "values_are_refused_in_words",
    r"^with reduction=1000000 parameter narrow.weight is empty: \(0, 8\) -> Keep each layer at",
)
class DividesToNothing(Good):
    """Has a layer that a large value of an option leaves without width."""

    reduction: int = Field(2, ge=1, description="Of the middle layer.")

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.narrow = nn.Linear(8, 8 // self.reduction)
        return network
