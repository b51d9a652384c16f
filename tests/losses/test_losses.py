"""What every loss owes the core: unknown labels add nothing, state survives a restart."""

from __future__ import annotations

import copy

import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from loss_cases import EVERY, LOSSES, TASKS, batch, build
from torch import Tensor

from farbench import TrainStatistics


def empty_like(targets: Tensor) -> Tensor:
    return torch.full_like(targets, float("nan") if targets.isnan().any() else -1)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_unknown_labels_add_nothing(name: str, kind: str) -> None:
    one, two = build(name, kind), build(name, kind)
    for seed in range(2):  # the second time with what state the first one left
        data = batch(kind, seed)
        other = data.outputs.detach().clone()
        unknown = ~data.known if data.known.dim() == 2 else ~data.known[:, None]
        other[unknown.expand_as(other)] = 77.0
        value = one(data.outputs, data.targets)
        assert value.item() == two(other, data.targets).item()
        value.backward()
        gradient = data.outputs.grad
        assert gradient is not None
        assert torch.isfinite(gradient).all()
        assert not gradient[unknown.expand_as(gradient)].any()
        assert gradient[~unknown.expand_as(gradient)].all()
    for key, state in one.state_dict().items():
        assert torch.equal(state, two.state_dict()[key])


@pytest.mark.parametrize(("name", "kind"), [e for e in EVERY if e[1] != "attributes"])
def test_a_batch_is_worth_what_its_known_labels_are_worth(name: str, kind: str) -> None:
    """Value, gradients and state are those of the batch without the unlabelled images."""
    data = batch(kind)
    whole = data.known if data.known.dim() == 1 else data.known.all(1)
    targets = data.targets.clone()
    targets[~whole] = empty_like(data.targets)[~whole]
    full, part = build(name, kind), build(name, kind)
    few = data.outputs.detach()[whole].requires_grad_()
    value, expected = full(data.outputs, targets), part(few, targets[whole])
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(data.outputs.grad[whole], few.grad)
    for key, state in full.state_dict().items():
        torch.testing.assert_close(state, part.state_dict()[key])
    for mine, other in zip(full.parameters(), part.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_a_batch_without_labels_costs_nothing(name: str, kind: str) -> None:
    data, module = batch(kind), build(name, kind)
    before = copy.deepcopy(module.state_dict())
    value = module(data.outputs, empty_like(data.targets))
    assert value.item() == 0
    value.backward()
    assert data.outputs.grad is not None
    assert not data.outputs.grad.any()
    for key, state in module.state_dict().items():
        assert torch.equal(state, before[key])


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_state_survives_a_restart(name: str, kind: str) -> None:
    one, two = build(name, kind), build(name, kind, seed=1)
    for seed in range(3):
        data = batch(kind, seed)
        one(data.outputs, data.targets)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for seed in range(3, 6):
        data = batch(kind, seed)
        value = one(data.outputs, data.targets)
        assert value.item() == two(data.outputs, data.targets).item()


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_evaluating_changes_no_state(name: str, kind: str) -> None:
    data, module = batch(kind), build(name, kind)
    module(data.outputs, data.targets)
    before = copy.deepcopy(module.state_dict())
    module.eval()
    module(data.outputs, data.targets)
    for key, state in module.state_dict().items():
        assert torch.equal(state, before[key])


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_learning_lowers_the_loss(name: str, kind: str) -> None:
    data, module = batch(kind, unknown=0), build(name, kind)
    trained = [data.outputs, *module.parameters()]
    optimizer = torch.optim.Adam(trained, lr=0.05)
    values = []
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 300)
        value = module(data.outputs, data.targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.2 * values[0]
    if kind == "attributes":  # an output above 0 is yes, whatever the loss
        assert ((data.outputs > 0) == (data.targets > 0)).all()
    if kind == "classes":
        assert (data.outputs.argmax(1) == data.targets).all()


@pytest.mark.parametrize(
    "name", [name for name, loss in LOSSES.items() if "attributes" in loss.tasks]
)
def test_a_group_of_attributes_is_a_task_of_its_own(name: str) -> None:
    """Built for some columns, a loss is what the whole one is with the other columns unknown."""
    task, statistics = TASKS["attributes"]
    columns = [1, 4]
    group = type(task)("traits", tuple(task.attributes[i] for i in columns))
    rates = TrainStatistics(prevalence=tuple(statistics.prevalence[i] for i in columns))
    part, whole = LOSSES[name]().build(group, rates), build(name)
    for seed in range(2):
        data = batch("attributes", seed)
        others = [i for i in range(task.outputs) if i not in columns]
        hidden = data.targets.clone()
        hidden[:, others] = -1
        torch.testing.assert_close(
            part(data.outputs[:, columns], data.targets[:, columns]), whole(data.outputs, hidden)
        )
