"""The attribute losses against a few lines written from their papers, and EFL's accumulators."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from loss_cases import TASKS, N, batch, build
from torch import Tensor, nn

RATES = TASKS["attributes"][1].prevalence
A = len(RATES)
Cost = Callable[[float, float, int], float]


def by_hand(logits: Tensor, targets: Tensor, reduction: str, cost: Cost) -> float:
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
    data = batch("attributes")
    module = build("bce", reduction=reduction)
    expected = by_hand(data.outputs, data.targets, reduction, lambda p, y, a: -math.log(p))
    assert module(data.outputs, data.targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [-1, 0.0, 0.25])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_focal(gamma: float, alpha: float, reduction: str) -> None:
    def cost(p: float, y: float, a: int) -> float:
        weight = 1.0 if alpha < 0 else (alpha if y else 1 - alpha)
        return -weight * (1 - p) ** gamma * math.log(p)

    data = batch("attributes")
    module = build("focal", gamma=gamma, alpha=alpha, reduction=reduction)
    expected = by_hand(data.outputs, data.targets, reduction, cost)
    assert module(data.outputs, data.targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [-1, 0.0, 0.25])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_equalized_focal_over_several_steps(alpha: float, reduction: str) -> None:
    """The value by Eqs. 5 to 7 with factors from the steps before; gradients by autograd."""
    gamma, scale = 1.5, 4.0
    options = {"gamma": gamma, "scale": scale, "alpha": alpha, "reduction": reduction}
    module = build("equalized_focal", **options)
    positive, negative, g = torch.zeros(A), torch.zeros(A), [1.0] * A
    for step in range(4):
        data = batch("attributes", step)
        logits, targets = data.outputs, data.targets

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
    assert min(g) < 0.9  # the factors did move
    assert (min(g) > 0) == (alpha != 0)  # at 0, positives weigh nothing


def test_equalized_focal_with_labels_of_one_side_or_none() -> None:
    module = build("equalized_focal")
    targets = torch.full((1, A), -1.0)
    targets[0, 0], targets[0, 1] = 1, 0
    module(torch.zeros(1, A, requires_grad=True), targets)
    assert module.balance.tolist() == [1.0, 0.0] + [1.0] * (A - 2)


def test_equalized_focal_starts_as_focal_and_rests_in_eval() -> None:
    data = batch("attributes")
    module, focal = build("equalized_focal"), build("focal", gamma=2.0)
    plain = focal(data.outputs, data.targets).item()
    module.eval()
    assert module(data.outputs, data.targets).item() == pytest.approx(plain)
    assert set(module.state_dict()) == {"positive_gradient", "negative_gradient", "balance"}
    assert not module.positive_gradient.any()
    module.train()
    module(data.outputs, data.targets)
    module.eval()
    assert module(data.outputs, data.targets).item() != pytest.approx(plain)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weighted_cross_entropy(sigma: float, reduction: str) -> None:
    def cost(p: float, y: float, a: int) -> float:
        rarity = 1 - RATES[a] if y else RATES[a]
        return -math.exp(rarity / sigma**2) * math.log(p)

    data = batch("attributes")
    module = build("weighted_bce", sigma=sigma, reduction=reduction)
    expected = by_hand(data.outputs, data.targets, reduction, cost)
    assert module(data.outputs, data.targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_moon_is_the_published_kernel(reduction: str) -> None:
    """The public re-implementation gives the gradient: twice the error times the weight."""
    data = batch("attributes")
    module = build("moon", reduction=reduction)
    module(data.outputs, data.targets).backward()
    divisor = int(data.known.sum()) if reduction == "mean" else N
    for n in range(N):
        for a, rate in enumerate(RATES):
            expected = 0.0
            label = 2 * data.targets[n, a].item() - 1
            if data.known[n, a]:
                weight = 1.0
                if label == 1 and rate > 0.5:
                    weight = (1 - rate) / rate
                elif label == -1 and rate < 0.5:
                    weight = rate / (1 - rate)
                expected = 2 * weight * (data.outputs[n, a].item() - label) / divisor
            assert data.outputs.grad[n, a].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("target", [0.2, 0.5, None])
def test_moon_brings_the_labels_to_the_target_share(target: float | None) -> None:
    module = build("moon", target_share=target)
    for rate, yes, no in zip(RATES, module.yes.tolist(), module.no.tolist(), strict=True):
        share = rate * yes / (rate * yes + (1 - rate) * no)
        assert share == pytest.approx(rate if target is None else target, rel=1e-5)
        assert max(yes, no) == 1


@pytest.mark.parametrize("logarithm", [True, False])
@pytest.mark.parametrize("share", ["batch", "train"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_adaptive_focal(logarithm: bool, share: str, reduction: str) -> None:
    gamma, beta = 1.5, 0.4
    data = batch("attributes")
    rates = list(RATES)
    if share == "batch":
        yes, no = (data.targets == 1).sum(0), (data.targets == 0).sum(0)
        rates = (yes / (yes + no)).tolist()

    def cost(p: float, y: float, a: int) -> float:
        # p is the probability of the right answer; the summary writes p of yes, 1 - p of no.
        weight = 1 - rates[a] if y else rates[a]
        focal = (1 - p) ** gamma * (-math.log(p) if logarithm else p)
        return (1 - p) ** 2 + beta * weight * focal

    options = {"gamma": gamma, "beta": beta, "share": share, "logarithm": logarithm}
    module = build("adaptive_focal", reduction=reduction, **options)
    expected = by_hand(data.outputs, data.targets, reduction, cost)
    assert module(data.outputs, data.targets).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bce", {}),
        ("focal", {}),
        ("focal", {"gamma": 0.0}),
        ("focal", {"gamma": 0.5}),
        ("equalized_focal", {}),
        ("equalized_focal", {"gamma": 0.5, "scale": 0.0}),
        ("weighted_bce", {}),
        ("adaptive_focal", {"share": "train"}),
        ("adaptive_focal", {"share": "train", "gamma": 0.0}),
        ("moon", {}),
    ],
)
def test_large_logits_stay_finite_with_their_gradients(
    name: str, options: dict[str, object]
) -> None:
    sizes = torch.tensor([0.0, 20.0, 90.0, 110.0, 1e4])
    module: nn.Module = build(name, **options)
    for _ in range(3):
        logits = torch.stack([sizes, -sizes, sizes, -sizes]).requires_grad_()
        targets = torch.tensor([[1.0], [1.0], [0.0], [-1.0]]).expand(4, 5)
        value = module(logits, targets)
        value.backward()
        assert logits.grad is not None
        assert value.dtype == torch.float32
        assert torch.isfinite(value)
        assert torch.isfinite(logits.grad).all()
        assert value > 100  # what is wrong by 1e4 costs a good part of it
        for buffer in module.state_dict().values():
            assert torch.isfinite(buffer).all()
