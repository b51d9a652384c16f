"""Methods that each break one line of the contract, and the line that they break."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from good_networks import GoodNetwork
from good_plugins import Good, GoodGroups
from pydantic import Field, field_validator
from torch import Tensor, nn

from farbench import MaskRequest, Method, Problem, Stage, UserError

BROKEN: dict[type[Method], tuple[str, str]] = {}
"""Method -> the check that must fail, and a part of what it says (a regular expression)."""


def breaks(check: str, words: str) -> Callable[[type[Method]], type[Method]]:
    """Note which check a method breaks."""

    def note(method: type[Method]) -> type[Method]:
        BROKEN[method] = (check, words)
        return method

    return note


def altered(network: nn.Module, change: Callable[..., dict[str, Tensor]]) -> nn.Module:
    """Change what a network returns: ``change(outputs, images)``."""
    forward = network.forward
    network.forward = lambda *inputs: change(forward(*inputs), *inputs)
    return network


@breaks("documented", "lacks the docstring, `source`, the description of option 'more'")
class Undocumented(Good):
    source: ClassVar[str] = " "
    more: int = 1


@breaks("options_round_trip", "is read back as")
class Grows(Good):
    """An option that is changed each time it is read."""

    hidden: int = 8

    @field_validator("hidden")
    @classmethod
    def _one_more(cls, value: int) -> int:
        return value + 1


@breaks("options_round_trip", "JSON cannot hold")
class NotJson(Good):
    """An option without a place in JSON."""

    scale: float = float("nan")


@breaks("stages", "the last stage is 'end'.*protocol.epochs")
class NoJoint(Good):
    """Ends otherwise."""

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("end", self),)


@breaks("stages", r"stages\(\) gives \(\) -> Write `return")
class NoStages(Good):
    """Has nothing to train."""

    def stages(self) -> tuple[Stage, ...]:
        return ()


@breaks("stages", "the names of the stages are Global, joint")
class CapitalStage(Good):
    """Writes a name with a capital."""

    def stages(self) -> tuple[Stage, ...]:
        return (Stage("Global", self), Stage("joint", self))


@breaks("stages", "task_kinds names 'atributes' -> Choose of attributes, classes")
class UnknownKind(Good):
    """Misspelt."""

    task_kinds: ClassVar[tuple[str, ...]] = ("atributes",)


@breaks("stages", "mask_request.*the groupings are")
class UnknownGrouping(GoodGroups):
    """Asks for masks that nobody can make."""

    def mask_request(self) -> MaskRequest:
        return MaskRequest("nobody")


_kept: dict[int, nn.Module] = {}


@breaks("builds", "the same network twice")
class Cached(Good):
    """Gives the same network again."""

    def build(self, problem: Problem) -> nn.Module:
        return _kept.setdefault(len(problem.tasks), super().build(problem))


@breaks("builds", "gives builtin_function_or_method")
class NoModule(Good):
    """Gives a function."""

    def build(self, problem: Problem) -> Any:
        return torch.relu


@breaks("needs_no_network", r"asks for weights\.example.*pretrained=problem\.pretrained")
class Downloads(Good):
    """Looks for weights and hides that it found none."""

    def build(self, problem: Problem) -> nn.Module:
        with contextlib.suppress(OSError):
            socket.create_connection(("weights.example", 443), timeout=0.1)
        return super().build(problem)


@breaks("needs_no_network", r"asks for weights\.example, and fails: OSError")
class NeedsTheNetwork(Good):
    """Cannot be built without weights."""

    def build(self, problem: Problem) -> nn.Module:
        socket.create_connection(("weights.example", 443), timeout=0.1)
        return super().build(problem)


@breaks("outputs", "forward returns Tensor -> Return a dict")
class Bare(Good):
    """Gives the logits as they are."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(super().build(problem), lambda given, _: given["traits"])


@breaks("outputs", "the task is called 'traits'.*task.name")
class SpelledOut(Good):
    """Knows how CelebA's task is called."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(super().build(problem), lambda given, _: {"attributes": given["traits"]})


@breaks("outputs", r"'traits' is \(3, 39\) where \(3, 40\) is expected")
class OneShort(Good):
    """Loses an attribute."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(super().build(problem), lambda given, _: {"traits": given["traits"][:, :-1]})


@breaks("outputs", "is torch.bool -> Return logits")
class Decides(Good):
    """Gives decisions."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(super().build(problem), lambda given, _: {"traits": given["traits"] > 0})


@breaks("outputs", "'extra' too, which nobody reads")
class MoreThanAsked(Good):
    """Gives something more."""

    def build(self, problem: Problem) -> nn.Module:
        return altered(super().build(problem), lambda given, _: {**given, "extra": given["traits"]})


@breaks("features", r"\(3, 8\) where feature_size says \(3, 5\)")
class WrongSize(Good):
    """Announces another size."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.feature_size = 5
        return network


@breaks("features", "feature_size is 8, but forward returns no")
class NoFeatures(Good):
    """Announces what it does not give."""

    def build(self, problem: Problem) -> nn.Module:
        def drop(given: dict[str, Tensor], _: Tensor) -> dict[str, Tensor]:
            return {key: value for key, value in given.items() if key != "features"}

        return altered(super().build(problem), drop)


@breaks("features", "the network has no feature_size -> Write `self.feature_size = D`")
class SizeNotSaid(Good):
    """Gives features and does not say how many."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        del network.feature_size
        return network


@breaks("task_kinds", r"kind attributes and .*: ValueError: one at a time \(broken_methods\.py")
class OneTask(Good):
    """Takes a single task."""

    def build(self, problem: Problem) -> nn.Module:
        if len(problem.tasks) > 1:
            raise ValueError("one at a time")
        return super().build(problem)


@breaks("task_kinds", r"kind \w+: the method works on binary attributes.*task_kinds: ClassVar")
class AttributesOnly(Good):
    """Needs attributes and does not say so."""

    def build(self, problem: Problem) -> nn.Module:
        assert problem.attributes
        return super().build(problem)


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


@breaks(
    "values_are_refused_in_words", r"^hidden=7 raises .*broken_methods\.py:\d+\).*model_validator"
)
class Divides(Good):
    """Has options that must fit each other, and leaves that to torch."""

    heads: int = Field(2, ge=1, description="Parts of the feature.")

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.parts = nn.Parameter(torch.zeros(self.hidden).view(self.heads, self.hidden // 2))
        return network


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


@breaks("costs_are_counted", r"RuntimeError: .*broken_methods\.py:\d+\) -> Take no gradients")
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
