"""Losses of numbers and points against their formulas, number by number."""

from __future__ import annotations

import math

import pytest
import tiny_parts  # noqa: F401 - one thread
import torch
from loss_cases import batch, build


def wing(error: float, w: float, epsilon: float, side: float) -> float:
    """Feng et al., in pixels of an input of that side, then back to fractions of it."""
    pixels = side * abs(error)
    constant = w - w * math.log(1 + w / epsilon)
    return (w * math.log(1 + pixels / epsilon) if pixels < w else pixels - constant) / side


def smooth(error: float, beta: float) -> float:
    size = abs(error)
    return 0.5 * size**2 / beta if size < beta else size - 0.5 * beta


@pytest.mark.parametrize(
    ("name", "kind", "options", "cost"),
    [
        ("l1", "scalar", {}, abs),
        ("l1", "landmarks", {}, abs),
        ("mse", "scalar", {}, lambda e: e * e),
        ("mse", "landmarks", {}, lambda e: e * e),
        ("smooth_l1", "scalar", {}, lambda e: smooth(e, 1.0)),
        ("smooth_l1", "landmarks", {}, lambda e: smooth(e, 0.01)),
        ("smooth_l1", "landmarks", {"beta": 0.1}, lambda e: smooth(e, 0.1)),
        ("wing", "landmarks", {}, lambda e: wing(e, 10, 2, 64)),
        (
            "wing",
            "landmarks",
            {"w": 3.0, "epsilon": 0.5, "side": 112.0},
            lambda e: wing(e, 3, 0.5, 112),
        ),
    ],
)
def test_value_is_the_mean_cost_of_known_numbers(name, kind, options, cost) -> None:
    data = batch(kind)
    errors = (data.outputs - data.targets)[data.known].tolist()
    value = build(name, kind, **options)(data.outputs, data.targets)
    assert value.item() == pytest.approx(sum(map(cost, errors)) / len(errors), rel=1e-4)


def test_wing_counts_small_errors_more_and_large_ones_as_l1_does() -> None:
    module = build("wing", "landmarks")
    errors = torch.tensor([[0.0005, 0.01, 0.1, 0.16, 0.3, -0.3]], requires_grad=True)
    module(errors, torch.zeros(1, 6)).backward()
    gradient = (6 * errors.grad[0]).tolist()
    assert gradient[0] == pytest.approx(10 / (2 + 64 * 0.0005))  # w / (epsilon + x)
    assert gradient[0] > gradient[1] > gradient[2] > 1
    assert gradient[3:] == pytest.approx([1, 1, -1])
    joints = torch.tensor([[0.15624, 0.15626] * 3])  # just below and above w, 10 / 64
    below, above = (module(joints[:, i : i + 1].expand(1, 6), torch.zeros(1, 6)) for i in (0, 1))
    # No step there: a slope of w / (epsilon + w) below it and of 1 above.
    assert above.item() - below.item() == pytest.approx(1e-5 * (10 / 12 + 1), rel=0.05)
