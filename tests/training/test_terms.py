"""The training loss of several tasks: which terms there are, and what reaches what."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_parts import celeba_problem
from torch import nn

from farbench import BinaryAttributes, Classes, Problem, Scalar, TrainStatistics, UserError
from farbench.tasks import DEFAULT_LOSSES
from farbench.training.terms import TrainingLoss, plan_terms
from farbench_losses import farbench_losses
from farbench_weightings import farbench_weightings

LOSSES = {loss.name: loss for loss in farbench_losses()}
WEIGHTINGS = {weighting.name: weighting for weighting in farbench_weightings()}
RACE, AGE = Classes("race", ("A", "B", "C")), Scalar("age", "years", 0, 100)
MIXED = Problem(
    (RACE, AGE),
    16,
    {
        "race": TrainStatistics(prevalence=(0.5, 0.3, 0.2)),
        "age": TrainStatistics(mean=(40.0,), std=(10.0,)),
    },
)


def usual(problem: Problem) -> dict[str, object]:
    return {task.name: LOSSES[DEFAULT_LOSSES[task.kind]]() for task in problem.tasks}


def outputs() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "race": torch.randn(4, 3, requires_grad=True),
        "age": torch.randn(4, 1, requires_grad=True),
    }


TARGETS = {"race": torch.tensor([0, 2, -1, 1], dtype=torch.int16),
           "age": torch.tensor([[0.5], [float("nan")], [1.0], [-1.0]])}  # fmt: skip


def test_each_task_is_trained_by_the_samples_that_carry_it() -> None:
    loss = TrainingLoss(MIXED, usual(MIXED), WEIGHTINGS["equal"](), 0)
    given = outputs()
    total, losses, weights = loss(given, TARGETS)
    race = nn.functional.cross_entropy(given["race"][[0, 1, 3]], torch.tensor([0, 2, 1]))
    age = (given["age"][[0, 2, 3], 0] - torch.tensor([0.5, 1.0, -1.0])).abs().mean()
    torch.testing.assert_close(total, race + age)
    torch.testing.assert_close(losses, torch.stack([race, age]).detach())
    assert weights.tolist() == [1, 1]
    total.backward()
    assert given["race"].grad is not None
    assert given["age"].grad is not None
    assert given["race"].grad.abs().sum(1).gt(0).tolist() == [True, True, False, True]
    assert given["age"].grad[:, 0].ne(0).tolist() == [True, False, True, True]
    assert not any(tensor.grad.isnan().any() for tensor in given.values())


def test_a_loss_that_returns_no_scalar_is_named() -> None:
    class OfEachImage(nn.Module):
        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return (outputs - targets).abs().sum(1)

    loss = TrainingLoss(MIXED, usual(MIXED), WEIGHTINGS["equal"](), 0)
    loss.modules_by_term[1] = OfEachImage()
    said = r"^loss 'l1' returned shape \(4,\), must be a scalar; try `farbench test-plugin l1`$"
    with pytest.raises(UserError, match=said):
        loss(outputs(), TARGETS)


def test_a_batch_without_a_task_adds_nothing_of_it() -> None:
    loss = TrainingLoss(MIXED, usual(MIXED), WEIGHTINGS["equal"](), 0)
    given = outputs()
    nobody = {**TARGETS, "race": torch.full((4,), -1, dtype=torch.int16)}
    total, losses, _ = loss(given, nobody)
    assert losses[0] == 0
    total.backward()
    assert given["race"].grad.eq(0).all()


def test_a_single_task_is_not_weighed() -> None:
    problem = Problem((RACE,), 16, MIXED.statistics)
    loss = TrainingLoss(problem, usual(problem), WEIGHTINGS["uncertainty"](), 0)
    assert loss.weighting is None
    total, losses, weights = loss({"race": outputs()["race"]}, TARGETS)
    assert total.item() == pytest.approx(losses.item())
    assert weights.tolist() == [1]


def test_the_groups_of_an_attribute_task_are_terms() -> None:
    rates = [0.02 * (i + 1) for i in range(40)]
    problem = celeba_problem(rates)
    weighting = WEIGHTINGS["equal"](over="groups", grouping="mgmtn")
    terms = plan_terms(problem, weighting)
    assert [term.name for term in terms][:3] == ["Mouth", "Ear", "Lower Face"]
    assert sorted(column for term in terms for column in term.columns) == list(range(40))
    for term in terms:
        assert term.statistics.prevalence == tuple(rates[column] for column in term.columns)
        names = [problem.attributes.attributes[column] for column in term.columns]
        assert list(term.task.attributes) == names
    loss = TrainingLoss(problem, {"attributes": LOSSES["bce"]()}, weighting, 0)
    torch.manual_seed(0)
    logits = torch.randn(5, 40)
    targets = torch.randint(-1, 2, (5, 40), dtype=torch.int8)
    _, losses, _ = loss({"attributes": logits}, {"attributes": targets})
    module = LOSSES["bce"]().build(problem.attributes, problem.statistics["attributes"])
    for term, value in zip(terms, losses, strict=True):
        columns = list(term.columns)
        torch.testing.assert_close(value, module(logits[:, columns], targets[:, columns].float()))


def test_two_attribute_tasks_have_groups_of_their_own() -> None:
    problem = celeba_problem()
    few = BinaryAttributes("few", ("Bald", "Smiling", "Eyeglasses"))
    problem = replace(
        problem,
        tasks=(*problem.tasks, few),
        statistics={**problem.statistics, "few": TrainStatistics((0.1, 0.2, 0.3))},
    )
    terms = plan_terms(problem, WEIGHTINGS["equal"](over="groups", grouping="mgmtn"))
    own = {term.name: term.columns for term in terms if term.task.name == "few"}
    assert own == {"few.Eyes": (2,), "few.Hair": (0,), "few.Object": (1,)}
    assert len({term.name for term in terms}) == len(terms) == 8 + 3


def test_a_weighting_that_needs_features_says_so() -> None:
    with pytest.raises(UserError, match=r"'dynamic' looks at the features.*offers none"):
        TrainingLoss(MIXED, usual(MIXED), WEIGHTINGS["dynamic"](), 0)
    assert TrainingLoss(MIXED, usual(MIXED), WEIGHTINGS["dynamic"](), 8).weighting is not None
