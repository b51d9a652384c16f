"""Weights from how far each loss has come: the rule by hand, and what sets it apart from DWA."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from numpy.typing import NDArray
from torch import nn

from farbench_weightings.dwa import DynamicWeightAverage
from farbench_weightings.dynamic_convergence import DynamicConvergence


def build(terms: int = 3, **options: object) -> nn.Module:
    return DynamicConvergence(**options).build(("a", "b", "c")[:terms], 0)


def by_hand(
    history: NDArray[np.float64], alpha: float, decay: float, start_steps: int, balance: bool
) -> NDArray[np.float64]:
    """Return the weights after these losses (steps, T); 0 is a step without labels."""
    left, start = [], []
    for losses in history.T:
        present = losses[losses > 0]
        first = present[:start_steps].mean()
        average = first
        for loss in present[start_steps:]:
            average = decay * average + (1 - decay) * loss
        left.append(average / first)
        start.append(first)
    weights = np.array(left) ** alpha
    if balance:
        weights /= np.array(start)
    return len(weights) * weights / weights.sum()


@pytest.mark.parametrize("balance", [True, False])
@pytest.mark.parametrize(("alpha", "decay", "start_steps"), [(1.0, 0.9, 4), (1.5, 0.5, 1)])
def test_weights_by_hand(alpha: float, decay: float, start_steps: int, balance: bool) -> None:
    rng = np.random.default_rng(0)
    history = rng.uniform(0.2, 1, (20, 3)) * [1.0, 3.0, 0.1]
    history[3:9, 1] = 0  # no labels
    module = build(alpha=alpha, decay=decay, start_steps=start_steps, balance=balance)
    for count in range(1, len(history) + 1):
        losses = torch.tensor(history[count - 1], dtype=torch.float32)
        total, weights = module(losses)
        expected = by_hand(history[:count], alpha, decay, start_steps, balance)
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-4)
        assert total.item() == pytest.approx((expected * history[count - 1]).sum(), rel=1e-4)


def test_a_task_that_lags_keeps_its_weight_while_dwa_evens_out() -> None:
    """Both losses start at 1 and fall, one to 0.8, the other to 0.2, and then stand still."""
    module = build(2)
    dwa = DynamicWeightAverage().build(("a", "b"), 0)
    for epoch in range(12):
        fallen = min(epoch, 4) / 4
        losses = torch.tensor([1 - 0.2 * fallen, 1 - 0.8 * fallen])
        for _ in range(100):
            _, weights = module(losses)
        dwa.epoch_ended(losses)
    assert weights[0] / weights[1] == pytest.approx(0.8 / 0.2, rel=0.01)
    assert dwa(losses)[1].tolist() == pytest.approx([1, 1])


def test_balance_makes_losses_start_with_equal_size() -> None:
    losses = torch.tensor([2.0, 0.02, 0.5])
    _, weights = build()(losses)
    assert (weights * losses).tolist() == pytest.approx([(weights * losses)[0].item()] * 3)
    _, even = build(balance=False)(losses)
    assert even.tolist() == [1, 1, 1]


def test_a_task_not_seen_yet_gets_a_usual_weight() -> None:
    _, weights = build()(torch.tensor([20.0, 0.0, 5.0]))
    shares = [1 / 20, 1 / 12.5, 1 / 5]
    assert weights.tolist() == pytest.approx([3 * share / sum(shares) for share in shares])
    _, one = build()(torch.tensor([20.0, 0.0, 0.0]))
    assert one.tolist() == [1, 1, 1]
    _, nothing = build()(torch.zeros(3))
    assert nothing.tolist() == [1, 1, 1]


def test_evaluating_moves_no_average() -> None:
    module = build()
    module(torch.tensor([1.0, 1.0, 1.0]))
    module.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    module(torch.tensor([5.0, 1.0, 1.0]))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
