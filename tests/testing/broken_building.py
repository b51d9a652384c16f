"""Methods that break what the contract says on options, building and outputs."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, ClassVar

import torch
from broken_methods import altered, breaks
from good_plugins import Good, GoodGroups
from pydantic import field_validator
from torch import Tensor, nn

from farbench import MaskRequest, Problem, Stage


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


@breaks(
    "builds", r"stage 'global': parameter narrow.weight is empty: \(0, 40\) -> Keep each layer at"
)
class NoWidth(Good):
    """Has a layer of width 0."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.narrow = nn.Linear(40, self.hidden // 16)
        return network


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


@breaks("task_kinds", r"kind attributes and .*: ValueError: one at a time \(broken_\w+\.py")
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
