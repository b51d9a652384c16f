"""What stays on the CPU is found; torch's device without values stands in for a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from broken import told, tried
from good_networks import LearnedWeights, SquaredModule
from good_plugins import Good, GoodLoss, GoodWeighting
from torch import Tensor, nn

from farbench import Problem, Task, TrainStatistics
from farbench.testing.no_waiting import META


class LossOnTheCpu(GoodLoss):
    """Makes its result where nobody looks."""

    def build(self, task: Task, statistics: TrainStatistics) -> nn.Module:
        class Module(SquaredModule):
            def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
                super().forward(outputs, targets)
                return torch.zeros((), device="cpu")

        return Module(2.0)


class WeightsOnTheCpu(GoodWeighting):
    """Says its weights on the CPU."""

    def build(self, terms: tuple[str, ...], feature_size: int) -> nn.Module:
        class Module(LearnedWeights):
            def forward(self, losses: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
                total, weights = super().forward(losses, features)
                return total, torch.zeros(weights.shape, device="cpu")

        return Module(len(terms), self.penalty)


class StaysWhereItIs(Good):
    """Cannot be moved."""

    def build(self, problem: Problem) -> nn.Module:
        network = super().build(problem)
        network.to = lambda *_, **more: network
        return network


@pytest.mark.parametrize(
    ("kind", "room", "plugin", "words"),
    [
        ("losses", "loss_state", LossOnTheCpu, "the loss is on cpu -> Register weights as buffer"),
        ("weightings", "weighting_checks", WeightsOnTheCpu, "the weights on cpu -> Register"),
        ("methods", "method_device", StaysWhereItIs, "trunk.0.weight stays on cpu -> Register"),
    ],
)
def test_what_stays_behind_is_told(
    kind: str, room: str, plugin: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"farbench.testing.{room}.cuda_device", lambda: META)
    assert words in told(tried(kind, plugin, "moves_to_the_device"))


def test_what_moves_as_a_whole_is_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farbench.testing.weighting_checks.cuda_device", lambda: META)
    assert tried("weightings", GoodWeighting, "moves_to_the_device").status == "ok"
