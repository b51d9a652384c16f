"""Grouped heads against a loop of Linear layers, and the prior that they start at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_parts import COLOUR_TASK, colour_problem
from torch import Tensor, nn

from farbench import (
    Classes,
    Identity,
    Landmarks,
    Problem,
    Scalar,
    TrainStatistics,
)
from farbench.nn.heads import GroupedHeads, TaskHeads, start_at_prior
from farbench.plugins.grouping import Group

GROUPS = (Group("a", (2,), None), Group("b", (3, 0), None), Group("c", (1,), None))


def loop(heads: GroupedHeads, features: Tensor) -> Tensor:
    """One pair of Linear layers a group, as the paper draws it."""
    out = torch.full((len(features), 4), float("nan"))
    for number, group in enumerate(GROUPS):
        first = nn.Linear(features.shape[-1], heads.weight.shape[1])
        first.weight.data = heads.reduce_weight[number].T
        first.bias.data = heads.reduce_bias[number, 0]
        own = features if features.ndim == 2 else features[:, number]
        hidden = torch.relu(first(own))
        for column in group.columns:
            out[:, column] = hidden @ heads.weight[column] + heads.bias[column]
    return out


def make(**changes: object) -> GroupedHeads:
    torch.manual_seed(0)
    problem = colour_problem(start_at_prior=False, **changes)
    return GroupedHeads(6, GROUPS, problem, hidden=5, dropout=0.5).eval()


@pytest.mark.parametrize("shape", [(7, 6), (7, 3, 6)])
def test_all_groups_at_once_equal_one_after_the_other(shape: tuple[int, ...]) -> None:
    heads = make()
    features = torch.randn(shape)
    logits = heads(features)
    assert logits.shape == (7, 4)
    torch.testing.assert_close(logits, loop(heads, features))


def test_groups_share_no_parameter() -> None:
    heads = make()
    features = torch.randn(7, 3, 6, requires_grad=True)
    heads(features)[:, 2].sum().backward()
    assert features.grad is not None
    assert heads.reduce_weight.grad is not None
    assert heads.weight.grad is not None
    assert features.grad[:, 0].any()
    assert not features.grad[:, 1:].any()
    assert not heads.reduce_weight.grad[1:].any()
    assert not heads.weight.grad[[0, 1, 3]].any()


def test_dropout_lies_between_the_layers() -> None:
    heads = make().train()
    features = torch.randn(1, 6).expand(4000, 6)
    noisy = heads(features)
    assert noisy.std(0).min() > 0
    torch.testing.assert_close(noisy.mean(0), heads.eval()(features)[0], atol=0.03, rtol=0)
    with torch.no_grad():
        heads.train().weight.zero_()
    assert torch.equal(heads(features), heads.bias.expand(4000, 4))


def test_the_start_is_that_of_linear_layers() -> None:
    torch.manual_seed(0)
    heads = GroupedHeads(256, GROUPS, colour_problem(start_at_prior=False), hidden=512, dropout=0.0)
    for tensor, fan_in in (
        (heads.reduce_weight, 256),
        (heads.reduce_bias, 256),
        (heads.weight, 512),
    ):
        assert tensor.abs().max().item() == pytest.approx(fan_in**-0.5, rel=0.01)
        assert tensor.std().item() == pytest.approx((3 * fan_in) ** -0.5, rel=0.05)


def test_untrained_outputs_are_near_the_prevalence() -> None:
    torch.manual_seed(0)
    problem = colour_problem(rates=(0.5, 0.02, 0.3, 0.0))
    heads = GroupedHeads(64, GROUPS, problem, hidden=32, dropout=0.5)
    share = torch.sigmoid(heads(torch.relu(torch.randn(500, 64)))).mean(0)
    expected = np.array([0.5, 0.02, 0.3, 0.001])  # an attribute never seen is not impossible
    assert share.detach().numpy() == pytest.approx(expected, rel=0.1)
    plain = colour_problem(rates=(0.5, 0.02, 0.3, 0.0), start_at_prior=False)
    heads = GroupedHeads(64, GROUPS, plain, hidden=32, dropout=0.5)
    share = torch.sigmoid(heads(torch.relu(torch.randn(500, 64)))).mean(0)
    assert share.min() > 0.3


def test_the_prior_shrinks_weights() -> None:
    layer = nn.Linear(5, 4)
    before = layer.weight.detach().clone()
    start_at_prior(layer.weight, layer.bias, colour_problem(), COLOUR_TASK)
    torch.testing.assert_close(layer.weight.detach(), before * 0.1)
    torch.testing.assert_close(
        torch.sigmoid(layer.bias.detach()), torch.tensor([0.5, 0.3, 0.1, 0.7])
    )


def test_a_head_a_task_starts_at_each_tasks_own_prior() -> None:
    torch.manual_seed(0)
    tasks = (
        COLOUR_TASK,
        Classes("race", ("A", "B", "C")),
        Scalar("age", "years", 0, 100),
        Landmarks("points", "two", 2, (1, 0), ((0,), (1,))),
        Identity("who", embedding=6),
    )
    statistics = {
        "colours": TrainStatistics(prevalence=(0.5, 0.3, 0.1, 0.7)),
        "race": TrainStatistics(prevalence=(0.7, 0.2, 0.1)),
        "age": TrainStatistics(mean=(31.0,), std=(12.0,)),
        "points": TrainStatistics(mean=(0.3, 0.4, 0.7, 0.4)),
        "who": TrainStatistics(identities=9),
    }
    problem = Problem(tasks, 16, statistics)
    heads = TaskHeads(8, problem, tasks, hidden=16, dropout=0.2).eval()
    outputs = heads(torch.zeros(3, 8))
    assert {name: tuple(out.shape) for name, out in outputs.items()} == {
        "colours": (3, 4), "race": (3, 3), "age": (3, 1), "points": (3, 4), "who": (3, 6),
    }  # fmt: skip
    share = torch.softmax(outputs["race"][0], 0).tolist()
    assert share == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    assert outputs["points"][0].tolist() == pytest.approx([0.3, 0.4, 0.7, 0.4], abs=0.05)
    assert outputs["age"].abs().max() < 0.05
    # An embedding has no prior: its weights are not shrunk.
    assert heads["who"][-1].weight.std() > 5 * heads["age"][-1].weight.std()
    linear = TaskHeads(8, problem, tasks[:1], hidden=0, dropout=0.0)
    assert [type(layer).__name__ for layer in linear["colours"]] == ["Dropout", "Linear"]
