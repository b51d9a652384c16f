"""What every task weighting owes the core, and each one against its formula."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from torch import Tensor, nn

from farbench import UserError
from farbench_weightings import farbench_weightings

WEIGHTINGS = {weighting.name: weighting for weighting in farbench_weightings()}
TERMS = ("age", "gender", "race")
T, N, D = len(TERMS), 5, 7


def build(name: str, seed: int = 0, terms: tuple[str, ...] = TERMS, **options: object) -> nn.Module:
    torch.manual_seed(seed)
    return WEIGHTINGS[name](**options).build(terms, D)


def step(seed: int) -> tuple[Tensor, Tensor]:
    """Losses that fall, the first one slowest, and features; both take gradients."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.tensor([1.0, 0.5, 2.0]) * torch.tensor([0.99, 0.9, 0.8]) ** seed
    losses = start * (1 + 0.1 * torch.rand(T, generator=generator))
    features = torch.rand(N, D, generator=generator) * 10
    return losses.requires_grad_(), features.requires_grad_()


def train(name: str, steps: int, **options: object) -> tuple[list[float], nn.Module]:
    """Train the module's own parameters for some epochs of five steps; return all numbers."""
    weighting = WEIGHTINGS[name](**options)
    module = build(name, **options)
    own = list(module.parameters())
    optimizer = torch.optim.Adam(own, lr=weighting.learning_rate(1e-3)) if own else None
    numbers: list[float] = []
    for seed in range(steps):
        losses, features = step(seed)
        total, weights = module(losses, features)
        total.backward()
        if optimizer is not None:
            optimizer.step()
            optimizer.zero_grad()
        numbers += [total.item(), *weights.tolist(), *losses.grad.tolist()]
        numbers += features.grad.ravel().tolist() if features.grad is not None else []
        if seed % 5 == 4 and hasattr(module, "epoch_ended"):
            module.epoch_ended(losses.detach().double())
    return numbers, module


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_the_scalar_is_the_weighted_sum_for_the_network(name: str) -> None:
    module = build(name)
    for seed in range(3):
        losses, features = step(seed)
        total, weights = module(losses, features)
        assert total.shape == ()
        assert weights.shape == (T,)
        assert not weights.requires_grad
        total.backward()
        torch.testing.assert_close(losses.grad, weights)
        assert features.grad is None or not features.grad.any()


@pytest.mark.parametrize("name", [n for n in WEIGHTINGS if n not in ("uncertainty", "fixed")])
def test_weights_sum_to_the_number_of_terms(name: str) -> None:
    _, module = train(name, 30)
    assert module(*step(30))[1].sum().item() == pytest.approx(T, rel=1e-5)
    single = build(name, terms=("age",))
    _, weights = single(torch.tensor([0.3]), torch.rand(N, D))
    assert weights.item() == pytest.approx(1)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_state_survives_a_restart(name: str) -> None:
    _, one = train(name, 12)
    two = build(name, seed=1)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for module in (one, two):
        if hasattr(module, "epoch_ended"):
            module.epoch_ended(torch.tensor([0.9, 0.3, 0.6]))
    for seed in range(12, 15):
        results = []
        for module in (one, two):
            torch.manual_seed(seed)
            results.append(module(*step(seed)))
        assert results[0][0].item() == results[1][0].item()
        assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_term_without_labels_leaves_the_rest_alone(name: str) -> None:
    """Its loss is 0. The other terms' weights keep their proportions, no parameter or state runs
    away, and a batch without any label costs nothing."""
    one, two = build(name), build(name)
    with torch.no_grad():
        for module in (one, two):
            torch.manual_seed(0)
            module(*step(0))
    losses, features = step(1)
    torch.manual_seed(1)
    whole = one(losses, features)[1]
    torch.manual_seed(1)
    total, weights = two((losses * torch.tensor([1.0, 0.0, 1.0])), features)
    total.backward()
    assert torch.isfinite(total)
    # Roughly for dynamic weights: their softmax is taken image by image.
    assert (weights[0] / weights[2]).item() == pytest.approx((whole[0] / whole[2]).item(), rel=0.01)
    for parameter in two.parameters():
        if parameter.shape[0] == T:
            assert not parameter.grad[1].any()
            assert parameter.grad[[0, 2]].any()
    nothing, _ = build(name)(torch.zeros(T), features)
    if name != "dynamic":  # which adds its own loss: constant here
        assert nothing.item() == 0
    for value in two.state_dict().values():
        assert torch.isfinite(value).all()


def test_equal_is_the_sum() -> None:
    losses, _ = step(0)
    total, weights = build("equal")(losses)
    assert total.item() == losses.sum().item()
    assert weights.tolist() == [1, 1, 1]
    assert not build("equal").state_dict()  # what is constant is in no checkpoint


def test_fixed_weights_by_name() -> None:
    losses, _ = step(0)
    total, weights = build("fixed", weights={"race": 0.25, "age": 0})(losses)
    assert weights.tolist() == [0, 1, 0.25]
    assert total.item() == pytest.approx((losses[1] + losses[2] / 4).item())
    with pytest.raises(UserError, match=r"weighting 'fixed': unknown task 'agee'. Did you mean"):
        build("fixed", weights={"agee": 2})
    with pytest.raises(UserError, match="unknown group 'ears'"):
        build("fixed", weights={"ears": 2}, over="groups")
    for wrong in (-1, math.inf, math.nan):
        with pytest.raises(ValueError, match="weights"):
            WEIGHTINGS["fixed"](weights={"age": wrong})


@pytest.mark.parametrize("penalty", [0.5, 1.0])
def test_uncertainty(penalty: float) -> None:
    module = build("uncertainty", penalty=penalty, start=0.4)
    losses, _ = step(0)
    total, weights = module(losses)
    total.backward()
    values, weight = losses.detach().numpy(), math.exp(-0.4)
    assert total.item() == pytest.approx((weight * values + penalty * 0.4).sum(), rel=1e-5)
    assert weights.tolist() == pytest.approx([weight] * T)
    gradient = module.log_variances.grad.numpy()
    np.testing.assert_allclose(gradient, penalty - weight * values, rtol=1e-5)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(500):
        total, weights = module(losses.detach())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    np.testing.assert_allclose(weights.numpy(), penalty / values, rtol=1e-3)


def test_learning_rates_are_the_weightings_own() -> None:
    assert WEIGHTINGS["uncertainty"](own_learning_rate=0.3).learning_rate(1e-4) == 0.3
    assert WEIGHTINGS["dynamic"](own_learning_rate=0.3).learning_rate(1e-4) == 0.3


def test_dwa_by_hand() -> None:
    module = build("dwa", temperature=0.5)
    epochs = [(1.0, 2.0, 4.0), (0.9, 1.0, 4.0), (0.9, 0.5, 2.0)]
    for epoch, mean in enumerate(epochs):
        _, weights = module(torch.ones(T))
        if epoch < 2:
            assert weights.tolist() == [1, 1, 1]
        module.epoch_ended(torch.tensor(mean))
        if epoch > 0:
            ratios = [new / old for new, old in zip(mean, epochs[epoch - 1], strict=True)]
            powers = [math.exp(ratio / 0.5) for ratio in ratios]
            expected = [T * power / sum(powers) for power in powers]
            losses = torch.tensor([0.3, 0.2, 0.1])
            total, weights = module(losses)
            assert weights.tolist() == pytest.approx(expected, rel=1e-5)
            assert total.item() == pytest.approx((torch.tensor(expected) * losses).sum().item())


def test_dwa_takes_a_task_without_labels_for_one_that_stands_still() -> None:
    module = build("dwa")
    module.epoch_ended(torch.tensor([1.0, 0.0, 1.0]))
    module.epoch_ended(torch.tensor([1.0, 0.5, 0.0]))
    assert module(torch.ones(T))[1].tolist() == pytest.approx([1, 1, 1])


def test_random_weights_are_new_in_every_step_and_follow_the_seed() -> None:
    module = build("random_loss_weighting")
    losses, _ = step(0)
    draws = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        draws.append(torch.stack([module(losses)[1] for _ in range(400)]))
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])
    assert len(draws[0].unique(dim=0)) == 400
    assert (draws[0] > 0).all()
    torch.manual_seed(1)
    expected = T * torch.softmax(torch.randn(T), 0)
    torch.testing.assert_close(draws[0][0], expected)
    module.eval()
    assert module(losses)[1].tolist() == [1, 1, 1]
