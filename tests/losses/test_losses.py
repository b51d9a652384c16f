"""The losses against a few lines written from their papers, and EFL's accumulators."""

from __future__ import annotations

import math

import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from torch import Tensor, nn

from farbench_losses import farbench_losses

LOSSES = {loss.name: loss for loss in farbench_losses()}
N, A = 6, 5


def data(seed: int = 0, unknown: bool = True) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(N, A, generator=generator) * 2
    targets = (torch.rand(N, A, generator=generator) < 0.3).float()
    if unknown:
        targets[torch.rand(N, A, generator=generator) < 0.2] = -1
    return logits.requires_grad_(), targets


def by_hand(logits: Tensor, targets: Tensor, reduction: str, cost) -> float:
    """Sum ``cost(p_t, y, column)`` over known labels, number by number."""
    total, known = 0.0, 0
    for n in range(len(logits)):
        for a in range(logits.shape[1]):
            y = targets[n, a].item()
            if y >= 0:
                p = 1 / (1 + math.exp(-logits[n, a].item()))
                total += cost(p if y else 1 - p, y, a)
                known += 1
    return total / known if reduction == "mean" else total / len(logits)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cross_entropy(reduction: str) -> None:
    logits, targets = data()
    module = LOSSES["bce"](reduction=reduction).build(A)
    expected = by_hand(logits, targets, reduction, lambda p, y, a: -math.log(p))
    assert module(logits, targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [-1, 0.25])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_focal(gamma: float, alpha: float, reduction: str) -> None:
    def cost(p: float, y: float, a: int) -> float:
        weight = 1.0 if alpha < 0 else (alpha if y else 1 - alpha)
        return -weight * (1 - p) ** gamma * math.log(p)

    logits, targets = data()
    module = LOSSES["focal"](gamma=gamma, alpha=alpha, reduction=reduction).build(A)
    expected = by_hand(logits, targets, reduction, cost)
    assert module(logits, targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [-1, 0.25])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_equalized_focal_over_several_steps(alpha: float, reduction: str) -> None:
    """The value by Eqs. 5 to 7 with factors from the steps before; gradients by autograd."""
    gamma, scale = 1.5, 4.0
    module = LOSSES["equalized_focal"](
        gamma=gamma, scale=scale, alpha=alpha, reduction=reduction
    ).build(A)
    positive, negative, g = torch.zeros(A), torch.zeros(A), [1.0] * A
    for step in range(4):
        logits, targets = data(step)

        def cost(p: float, y: float, a: int) -> float:
            focus = gamma + scale * (1 - g[a])  # noqa: B023 - called within the loop
            weight = 1.0 if alpha < 0 else (alpha if y else 1 - alpha)
            return -focus / gamma * weight * (1 - p) ** focus * math.log(p)

        value = module(logits, targets)
        assert value.item() == pytest.approx(by_hand(logits, targets, reduction, cost), rel=1e-5)
        value.backward()
        assert logits.grad is not None
        # The module leaves out the factor that all logits of a batch share.
        size = logits.grad.abs() * (N if reduction == "sum" else (targets >= 0).sum())
        positive += (size * (targets == 1)).sum(0)
        negative += (size * (targets == 0)).sum(0)
        torch.testing.assert_close(module.positive_gradient, positive, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(module.negative_gradient, negative, rtol=1e-4, atol=1e-5)
        g = (positive / (negative + 1e-10)).clamp(0, 1).tolist()
        assert module.balance.tolist() == pytest.approx(g, rel=1e-4)
    assert 0 < min(g) < 0.9  # the factors did move


def test_equalized_focal_starts_as_focal_and_rests_in_eval() -> None:
    logits, targets = data()
    module = LOSSES["equalized_focal"]().build(A)
    focal = LOSSES["focal"](gamma=2.0).build(A)
    module.eval()
    assert module(logits, targets).item() == pytest.approx(focal(logits, targets).item())
    assert not module.positive_gradient.any()
    module.train()
    module(logits, targets)
    learnt = {key: value.clone() for key, value in module.state_dict().items()}
    assert set(learnt) == {"positive_gradient", "negative_gradient", "balance"}
    module.eval()
    first = module(logits, targets)
    assert first.item() != pytest.approx(focal(logits, targets).item())
    assert all(torch.equal(module.state_dict()[key], value) for key, value in learnt.items())
    other = LOSSES["equalized_focal"]().build(A)
    other.load_state_dict(learnt)
    assert other.eval()(logits, targets).item() == first.item()


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_labels_add_nothing(name: str) -> None:
    logits, targets = data(unknown=False)
    targets[2:, 1] = -1
    targets[:, 3] = -1
    other = logits.detach().clone()
    other[targets < 0] = torch.randn(N, A)[targets < 0] * 100
    one, two = LOSSES[name]().build(A), LOSSES[name]().build(A)
    for _ in range(2):
        value = one(logits, targets)
        assert value.item() == two(other, targets).item()
    value.backward()
    assert logits.grad is not None
    assert not logits.grad[targets < 0].any()
    assert logits.grad[targets >= 0].all()
    for key, buffer in one.state_dict().items():
        assert torch.equal(buffer, two.state_dict()[key])
    nothing = one(logits, torch.full((N, A), -1.0))
    assert nothing.item() == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bce", {}),
        ("focal", {}),
        ("focal", {"gamma": 0.0}),
        ("focal", {"gamma": 0.5}),
        ("equalized_focal", {}),
        ("equalized_focal", {"gamma": 0.5, "scale": 0.0}),
    ],
)
def test_large_logits_stay_finite_with_their_gradients(
    name: str, options: dict[str, float]
) -> None:
    sizes = torch.tensor([0.0, 20.0, 90.0, 110.0, 1e4])
    module: nn.Module = LOSSES[name](**options).build(5)
    for _ in range(3):
        logits = torch.stack([sizes, -sizes, sizes, -sizes]).requires_grad_()
        targets = torch.tensor([[1.0], [1.0], [0.0], [-1.0]]).expand(4, 5)
        value = module(logits, targets)
        value.backward()
        assert logits.grad is not None
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()
        assert value > 1000  # what is wrong by 1e4 costs about as much
        for buffer in module.state_dict().values():
            assert torch.isfinite(buffer).all()


@pytest.mark.parametrize("name", LOSSES)
def test_options_are_explained_and_learning_lowers_the_loss(name: str) -> None:
    for key, field in LOSSES[name].model_fields.items():
        assert field.description, f"{name}.{key}"
    assert LOSSES[name].source
    logits = torch.zeros(40, A, requires_grad=True)
    targets = (torch.rand(40, A, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    module = LOSSES[name]().build(A)
    first = module(logits, targets).item()
    for _ in range(60):
        (gradient,) = torch.autograd.grad(module(logits, targets), logits)
        with torch.no_grad():
            logits -= 10 * gradient
    assert module(logits, targets).item() < 0.5 * first
    assert ((logits > 0) == (targets > 0)).float().mean() > 0.95
