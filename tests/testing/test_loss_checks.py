"""Each line of a loss's contract fails on a loss that breaks it, and says how to mend it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from broken import told, tried
from good_networks import SquaredModule
from good_plugins import GoodLoss
from pydantic import Field
from torch import Tensor, nn

from farbench import Loss, Task, TrainStatistics
from farbench.testing.catalogue import checks_of

Change = Callable[[Tensor, Tensor, Tensor], Tensor]


def changed(change: Change) -> type[Loss]:
    """Return the good loss with ``change(value, outputs, targets)`` as its value."""

    class Changed(GoodLoss):
        """Broken."""

        def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
            module = super().build(task, statistics)
            forward = module.forward
            module.forward = lambda outputs, targets: change(
                forward(outputs, targets), outputs, targets
            )
            return module

    return Changed


def built(build: Callable[[Any, Task], Any], **fields: Any) -> type[Loss]:
    """Return the good loss with another build."""

    class Built(GoodLoss):
        """Broken."""

        tasks: ClassVar[tuple[str, ...]] = fields.get("tasks", GoodLoss.tasks)

        def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
            module: nn.Module = build(super().build(task, statistics), task)
            return module

    return Built


class MeanOfKnown(nn.Module):
    """The mean of a selection, which is 0 / 0 where nothing is selected."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = (targets >= 0) & ~torch.isnan(targets)
        return (outputs - targets)[known].square().mean()


class Counter(SquaredModule):
    """Counts steps in a plain attribute."""

    steps = 0

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(outputs, targets) * self.steps


class OneHot(SquaredModule):
    """Counts on forty attributes."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().forward(outputs * torch.ones(40), targets)


class Dice(SquaredModule):
    """Draws a factor from Python's generator."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().forward(outputs, targets) * (1 + random.random())


class Logarithm(nn.Module):
    """Takes logarithms of probabilities that have become 0."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = (targets >= 0) & ~torch.isnan(targets)
        value = torch.where(known, -torch.log(torch.sigmoid(outputs)), 0.0)
        return value.sum() / known.sum().clamp(min=1)


class Counting(SquaredModule):
    """Sums up all outputs, also those without a label."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        value = super().forward(outputs, targets)
        self.scale = self.scale + outputs.detach().square().mean()
        return value


class GrowsState(SquaredModule):
    """Makes a buffer when it sees the first batch."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if not hasattr(self, "seen"):
            self.register_buffer("seen", torch.ones(()))
        return super().forward(outputs, targets)


class SteepParameter(SquaredModule):
    """Has a parameter under a root, which is infinitely steep where the loss is 0."""

    def __init__(self, power: float) -> None:
        super().__init__(power)
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        value = super().forward(outputs, targets)
        return value + (self.factor * value.detach()).sqrt()


def with_spare(module: nn.Module, task: Task) -> nn.Module:
    module.spare = nn.Parameter(torch.ones(2))
    return module


class UnusedOption(GoodLoss):
    """Has an option that nobody reads."""

    gamma: float = Field(2.0, description="Nothing.")


BROKEN: list[tuple[str, type[Loss], str]] = [
    ("builds", built(lambda module, task: module, tasks=("colours",)), "tasks is .'colours'"),
    ("builds", built(lambda module, task: abs), "for attributes, build gives builtin"),
    ("scalar", changed(lambda value, outputs, _: outputs.square()), r"the loss is \(12, 40\)"),
    ("scalar", changed(lambda value, *_: value.double()), "the loss is torch.float64"),
    ("scalar", built(lambda module, task: Logarithm()), "outputs are 100 and -100 -> .*logsigmoid"),
    ("gradients", changed(lambda value, *_: value.detach().requires_grad_()), "is zero or not"),
    ("gradients", built(with_spare), "own parameter spare gets no gradient"),
    (
        "leads_to_the_labels",
        changed(lambda value, *_: -value),
        r"for attributes, after 60 steps: labels missed 1\.00, before 1\.00 -> Compare",
    ),
    (
        "leads_to_the_labels",
        changed(lambda value, outputs, targets: (outputs + targets).square().mean()),
        "for attributes, after 60 steps",
    ),
    (
        "unknown_adds_nothing",
        changed(lambda value, outputs, _: value + outputs.square().mean()),
        "outputs without a known label get a gradient -> Mask before",
    ),
    (
        "unknown_adds_nothing",
        changed(lambda value, outputs, targets: value + 0 * (outputs - targets).sum()),
        "for scalar loss or gradient is not finite where a label is unknown",
    ),
    (
        "unknown_adds_nothing",
        changed(lambda value, outputs, _: value + outputs.detach().mean()),
        "the loss goes from",
    ),
    (
        "unknown_adds_nothing",
        built(lambda module, task: Counting(2.0)),
        "outputs without a known label change the state scale",
    ),
    ("all_unknown_is_zero", built(lambda module, task: MeanOfKnown()), "labels is nan.*clamp"),
    ("all_unknown_is_zero", changed(lambda value, *_: value + 1), r"without labels is 1\.0"),
    (
        "all_unknown_is_zero",
        changed(lambda value, outputs, _: value + (outputs - outputs.detach()).sum()),
        "for attributes a batch without labels gives a gradient",
    ),
    (
        "all_unknown_is_zero",
        built(lambda module, task: SteepParameter(2.0)),
        "the gradient of factor is not finite without labels",
    ),
    (
        "one_attribute",
        changed(lambda value, outputs, _: value if outputs.shape[1] > 39 else outputs.mean(0)),
        "the loss of 3 attributes is tensor",
    ),
    ("one_attribute", built(lambda module, task: OneHot(2.0)), "RuntimeError"),
    (
        "state_survives_saving",
        built(lambda module, task: Counter(2.0)),
        "after a restart .*register_buffer",
    ),
    (
        "state_survives_saving",
        built(lambda module, task: GrowsState(2.0)),
        "for attributes the state does not load: .*seen",
    ),
    ("same_seed_same_result", built(lambda module, task: Dice(2.0)), "go different ways"),
    ("options_change_something", UnusedOption, "nothing changes with gamma"),
    (
        "never_waits",
        changed(lambda value, *_: value if value > 1 else 2 * value),
        r"a value is read back from the device \(test_loss_checks.py:\d+\) -> Keep decisions",
    ),
    (
        "never_waits",
        changed(lambda value, outputs, _: value * float(outputs.detach().numpy().mean())),
        r"a value is read back from the device \(test_loss_checks.py:\d+\)",
    ),
    ("never_waits", built(lambda module, task: MeanOfKnown()), "boolean indexing asks the device"),
    (
        "never_waits",
        changed(lambda value, outputs, _: value * outputs.new_tensor([2.0])[0]),
        "made from Python numbers on the device",
    ),
    (
        "never_waits",
        changed(lambda value, outputs, _: value * torch.ones(40).to(outputs.device)[0]),
        "a tensor is copied to the device",
    ),
]


@pytest.mark.parametrize(
    ("check", "loss", "words"),
    BROKEN,
    ids=[f"{check}{n}" for n, (check, _, _) in enumerate(BROKEN)],
)
def test_a_broken_loss_fails_at_its_line(check: str, loss: type[Loss], words: str) -> None:
    assert re.search(words, told(tried("losses", loss, check)), re.DOTALL)


def test_every_line_of_its_own_has_a_loss_that_breaks_it() -> None:
    shared = {"documented", "options_round_trip", "light_import"}
    expected = {check.name for check in checks_of("losses")} - shared - {"moves_to_the_device"}
    assert {check for check, _, _ in BROKEN} == expected


def test_a_loss_of_classes_is_held_by_the_image() -> None:
    class AllImages(nn.Module):
        def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return nn.functional.cross_entropy(outputs, targets.clamp(min=0))

    loss = built(lambda module, task: AllImages(), tasks=("classes", "identity"))
    assert tried("losses", loss, "scalar").status == "failed"  # of identity: 6 outputs, 7 people
    loss = built(lambda module, task: AllImages(), tasks=("classes",))
    assert tried("losses", loss, "scalar").status == "ok"
    assert "for classes outputs without a known label get a gradient" in told(
        tried("losses", loss, "unknown_adds_nothing")
    )
