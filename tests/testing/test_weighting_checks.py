"""Each line of a weighting's contract fails on one that breaks it, and says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from broken import told, tried
from good_networks import LearnedWeights
from good_plugins import GoodWeighting
from pydantic import Field
from torch import Tensor, nn

from farbench import TaskWeighting
from farbench.testing.catalogue import checks_of

Module = Callable[[int, float], object]


def made(module: Module, rate: float = 0.1) -> type[TaskWeighting]:
    """Return the good weighting with another module and learning rate."""

    class Made(GoodWeighting):
        """Broken."""

        def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
            return module(len(terms), self.penalty)  # type: ignore[return-value]

        def learning_rate(self, learning_rate: float) -> float:
            return rate * learning_rate

    return Made


class Attached(LearnedWeights):
    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        return super().forward(losses, features)[0], torch.exp(-self.scores)


class Halved(LearnedWeights):
    """Says weights that are half of what it weighs by."""

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        total, weights = super().forward(losses, features)
        return total, weights / 2


class Frozen(LearnedWeights):
    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        weights = torch.exp(-self.scores).detach()
        return (weights * losses).sum(), weights


class Ratio(LearnedWeights):
    """Divides by the losses."""

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        weights = (losses.sum() / losses).detach()
        return (weights * losses).sum() + self.scores.sum(), weights


class NoBuffer(nn.Module):
    """Counts steps in a plain attribute."""

    def __init__(self, terms: int, penalty: float) -> None:
        super().__init__()
        self.steps, self.penalty = 0, penalty

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        self.steps += 1
        weights = torch.full_like(losses, self.penalty / self.steps)
        return (weights * losses).sum(), weights


_steps = 0


class Global(nn.Module):
    """Counts steps in a global."""

    def __init__(self, terms: int, penalty: float) -> None:
        super().__init__()

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        global _steps
        _steps += 1
        weights = torch.full_like(losses, 1 / _steps)
        return (weights * losses).sum(), weights


class Vector(LearnedWeights):
    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        return losses, torch.ones_like(losses)


class Endless(LearnedWeights):
    """Weighs by what has no end."""

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        total, weights = super().forward(losses, features)
        return total, weights / 0


class Alone(LearnedWeights):
    def forward(self, losses: Tensor, features: Tensor | None) -> Tensor:  # type: ignore[override]
        return losses.sum()


class LooksAtFeatures(LearnedWeights):
    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        assert features is not None
        return super().forward(losses * features.mean(), features)


class Sorts(LearnedWeights):
    """Looks which loss is the largest."""

    def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        return super().forward(losses.roll(int(losses.argmax())), features)


class AverageOfAnEpoch(LearnedWeights):
    """Divides by the mean losses of an epoch."""

    def epoch_ended(self, mean_losses: Tensor) -> None:
        self.last.copy_(1 / mean_losses)


class UnusedOption(GoodWeighting):
    """Has an option that nobody reads."""

    gamma: float = Field(2.0, description="Nothing.")


BROKEN: list[tuple[str, type[TaskWeighting], str]] = [
    ("scalar_and_weights", made(lambda *_: max), "build gives builtin_function"),
    ("scalar_and_weights", made(Vector), r"scalar have the shape \(3,\), not \(\)"),
    ("scalar_and_weights", made(Alone), "returns Tensor, not a scalar and weights"),
    ("scalar_and_weights", made(Endless), r"the weights are \[inf, inf, inf\]"),
    ("scalar_and_weights", made(LooksAtFeatures), "AssertionError.*needs_features: ClassVar"),
    ("weights_are_detached", made(Attached), "require a gradient -> Return weights.detach"),
    ("weights_are_true", made(Halved), r"gradient of the losses is \[1.0.*weights say \[0.5"),
    ("own_parameters_learn", made(Frozen), "RuntimeError|scores gets no gradient"),
    ("absent_terms", made(Ratio), "or a gradient is not finite.*Add an epsilon"),
    ("absent_terms", made(AverageOfAnEpoch), "after an epoch without labels"),
    ("state_survives_saving", made(NoBuffer), "after a restart.*register_buffer"),
    ("same_seed_same_result", made(Global), "go different ways"),
    ("learning_rate", made(LearnedWeights, 0.0), r"learning_rate\(0.001\) gives 0.0"),
    ("options_change_something", UnusedOption, "nothing changes with gamma"),
    ("never_waits", made(Sorts), "a value is read back from the device"),
]


@pytest.mark.parametrize(
    ("check", "weighting", "words"),
    BROKEN,
    ids=[f"{check}{n}" for n, (check, _, _) in enumerate(BROKEN)],
)
def test_a_broken_weighting_fails_at_its_line(
    check: str, weighting: type[TaskWeighting], words: str
) -> None:
    assert re.search(words, told(tried("weightings", weighting, check)), re.DOTALL)


def test_every_line_of_its_own_has_a_weighting_that_breaks_it() -> None:
    shared = {"documented", "options_round_trip", "light_import"}
    expected = {check.name for check in checks_of("weightings")} - shared - {"moves_to_the_device"}
    assert {check for check, _, _ in BROKEN} == expected


def test_features_are_offered_where_they_are_needed() -> None:
    class Declared(made(LooksAtFeatures)):
        """Says so."""

        needs_features: ClassVar[bool] = True

    assert tried("weightings", Declared, "scalar_and_weights").status == "ok"
