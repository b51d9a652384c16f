"""Methods that break what the contract says on saving, seeds, precision, batches and devices."""

from __future__ import annotations

import random
from typing import Any

import torch
from broken_methods import altered, breaks
from good_networks import GoodNetwork
from good_plugins import Good, GoodGroups
from torch import Tensor, nn

from farbench import Problem, UserError


@breaks("weights_survive_saving", "output 'traits' differs by")
class HiddenState(Good):
    """Keeps a random projection in a plain attribute."""

    def build(self, problem: Problem) -> nn.Module:
        shift = torch.randn(40)
        return altered(
            super().build(problem),
            lambda given, _: {**given, "traits": given["traits"] + shift},
        )


@breaks("weights_survive_saving", "the state dict does not load: .*late.weight")
class MakesLayersLater(Good):
    """Makes a layer when it sees the first batch."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)

        def late(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            if not hasattr(network, "late"):
                network.late = nn.Linear(40, 40)
            return {**given, "traits": network.late(given["traits"])}

        return altered(network, late)


@breaks("same_seed_same_result", "differs by.*torch's generator alone")
class OwnDice(Good):
    """Draws weights from Python's generator."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        nn.init.constant_(network.trunk[3].bias, random.random())
        return network


@breaks("eval_repeats", "differs by.*training=self.training")
class AlwaysDrops(Good):
    """Drops in eval mode too."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(
            super().build(problem),
            lambda given, _: {**given, "traits": nn.functional.dropout(given["traits"])},
        )


@breaks("one_image", "output 'mood' differs by")
class BatchStatistics(Good):
    """Subtracts the mean of the batch."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(
            super().build(problem),
            lambda given, _: {**given, "mood": given["mood"] - given["mood"].mean(0)},
        )


@breaks("one_image", r"a batch of 1: the output 'years' is \(1,\) where \(1, 1\)")
class Squeezes(Good):
    """Squeezes away the batch."""

    def build(self, problem: Problem) -> nn.Module:
        def squeeze(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            years = given["years"].squeeze()
            return {**given, "years": years[:, None] if years.ndim else years[None]}

        return altered(super().build(problem), squeeze)


@breaks("costs_are_counted", r"RuntimeError: .*broken_\w+\.py:\d+\) -> Take no gradients")
class Explains(Good):
    """Takes the gradient of its output, to see where it looks."""

    def build(self, problem: Problem) -> nn.Module:
        def explain(given: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
            with torch.enable_grad():
                seen = images.clone().requires_grad_()
                (slope,) = torch.autograd.grad(seen.square().sum(), seen)
            return {**given, "traits": given["traits"] + slope.mean()}

        return altered(super().build(problem), explain)


@breaks("bfloat16", "RuntimeError")
class FixedType(Good):
    """Fills a tensor of a fixed type."""

    def build(self, problem: Problem) -> nn.Module:
        def fill(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            filled = torch.zeros(given["traits"].shape)
            filled[:, torch.arange(40)] = given["traits"]
            return {**given, "traits": filled}

        return altered(super().build(problem), fill)


class _RootOfNothing(Good):
    """Takes the root of 0, whose slope is infinite."""

    def build(self, problem: Problem) -> nn.Module:
        def root(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            return {**given, "traits": given["traits"] + (0 * given["traits"]).sqrt()}

        return altered(super().build(problem), root)


@breaks("bfloat16", r"the gradient of heads\S+ is not finite -> Let autocast")
class SteepInSixteenBits(_RootOfNothing):
    """Has no finite gradient."""


@breaks("finite", r"with a black and a white image the gradient of heads\S+ is not finite")
class Steep(_RootOfNothing):
    """Has no finite gradient."""


@breaks("channels_last", "view.*Use reshape or flatten")
class Views(Good):
    """Views maps as if they lay in the usual order."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)

        def flat(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            return output.view(output.shape[0], -1).view(output.shape)

        network.trunk.register_forward_hook(flat)
        return network


class _FixedSizeNetwork(GoodNetwork):
    """Reads the traits off the flattened map of an image of 64 px."""

    def __init__(self, problem: Problem, hidden: int, pooling: str, dropout: float) -> None:
        super().__init__(problem, hidden, pooling, dropout)
        self.flat = nn.Linear(hidden * 7 * 7, 40)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {**super().forward(images), "traits": self.flat(self.trunk(images).flatten(1))}


@breaks("another_size", "images of 96 px: RuntimeError.*adaptive pooling")
class FixedSize(Good):
    """Knows one size."""

    def build(self, problem: Problem) -> nn.Module:
        return _FixedSizeNetwork(problem, self.hidden, self.pooling, self.dropout)


@breaks("other_groups", r"grouping 'ps_mcnn' \(4 groups\).*problem\.groups")
class EightGroups(GoodGroups):
    """Counts on eight groups."""

    def build(self, problem: Problem) -> nn.Module:
        groups = problem.groups(self.grouping)
        assert all(groups[number].columns for number in range(8))
        return super().build(problem)


@breaks("other_groups", r"grouping 'ps_mcnn' \(4 groups\) is refused -> .*problem\.groups")
class ItsOwnGroupsOnly(GoodGroups):
    """Refuses every other grouping."""

    def build(self, problem: Problem) -> nn.Module:
        if self.grouping != "mgmtn":
            raise UserError("only MGMTN's groups")
        return super().build(problem)


@breaks("finite", "is not finite in train mode")
class DividesBySpread(Good):
    """Standardises each image."""

    def build(self, problem: Problem) -> nn.Module:
        def standardised(given: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
            spread = images.std((2, 3)).amin(1, keepdim=True)
            return {**given, "traits": given["traits"] * (spread / spread)}

        return altered(super().build(problem), standardised)


@breaks("pixel_statistics", r"pixel_mean is \(127, 127, 127\)")
class EightBit(Good):
    """States its mean in other units."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.pixel_mean = (127, 127, 127)
        return network


@breaks("never_waits", "an index is copied to the device")
class Chooses(Good):
    """Takes columns by an index that lies in the host's memory."""

    def build(self, problem: Problem) -> nn.Module:
        columns = torch.arange(40)
        return altered(
            super().build(problem),
            lambda given, _: {**given, "traits": given["traits"][:, columns]},
        )


_networks: list[nn.Module] = []


@breaks("nothing_is_left", "something still holds the network")
class Collects(Good):
    """Keeps every network."""

    def build(self, problem: Problem) -> nn.Module:
        _networks.append(super().build(problem))
        return _networks[-1]
